import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { collectCopies, createPublishActivities } from '../../activities/publish.ts';
import { allowedEnvironment, HOST_ENVIRONMENT } from '../../config/env.ts';
import { settingsSchema } from '../../config/schema.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import type { Db } from '../../store/database.ts';
import { effectsOf } from '../../store/journal.ts';
import type { Artifact } from '../../workflows/types.ts';
import { startMaven } from '../servers/maven.ts';
import { useDatabases } from '../story/database.ts';

// A real PostgreSQL, a real server over HTTP and real commands; a second call stands for the worker that comes next.
const freshDatabase = useDatabases();
const root = mkdtempSync(join(tmpdir(), 'pw-publish-'));
const store = createArtifactStore(join(root, 'artifacts'));
const JAR = 'org/example/kafka/clients/3.6.2-fork.1/clients-3.6.2-fork.1.jar';
const POM = JAR.replace(/jar$/, 'pom');
const METADATA = 'org/example/kafka/clients/maven-metadata.xml';
let maven: Awaited<ReturnType<typeof startMaven>>;
let db: Db;
let jar: Artifact;

beforeAll(async () => {
  jar = { name: 'kafka-clients.jar', ...(await store.put('the bytes of a jar')) };
});
beforeEach(async () => {
  maven = await startMaven();
  db = (await freshDatabase()).db;
  return () => maven.stop();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function publishing(publish: object, secrets: Record<string, string> = {}) {
  const fork = {
    repository: '/nowhere',
    base: '3.6.2',
    build: { command: ['true'], artifacts: [{ name: 'kafka-clients.jar', path: 'out.jar' }] },
    suites: { unit: { runner: 'junit-xml', command: ['true'], reports: ['out'] } },
    release: { suites: ['unit'], publish },
  };
  const settings = settingsSchema.parse({ forks: { kafka: fork } });
  const activities = createPublishActivities({
    ...{ db, dataDir: join(root, 'data'), artifacts: store },
    settings: async () => settings,
    hostEnv: allowedEnvironment(HOST_ENVIRONMENT),
    readSecret: (ref) => ('env' in ref ? (secrets[ref.env] ?? '') : ''),
  });
  return (artifact = jar, version = '3.6.2-fork.1') =>
    activities.publishArtifact({
      ...{ release: 'kafka-1', n: 1, fork: 'kafka', settings: '', version, commit: 'abc', artifact },
    });
}

const toMaven = (more: object = {}) => {
  const { url, user, password } = maven;
  const to = { url, group: 'org.example.kafka', user, password: { env: 'PASSWORD' } };
  const artifacts = { 'kafka-clients.jar': { id: 'clients' } };
  return publishing({ maven: { ...to, artifacts, ...more } }, { PASSWORD: password });
};
const sum = (kind: string, bytes: Buffer) => createHash(kind).update(bytes).digest('hex');
const journal = async () => (await effectsOf(db, 'kafka-1')).map(({ key, state, found }) => ({ key, state, found }));

describe('to a Maven repository', () => {
  test('everything that Maven looks for, with its checksums; asked for again, nothing is sent', async () => {
    const publish = toMaven();
    const published = { where: `${maven.url}/${JAR}`, sha256: jar.sha256 };
    expect(await publish()).toEqual(published);
    const files = [JAR, POM, METADATA];
    const sums = ['md5', 'sha1', 'sha256', 'sha512'];
    expect([...maven.puts].sort()).toEqual(
      files.flatMap((file) => [file, ...sums.map((kind) => `${file}.${kind}`)]).sort(),
    );
    for (const file of files)
      for (const kind of sums) expect(maven.text(`${file}.${kind}`)).toBe(sum(kind, maven.bytes(file)));
    expect(maven.text(POM)).toMatch(/<artifactId>clients<\/artifactId>\s*<version>3\.6\.2-fork\.1<\/version>/);
    expect(maven.text(METADATA)).toContain('<release>3.6.2-fork.1</release>');

    const sent = maven.puts.length;
    expect(await publish()).toEqual(published);
    expect(maven.puts).toHaveLength(sent);
    const key = expect.stringMatching(/^kafka-1\/publish\/kafka-clients\.jar\/[0-9a-f]{12}$/);
    expect(await journal()).toEqual([{ key, state: 'done', found: false }]);
  });

  test('to another place it is published too', async () => {
    await toMaven()();
    const elsewhere = { where: `${maven.url}/${JAR.replace('example', 'other')}`, sha256: jar.sha256 };
    expect(await toMaven({ group: 'org.other.kafka' })()).toEqual(elsewhere);
    expect(sum('sha256', maven.bytes(JAR.replace('example', 'other')))).toBe(jar.sha256);
    expect(await journal()).toMatchObject([{ state: 'done' }, { state: 'done' }]);
  });

  test('what has a classifier stands beside the POM of its id, in whatever order', async () => {
    const artifacts = { 'kafka-clients.jar': { id: 'clients' }, 'docs.zip': { id: 'clients', classifier: 'docs' } };
    const publish = toMaven({ artifacts });
    const docs = { name: 'docs.zip', ...(await store.put('the bytes of its docs')) };
    // Its line in the list is there before the jar is whole: the list says nothing of the jar.
    await publish(docs);
    maven.fail(JAR, { kind: 'die' });
    await expect(publish()).rejects.toThrow();
    await publish();
    expect(maven.text(POM)).toContain('<packaging>jar</packaging>');
    expect(maven.text(`${JAR}.sha512`)).toBe(sum('sha512', maven.bytes(JAR)));
    expect(sum('sha256', maven.bytes(JAR.replace('.jar', '-docs.zip')))).toBe(docs.sha256);
  });

  test.each([JAR, `${JAR}.sha1`, POM, METADATA, `${METADATA}.md5`])(
    'died right after %s was kept: the rest follows, nothing twice',
    async (path) => {
      const publish = toMaven();
      maven.fail(path, { kind: 'die' });
      await expect(publish()).rejects.toThrow();
      expect((await publish()).sha256).toBe(jar.sha256);
      expect(new Set(maven.puts.filter((put) => !put.includes('maven-metadata'))).size).toBe(10);
      expect(maven.text(METADATA).match(/<version>/g)).toHaveLength(1);
      expect(maven.text(`${METADATA}.sha1`)).toBe(sum('sha1', maven.bytes(METADATA)));
      expect(maven.text(`${METADATA}.sha512`)).toBe(sum('sha512', maven.bytes(METADATA)));
    },
  );

  test('died between the last file and the record: it is found, and nothing is sent', async () => {
    const publish = toMaven();
    maven.fail(`${METADATA}.sha512`, { kind: 'die' });
    await expect(publish()).rejects.toThrow();
    const sent = maven.puts.length;
    expect((await publish()).sha256).toBe(jar.sha256);
    expect(maven.puts).toHaveLength(sent);
    expect(await journal()).toMatchObject([{ state: 'done', found: true }]);
  });

  test('another content under the same version is left as it is, for good', async () => {
    const publish = toMaven();
    await publish();
    const other = { name: jar.name, ...(await store.put('the bytes of another jar')) };
    await db.deleteFrom('effect').execute();
    await expect(publish(other)).rejects.toMatchObject({ type: 'PublishedOtherwise', nonRetryable: true });
    expect(sum('sha256', maven.bytes(JAR))).toBe(jar.sha256);
  });

  test('a later version is listed after the one before', async () => {
    await toMaven()();
    await db.deleteFrom('effect').execute();
    await toMaven()(jar, '3.6.2-fork.2');
    expect(maven.text(METADATA).match(/<version>.*<\/version>/g)).toEqual([
      '<version>3.6.2-fork.1</version>',
      '<version>3.6.2-fork.2</version>',
    ]);
  });

  test('a server that refuses is told in its words, without the password, and may be asked again', async () => {
    const publish = toMaven();
    maven.fail(POM, { kind: 'refuse', status: 503 });
    await expect(publish()).rejects.toThrow(`PUT ${maven.url}/${POM} was answered with 503: as it was told`);
    expect((await publish()).sha256).toBe(jar.sha256);
    const stranger = toMaven({ user: 'somebody' });
    await db.deleteFrom('effect').execute();
    await expect(stranger()).rejects.toThrow(/401: who are you\?/);
  });
});

describe('by the fork’s own commands', () => {
  const folder = join(root, 'published');
  const copies = () => readdirSync(join(root, 'data', 'publish')).sort();
  const script = (name: string, text: string) => {
    const file = join(root, name);
    writeFileSync(file, text);
    return ['sh', file, folder];
  };
  const byCommand = (more = '') => {
    const about = ['{artifact}', '{version}'];
    return publishing(
      {
        command: {
          publish: {
            run: [
              ...script('publish.sh', `test "$TOKEN" = "s3cret" && cp "$4" "$1/$2-$3" ${more}`),
              ...[...about, '{file}', '{sha256}'],
            ],
          },
          readBack: {
            run: [...script('read-back.sh', 'test ! -e "$1/$2-$3" || sha256sum "$1/$2-$3" | cut -c1-64'), ...about],
          },
          secrets: { TOKEN: { env: 'MINE' } },
        },
      },
      { MINE: 's3cret' },
    );
  };
  beforeEach(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
  });

  test('once, and read back by its digest', async () => {
    const publish = byCommand('&& echo once >> "$1/log"');
    const published = { where: 'kafka-clients.jar 3.6.2-fork.1', sha256: jar.sha256 };
    expect(await publish()).toEqual(published);
    expect(await publish()).toEqual(published);
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('once\n');
    expect(copies()).toEqual([]);
  });

  test('a copy that an attempt left which was killed is removed after a day', () => {
    for (const name of ['copy-old', 'copy-new', 'kept']) mkdirSync(join(root, 'data', 'publish', name));
    for (const name of ['copy-old', 'kept']) utimesSync(join(root, 'data', 'publish', name), 0, 0);
    expect(collectCopies(join(root, 'data'))).toBe(1);
    expect(copies()).toEqual(['copy-new', 'kept']);
  });

  test('that died after it had published: found, and not run again', async () => {
    const publish = byCommand('&& echo once >> "$1/log" && kill -9 $$');
    await expect(publish()).rejects.toThrow(/kafka-clients\.jar: the publish command was ended by SIGKILL/);
    expect((await publish()).sha256).toBe(jar.sha256);
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('once\n');
    expect(await journal()).toMatchObject([{ state: 'done', found: true }]);
  });

  test('that publishes something else, or nothing, has not published', async () => {
    await expect(byCommand('&& echo more >> "$1/$2-$3"')()).rejects.toMatchObject({ type: 'PublishedOtherwise' });
    rmSync(join(folder, 'kafka-clients.jar-3.6.2-fork.1'));
    await expect(byCommand('&& rm "$1/$2-$3"')()).rejects.toThrow(/readBack finds nothing of it/);
  });
});
