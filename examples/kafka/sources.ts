import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Progress } from '../../setup/progress.ts';
import { run } from './run.ts';

/** A module of the fork and the published source jar it is made from. */
export type SourceModule = { module: string; artifact: string; sha256: string };

export const KAFKA_VERSION = '3.6.2';

/** Pinned: other bytes would be another base, with other commits. */
export const SOURCE_MODULES: readonly SourceModule[] = [
  {
    module: 'clients',
    artifact: 'kafka-clients',
    sha256: '4abc5bb6bca9dc734832adc71813cccb8e8265b9e1365a0bb1794850e7ec1bc1',
  },
  {
    module: 'server-common',
    artifact: 'kafka-server-common',
    sha256: 'bf7caef89fab27cd87b40bae017f54b7b88bafa25c013e51b8a6c24f2a8cc4bb',
  },
];

/** A file of the fork: its path in the repository and its bytes. */
export type SourceFile = { path: string; content: Buffer };

/**
 * The files of the base, sorted by path, from source jars that Maven fetches once and the cache keeps.
 * Throws where Maven cannot get a jar, or where its bytes are not the pinned ones.
 */
export async function readKafkaSources(cacheDir: string, progress: Progress): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const source of SOURCE_MODULES) {
    const jar = await sourceJar(source, cacheDir, progress);
    files.push(...(await unpack(source, jar)));
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function sourceJar(source: SourceModule, cacheDir: string, progress: Progress): Promise<string> {
  const folder = join(cacheDir, 'kafka-sources', KAFKA_VERSION);
  const name = `${source.artifact}-${KAFKA_VERSION}-sources.jar`;
  const kept = join(folder, name);
  if (existsSync(kept) && sha256Of(kept) === source.sha256) return kept;
  const coordinate = `org.apache.kafka:${source.artifact}:${KAFKA_VERSION}:jar:sources`;
  progress('Kafka sources', `fetching ${coordinate} with Maven`);
  // Beside its final place: an interrupted copy is never taken for the jar.
  const partial = join(folder, `partial-${process.pid}`);
  mkdirSync(partial, { recursive: true });
  try {
    await run(
      'mvn',
      [
        '-B',
        '-q',
        'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy',
        `-Dartifact=${coordinate}`,
        `-DoutputDirectory=${partial}`,
        '-Dmdep.overWriteReleases=true',
      ],
      { cwd: partial },
    );
    const found = sha256Of(join(partial, name));
    if (found !== source.sha256) throw new Error(`${coordinate} has SHA-256 ${found}; ${source.sha256} is pinned`);
    renameSync(join(partial, name), kept);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return kept;
}

async function unpack(source: SourceModule, jar: string): Promise<SourceFile[]> {
  const folder = `${jar}.unpacked-${process.pid}`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    await run('jar', ['xf', jar], { cwd: folder });
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => ({ inJar: relative(folder, file).split(sep).join('/'), file }))
      .filter(({ inJar }) => inJar !== 'META-INF/MANIFEST.MF')
      .map(({ inJar, file }) => ({ path: pathInFork(source.module, inJar), content: readFileSync(file) }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function pathInFork(module: string, inJar: string): string {
  return `${module}/src/main/${inJar.endsWith('.java') ? 'java' : 'resources'}/${inJar}`;
}

function sha256Of(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
