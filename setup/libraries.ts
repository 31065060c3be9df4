import { createHash, randomUUID } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ExitError } from '../lib/exit-error.ts';
import { readJsonFile, writeJsonFile } from '../lib/json-file.ts';
import { librariesPom, parseCoordinates } from './libraries-pom.ts';
import { type Machine, onPath } from './machine.ts';
import type { Progress } from './progress.ts';
import { runToEnd } from './run.ts';
import { alone } from './setup-lock.ts';

/** A named set of Maven artifacts, resolved to a folder of jars. */
export interface LibrarySpec {
  /** `group:artifact:version`, `group:artifact:version:classifier` or `group:artifact:jar:classifier:version`. */
  coordinates: readonly string[];
  /** With what they need at run time. */
  transitive: boolean;
  /** `group:artifact`, `group:*`: left out wherever they come from. */
  excludes?: readonly string[] | undefined;
  /** `group:artifact:version`: the version of what others bring along. */
  pins?: readonly string[] | undefined;
}

export interface Library {
  dir: string;
  /** In order of name. */
  jars: { file: string; sha256: string; bytes: number }[];
}

const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';

/**
 * The folder that holds exactly these jars, in the user's cache. At once where it was made
 * before; else by Maven, which keeps what it fetched when it is interrupted. The folder
 * appears whole or not at all. Throws what was asked for, and what to do, when Maven cannot.
 */
export async function resolveLibrary(spec: LibrarySpec, machine: Machine, progress: Progress): Promise<Library> {
  const key = keyOf(spec);
  const dir = join(machine.cacheDir, 'libraries', key);
  const known = readLibrary(dir);
  if (known) return known;
  const step = `library ${spec.coordinates[0]}${spec.coordinates.length > 1 ? ` and ${spec.coordinates.length - 1} more` : ''}`;
  return alone(machine, `library-${key}`, progress, async () => {
    const made = readLibrary(dir);
    if (made) return made;
    const fresh = join(machine.cacheDir, 'libraries', `new-${randomUUID().slice(0, 8)}`);
    mkdirSync(fresh, { recursive: true });
    try {
      await copyJars(spec, fresh, step, machine, progress);
      const jars = await listJars(fresh);
      if (jars.length === 0) throw new ExitError(3, `${step}: Maven copied no jar`);
      writeJsonFile(join(fresh, 'manifest.json'), { spec, jars });
      // What lies there is incomplete or damaged, else it had been found.
      rmSync(dir, { recursive: true, force: true });
      renameSync(fresh, dir);
      progress(step, `${jars.length} jars`);
      return { dir, jars };
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
  });
}

/** Where `resolveLibrary` would find it without Maven, or undefined. */
export function findLibrary(spec: LibrarySpec, machine: Machine): Library | undefined {
  return readLibrary(join(machine.cacheDir, 'libraries', keyOf(spec)));
}

async function copyJars(spec: LibrarySpec, fresh: string, step: string, machine: Machine, progress: Progress) {
  const maven = onPath(machine, 'mvn');
  if (maven === undefined)
    throw new ExitError(3, `${step}: there is no mvn on the PATH. Get it: apt-get install maven`);
  const pom = join(fresh, 'pom.xml');
  writeFileSync(pom, librariesPom(spec));
  let fetched = 0;
  progress(step, 'asking Maven');
  const flags = ['-B', '-U', '-f', pom, '-Dstyle.color=never', '-Daether.connector.connectTimeout=10000'];
  const how = [`-DoutputDirectory=${fresh}`, '-DincludeScope=runtime', '-Dmdep.useBaseVersion=true'];
  const { exitCode, output } = await runToEnd(maven, [...flags, COPY, ...how], {
    cwd: fresh,
    env: machine.env,
    what: step,
    mayFail: true,
    signal: machine.interrupted,
    onLine: (line) => {
      const file = /^(?:\[INFO\] )?Downloaded from \S+: \S*\/(\S+\.jar)/.exec(line)?.[1];
      if (file === undefined) return;
      fetched += 1;
      progress(step, `fetched ${file} (${fetched})`);
    },
  });
  rmSync(pom, { force: true });
  if (exitCode !== 0) throw new ExitError(3, mavenProblem(step, spec, output));
}

function mavenProblem(step: string, spec: LibrarySpec, output: string): string {
  const errors = output.split('\n').filter((line) => line.startsWith('[ERROR]'));
  const first = errors[0]?.replace('[ERROR] ', '').slice(0, 600) ?? output.trim().slice(-600);
  return (
    `${step}: Maven could not get ${spec.coordinates.join(', ')}.\n${first}\n` +
    "Check the coordinates, the network and Maven's settings (~/.m2/settings.xml: mirrors, proxies); " +
    'the same command then carries on with what was fetched.'
  );
}

/** A manifest whose every jar is there in its size. The bytes were hashed when they were copied. */
function readLibrary(dir: string): Library | undefined {
  const manifest = readJsonFile<{ jars: Library['jars'] }>(join(dir, 'manifest.json'));
  const whole = manifest?.jars.every(
    ({ file, bytes }) => statSync(join(dir, file), { throwIfNoEntry: false })?.size === bytes,
  );
  return manifest && whole ? { dir, jars: manifest.jars } : undefined;
}

async function listJars(dir: string): Promise<Library['jars']> {
  const files = existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.jar')) : [];
  const jars: Library['jars'] = [];
  for (const file of files.sort()) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(join(dir, file))) hash.update(chunk as Buffer);
    jars.push({ file, sha256: hash.digest('hex'), bytes: statSync(join(dir, file)).size });
  }
  return jars;
}

function keyOf(spec: LibrarySpec): string {
  const canonical = {
    coordinates: spec.coordinates.map(parseCoordinates),
    transitive: spec.transitive,
    excludes: [...(spec.excludes ?? [])].sort(),
    pins: [...(spec.pins ?? [])].sort(),
  };
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex').slice(0, 20);
}
