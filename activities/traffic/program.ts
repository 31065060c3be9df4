import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SOURCES = fileURLToPath(new URL('../../traffic/', import.meta.url));
/** What the program needs of the Kafka library; the rest of it is the broker's. */
const NEEDED = /^(kafka-clients|slf4j-api|slf4j-reload4j|reload4j|lz4-java|snappy-java|zstd-jni)-/;

export type ProgramDeps = {
  /** The user's cache of this product; the program is compiled once into `traffic/<hash>/`. */
  cacheDir: string;
  hostEnv: Readonly<Record<string, string>>;
};

/**
 * The class path of the canary traffic: our classes, compiled now if these sources were never compiled
 * against these jars, and the library's own clients (never the fork's).
 *
 * @param library the folder of jars that the environment's nodes run
 */
export async function trafficClassPath(library: string, { cacheDir, hostEnv }: ProgramDeps): Promise<string> {
  const jars = readdirSync(library).filter((jar) => NEEDED.test(jar));
  if (!jars.some((jar) => jar.startsWith('kafka-clients-')))
    throw new Error(`${library} has no kafka-clients jar for the canary traffic`);
  const jarPaths = jars.map((jar) => join(library, jar));
  const sources = readdirSync(SOURCES)
    .filter((name) => name.endsWith('.java'))
    .sort();
  const hash = createHash('sha256');
  for (const source of sources) hash.update(source).update(readFileSync(join(SOURCES, source)));
  const classes = join(cacheDir, 'traffic', hash.update(jars.sort().join()).digest('hex').slice(0, 16));
  if (!existsSync(classes)) await compile(sources, jarPaths, classes, hostEnv);
  return [classes, ...jarPaths].join(':');
}

async function compile(sources: string[], jars: string[], classes: string, hostEnv: Readonly<Record<string, string>>) {
  const temporary = `${classes}.${randomUUID().slice(0, 8)}.part`;
  mkdirSync(temporary, { recursive: true });
  const javac = hostEnv.JAVA_HOME ? join(hostEnv.JAVA_HOME, 'bin', 'javac') : 'javac';
  try {
    // Processors and plugins of the library's jars would run here, outside of any sandbox: they are looked for where there
    // is nothing.
    const ours = ['--release', '17', '-proc:none', '-processorpath', temporary];
    const files = sources.map((source) => join(SOURCES, source));
    await run(javac, [...ours, '-cp', jars.join(':'), '-d', temporary, ...files], {
      env: { PATH: hostEnv.PATH, LANG: 'C.UTF-8' },
      timeout: 120_000,
    });
    renameSync(temporary, classes);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    // Two at once: the other one's classes are the same.
    if (!existsSync(classes)) throw error;
  }
}
