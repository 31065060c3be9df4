import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { takeFiles } from '../activities/sandbox/files.ts';
import { letSandboxesRead } from '../activities/sandbox/folders.ts';
import { runInSandbox } from '../activities/sandbox/run.ts';
import type { Sandbox, Workspace } from '../activities/sandbox/types.ts';
import { withWorkspace } from '../activities/sandbox/workspaces.ts';
import { logger } from '../lib/log.ts';
import { mayUseArchive, useArchive } from './archive-options.ts';
import { describeEnd } from './home.ts';
import { junitFirst } from './junit-first.ts';
import type { JvmArm } from './protocol.ts';

/** What an archive is for: the JVM of a suite with its arguments, and a class path that begins with the runner's jar. */
export type ArchiveFor = {
  cacheDir: string;
  java: string;
  args: readonly string[];
  env: Record<string, string>;
  sandbox: Sandbox;
  classpath: string[];
};

const SECONDS = 60;
const MOST_BYTES = 128 << 20;
const TRAINED_WITH = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/**
 * The class path with the runner and JUnit in front, and the archive of their classes: a JVM maps it and is at its
 * first test in half of the time (docs/runners.md). Made once for a JDK, runner and JUnit, in `cacheDir`
 * (`classes/<hash>`), and found there; tried once in this process with the arguments of the suite. Where it cannot be
 * made, or this JVM would not take it, the class path as it was.
 *
 * An archive that is damaged, or not what its JVM loads, would do harm to every suite of this host. So only the jars
 * that name it run for it, in the fork's sandbox, where afterwards nobody can write; and its name has its digest.
 *
 * Safe to call several times at once, by one process or by several.
 */
export async function withArchive(wanted: ArchiveFor): Promise<JvmArm> {
  const { classpath, args, env } = wanted;
  const plain = { classpath };
  const [runner = '', ...jars] = classpath;
  const order = mayUseArchive(args, env) ? junitFirst(jars) : undefined;
  if (order === undefined) return plain;
  const prefix = [runner, ...order.junit];
  const key = JSON.stringify([{ ...wanted, classpath: prefix }, prefix.map((jar) => stampOf(jar))]);
  const known = await found.get(key);
  if (known === undefined || (known !== 'none' && !existsSync(known))) found.set(key, find(wanted, prefix));
  const archive = await found.get(key);
  if (archive === undefined || archive === 'none') return plain;
  return { classpath: [...prefix.map((jar) => join(dirname(archive), basename(jar))), ...order.rest], archive };
}

/** In this process: what was found for the same before. */
const found = new Map<string, Promise<string | 'none'>>();
const making = new Map<string, Promise<string>>();

async function find(wanted: ArchiveFor, prefix: readonly string[]): Promise<string | 'none'> {
  try {
    const folder = folderFor(wanted, prefix);
    const known = making.get(folder);
    const made = known ?? make(wanted, folder, prefix).finally(() => making.delete(folder));
    if (!known) making.set(folder, made);
    const archive = await made;
    await tryOut(wanted, archive, prefix);
    return archive;
  } catch (error) {
    // It is only for speed: a suite runs without it as well.
    logger('runner').warn({ err: (error as Error).message }, 'JVMs of a suite start without an archive of classes');
    return 'none';
  }
}

function folderFor({ cacheDir, java, env }: ArchiveFor, prefix: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify([cacheDir, jdkOf(java, env), TRAINED_WITH]));
  for (const jar of prefix) hash.update(`\0${basename(jar)}\0`).update(sha256(readFileSync(jar)));
  return join(cacheDir, 'classes', hash.digest('hex').slice(0, 32));
}

/** Names a JDK on this disk. One behind a script is named by the script; its JVM then refuses an archive of another. */
function jdkOf(java: string, { PATH = '' }: Record<string, string>): string[] {
  const places = java.includes('/') ? [java] : PATH.split(delimiter).map((folder) => join(folder, java));
  const place = places.find((file) => existsSync(file));
  if (place === undefined) throw new Error(`there is no ${java}`);
  const file = realpathSync(place);
  const modules = join(dirname(dirname(file)), 'lib', 'modules');
  return [file, ...[file, modules].filter((path) => existsSync(path)).map(stampOf)];
}

function stampOf(file: string): string {
  const { size, mtimeMs } = statSync(file);
  return `${size} ${mtimeMs}`;
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The archive in a folder, found or made. Its jars lie beside it: an archive knows them by path, size and date. */
async function make(wanted: ArchiveFor, folder: string, prefix: readonly string[]): Promise<string> {
  if (!existsSync(folder)) copyJars(folder, prefix);
  const classpath = prefix.map((jar) => join(folder, basename(jar)));
  letSandboxesRead(classpath);
  // A cache that was restored has its jars with other dates: what was archived with those of before is refused for good.
  const dates = sha256(Buffer.from(classpath.map(stampOf).join())).slice(0, 16);
  const whole = wholeIn(folder, dates);
  if (whole !== undefined) return whole;
  const taken = join(folder, `${randomUUID()}.tmp`);
  try {
    await withWorkspace(wanted.sandbox, {}, (workspace) => train(wanted, workspace, classpath, taken));
    const file = join(taken, 'classes.jsa');
    sync(file);
    const made = join(folder, nameOf(dates, file));
    renameSync(file, made);
    letSandboxesRead([made]);
    return made;
  } finally {
    rmSync(taken, { recursive: true, force: true });
  }
}

function copyJars(folder: string, jars: readonly string[]): void {
  const building = `${folder}.${randomUUID()}.tmp`;
  mkdirSync(building, { recursive: true });
  try {
    for (const jar of jars) {
      const copy = join(building, basename(jar));
      writeFileSync(copy, readFileSync(jar));
      sync(copy);
    }
    renameSync(building, folder);
  } catch (error) {
    // Another worker was faster with the same jars.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

function sync(file: string): void {
  const descriptor = openSync(file, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

const nameOf = (dates: string, file: string) => `${dates}-${sha256(readFileSync(file))}.jsa`;

/** One whose bytes are what its name says: a JVM dies of half an archive. */
function wholeIn(folder: string, dates: string): string | undefined {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${dates}-`) && name.endsWith('.jsa'))
    .sort()
    .map((name) => join(folder, name))
    .find((file) => basename(file) === nameOf(dates, file));
}

/** Runs the runner on a test of its own. Nothing of the fork runs but its JUnit, where it brings one. */
async function train(
  { java, env, sandbox }: ArchiveFor,
  workspace: Workspace,
  classpath: readonly string[],
  into: string,
): Promise<void> {
  const options = [...TRAINED_WITH, `-XX:ArchiveClassesAtExit=${workspace.inside}/classes.jsa`];
  const words = ['patchwright.runner.Training', 'patchwright.runner.TrainingTest'];
  const { PATH = '' } = env;
  await runJava({ command: [java, ...options, ...words], env: { PATH }, sandbox, workspace, classpath, into });
  const limits = { maxBytes: MOST_BYTES, maxFiles: 1 };
  await takeFiles(sandbox, workspace, ['classes.jsa'], { ...limits, into, outputDir: into });
}

/** @throws where a JVM with the suite's own arguments does not take it, or says anything about it. */
async function tryOut(
  { java, args, env, sandbox }: ArchiveFor,
  archive: string,
  prefix: readonly string[],
): Promise<void> {
  const classpath = prefix.map((jar) => join(dirname(archive), basename(jar)));
  const into = join(dirname(archive), `${randomUUID()}.tmp`);
  try {
    await withWorkspace(sandbox, {}, async (workspace) => {
      const command = [java, ...useArchive(archive), ...args, '-Xshare:on', 'patchwright.runner.Training'];
      const said = await runJava({ command, env, sandbox, workspace, classpath, into });
      if (said !== '') throw new Error(`a JVM with the suite’s arguments does not take it in silence: ${said}`);
    });
  } finally {
    rmSync(into, { recursive: true, force: true });
  }
}

type JavaRun = {
  command: string[];
  env: Record<string, string>;
  sandbox: Sandbox;
  workspace: Workspace;
  classpath: readonly string[];
  into: string;
};

/** What it said. @throws where it does not end well. */
async function runJava({ command, env, sandbox, workspace, classpath, into }: JavaRun): Promise<string> {
  const { end, stdout, stderr } = await runInSandbox(
    sandbox,
    {
      ...{ command, workspace, jvmHints: false, limits: { seconds: SECONDS } },
      env: { ...env, CLASSPATH: classpath.join(':') },
      readOnly: [...new Set(classpath.map(dirname))].map((source) => ({ source })),
    },
    { outputDir: into },
  );
  const said = [stdout, stderr].map(({ file }) => readFileSync(file, 'utf8').trim().slice(0, 500)).join(' ');
  if (end.kind !== 'exited' || end.exitCode !== 0) throw new Error(`java: ${describeEnd(end)}: ${said}`);
  return said.trim();
}
