import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { SaxesParser } from 'saxes';
import type { SecretRef } from '../../config/env.ts';
import type { MavenPublishSettings } from '../../config/publish.ts';
import {
  type MavenCoordinates,
  mavenMetadata,
  mavenPaths,
  partsOfName,
  plainPom,
} from '../../decisions/maven-layout.ts';
import { oneLine } from '../../lib/plain-text.ts';
import type { Digest } from '../../workflows/types.ts';
import { permanent } from '../failures.ts';
import { type Published, type Publisher, requireSame, type ToPublish } from './publisher.ts';

export type ToMavenDeps = {
  readSecret: (ref: SecretRef, what: string) => string;
  /** Another artifact of the release, as text: its POM. */
  readArtifact: (release: string, name: string) => Promise<string>;
};

/** What Maven, Gradle and servers look for beside a file. */
const CHECKSUMS = ['md5', 'sha1', 'sha256', 'sha512'] as const;
type Checksums = Record<(typeof CHECKSUMS)[number], string>;
const METADATA_BYTES = 4 << 20;

/**
 * A Maven repository over HTTP, as `mvn deploy` writes it: the file, its POM, the list of versions, and four checksums
 * beside each. A file that is there with the same bytes is left alone, so that a server which forbids to deploy twice
 * is content too.
 */
export function mavenPublisher(settings: MavenPublishSettings, deps: ToMavenDeps): Publisher {
  const web = httpOf(settings, deps);
  const coordinatesOf = ({ artifact: { name }, version }: ToPublish): MavenCoordinates => {
    const { id, classifier } = settings.artifacts[name] ?? {};
    const parts = partsOfName(name);
    return { ...parts, group: settings.group, version, ...(id && { id }), ...(classifier && { classifier }) };
  };
  const pomOf = async (item: ToPublish): Promise<string> => {
    const pom = settings.artifacts[item.artifact.name]?.pom;
    return pom === undefined ? plainPom(coordinatesOf(item)) : deps.readArtifact(item.release, pom);
  };
  const said = (path: string, sha256: Digest): Published => ({ where: web.address(path), sha256 });

  return {
    takes: (names) => names.filter((name) => name in settings.artifacts),
    destination: (item) => web.address(mavenPaths(coordinatesOf(item)).file),

    async find(item) {
      const paths = mavenPaths(coordinatesOf(item));
      const { sha256 } = item.artifact;
      const found = await web.checksums(paths.file);
      if (found === undefined) return undefined;
      requireSame(web.address(paths.file), found.sha256, sha256);
      // Less is an attempt that was cut off. The list says nothing of this file: one beside it is in the same line.
      if (!(await hasChecksums(web, paths.file, found))) return undefined;
      if (paths.pom !== undefined && (await finished(web, paths.pom)) === undefined) return undefined;
      if (!settings.metadata) return said(paths.file, sha256);
      const listed = await finished(web, paths.metadata);
      return listed !== undefined && versionsIn(listed).includes(item.version) ? said(paths.file, sha256) : undefined;
    },

    async publish(item, file) {
      const coordinates = coordinatesOf(item);
      const paths = mavenPaths(coordinates);
      await putOnce(web, paths.file, await openAsBlob(file));
      if (paths.pom !== undefined) await putOnce(web, paths.pom, new Blob([await pomOf(item)]));
      if (settings.metadata) await listVersion(web, paths.metadata, coordinates);
      const found = await web.checksums(paths.file);
      if (found === undefined) throw new Error(`${web.address(paths.file)} was put there, and is not there`);
      requireSame(web.address(paths.file), found.sha256, item.artifact.sha256);
      return said(paths.file, found.sha256);
    },
  };
}

type Http = ReturnType<typeof httpOf>;

/** What is there already with these bytes is left; its checksums may be missing all the same. */
async function putOnce(web: Http, path: string, body: Blob): Promise<void> {
  const found = await web.checksums(path);
  if (found === undefined) await web.put(path, body);
  else requireSame(web.address(path), found.sha256, (await checksumsOf(body.stream())).sha256);
  await putChecksums(web, path, body);
}

async function listVersion(web: Http, path: string, coordinates: MavenCoordinates): Promise<void> {
  const there = await web.text(path);
  const known = versionsIn(there);
  const isListed = known.includes(coordinates.version);
  const body = new Blob([isListed ? there : mavenMetadata(coordinates, known, new Date())]);
  if (!isListed) await web.put(path, body);
  await putChecksums(web, path, body);
}

async function putChecksums(web: Http, path: string, body: Blob): Promise<void> {
  const sums = await checksumsOf(body.stream());
  for (const kind of CHECKSUMS)
    if ((await checksumAt(web, path, kind)) !== sums[kind]) await web.put(`${path}.${kind}`, new Blob([sums[kind]]));
}

/** By the last one: they are written in order. */
async function hasChecksums(web: Http, path: string, { sha512 }: Checksums): Promise<boolean> {
  return (await checksumAt(web, path, 'sha512')) === sha512;
}

/** A small text that is there with its checksums, or undefined. */
async function finished(web: Http, path: string): Promise<string | undefined> {
  const text = await web.text(path);
  const isWhole = text !== '' && (await hasChecksums(web, path, await checksumsOf(new Blob([text]).stream())));
  return isWhole ? text : undefined;
}

/** Some servers write the file's name behind it. */
async function checksumAt(web: Http, path: string, kind: string): Promise<string> {
  return (await web.text(`${path}.${kind}`)).trim().split(/\s/)[0] ?? '';
}

async function checksumsOf(body: AsyncIterable<Uint8Array>): Promise<Checksums> {
  const hashes = CHECKSUMS.map((kind) => [kind, createHash(kind)] as const);
  for await (const chunk of body) for (const [, hash] of hashes) hash.update(chunk);
  return Object.fromEntries(hashes.map(([kind, hash]) => [kind, hash.digest('hex')])) as Checksums;
}

function httpOf({ url, user, password, token, timeoutSeconds }: MavenPublishSettings, { readSecret }: ToMavenDeps) {
  const address = (path: string) => `${url.replace(/\/+$/, '')}/${path}`;
  const headers = (): Record<string, string> => {
    if (token) return { authorization: `Bearer ${readSecret(token, 'release.publish.maven.token')}` };
    if (user === undefined || password === undefined) return {};
    const pair = `${user}:${readSecret(password, 'release.publish.maven.password')}`;
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
  };
  const ask = (path: string, more: RequestInit = {}) =>
    fetch(address(path), { ...more, headers: headers(), signal: AbortSignal.timeout(timeoutSeconds * 1000) });
  const answered = async (what: string, path: string, response: Response): Promise<Error> =>
    new Error(`${what} ${address(path)} was answered with ${response.status}: ${oneLine(await response.text(), 200)}`);
  return {
    address,
    /** Of what is there, read whole; undefined where nothing is. */
    async checksums(path: string): Promise<Checksums | undefined> {
      const response = await ask(path);
      if (response.status === 404) return undefined;
      if (!response.ok || !response.body) throw await answered('GET', path, response);
      return checksumsOf(response.body);
    },
    /** A small text; '' where nothing is. */
    async text(path: string): Promise<string> {
      const response = await ask(path);
      if (response.status === 404) return '';
      if (!response.ok) throw await answered('GET', path, response);
      const text = await response.text();
      if (text.length > METADATA_BYTES)
        throw permanent('BadConfiguration', `${address(path)} is no maven-metadata.xml`);
      return text;
    },
    async put(path: string, body: Blob): Promise<void> {
      const response = await ask(path, { method: 'PUT', body });
      if (!response.ok) throw await answered('PUT', path, response);
    },
  };
}

/** The versions that a maven-metadata.xml lists, in its order. */
function versionsIn(text: string): string[] {
  const versions: string[] = [];
  const path: string[] = [];
  const parser = new SaxesParser();
  parser.on('opentag', ({ name }) => path.push(name));
  parser.on('closetag', () => path.pop());
  parser.on('text', (said) => {
    if (path.join('/') === 'metadata/versioning/versions/version') versions.push(said.trim());
  });
  parser.on('error', (error) => {
    throw error;
  });
  if (text !== '') parser.write(text).close();
  return versions;
}
