import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join, normalize, relative } from 'node:path';
import type { Settings } from '../../config/schema.ts';
import type { JunitPlatformSettings, SuiteSettings } from '../../config/suite.ts';
import { globPattern } from '../../decisions/test-pattern.ts';
import { withArchive } from '../../runner/archive.ts';
import { compileRunner } from '../../runner/compile.ts';
import type { CommandSpec, JvmSpec, RunnerSpec } from '../../runner/protocol.ts';
import type { Build } from '../../workflows/types.ts';
import { permanent } from '../failures.ts';
import { ensureBase } from '../sandbox/bases.ts';
import { letSandboxesRead } from '../sandbox/folders.ts';
import type { Sandbox } from '../sandbox/types.ts';
import { type SuiteRunnerDeps, sandboxOf } from './deps.ts';
import { runFolder } from './folders.ts';

type Entry = JunitPlatformSettings['classpath'][number];

/** A suite run on this host: its arms are made of the builds that the plan names, by digest, when they are first needed. */
export async function hostRunner(
  deps: SuiteRunnerDeps,
  order: { suiteRun: string; suite: SuiteSettings; settings: Settings; builds: Readonly<Record<string, Build>> },
  names: readonly string[],
): Promise<RunnerSpec> {
  const made = names.map(async (name) => {
    const build = order.builds[name];
    if (!build) throw new Error(`suite run ${order.suiteRun} has no build for its arm ${name}`);
    return [name, await prepareArm(deps, order, name, build)] as const;
  });
  return runnerSpec(deps, order.suite, Object.fromEntries(await Promise.all(made)));
}

/** How the batches of a suite run. */
function runnerSpec(deps: SuiteRunnerDeps, suite: SuiteSettings, arms: Record<string, unknown>): RunnerSpec {
  const env = deps.environment(suite.environment);
  if (suite.runner === 'junit-xml') {
    const { command, rerun = command, reports } = suite;
    return { kind: 'junit-xml', command, rerun, reports, env, arms: arms as CommandSpec['arms'] };
  }
  if (suite.runner === 'maven') {
    const { command, arguments: words, plugin, offline, reports = `target/${plugin}-reports` } = suite;
    const given = { command, arguments: words, plugin, offline, reports };
    return { kind: 'maven', ...given, env, arms: arms as CommandSpec['arms'] };
  }
  return { kind: 'junit-platform', java: javaTool(env, 'java'), jvm: suite.jvm, env, arms: arms as JvmSpec['arms'] };
}

export function javaTool(env: Record<string, string>, tool: 'java' | 'javac'): string {
  const home = env.JAVA_HOME;
  return home && existsSync(join(home, 'bin', tool)) ? join(home, 'bin', tool) : tool;
}

/** One side of a comparison on this host's disk. Safe to repeat: jars are fetched by digest, in one step each. */
export async function prepareArm(
  deps: SuiteRunnerDeps,
  order: { suiteRun: string; suite: SuiteSettings; settings: Settings },
  name: string,
  build: Build,
): Promise<JvmSpec['arms'][string] | CommandSpec['arms'][string]> {
  const { version, commit } = build;
  if (order.suite.runner !== 'junit-platform') return { base: checkoutKey(build), version, commit };
  const dir = join(runFolder(deps.dataDir, order.suiteRun), 'arms', name);
  mkdirSync(dir, { recursive: true });
  const jars = await resolveEntries(deps, order.settings, order.suite.classpath, build, dir);
  const env = deps.environment(order.suite.environment);
  const { cacheDir } = deps;
  const compiled = compileRunner({ cacheDir, classpath: jars, javac: javaTool(env, 'javac'), env });
  const runner = await compiled.catch((error: Error) => {
    throw permanent('BadConfiguration', `suite ${order.suiteRun}: ${error.message}`);
  });
  const sandbox = sandboxOf(deps, order.settings, build.fork);
  const java = javaTool(env, 'java');
  const arm = await withArchive({ cacheDir, java, args: order.suite.jvm, env, sandbox, classpath: [runner, ...jars] });
  letSandboxesRead(arm.classpath);
  return arm;
}

type EntryDeps = Pick<SuiteRunnerDeps, 'artifacts' | 'checkout' | 'libraryJars'>;

/** Class path entries as files, in order. */
export async function resolveEntries(
  deps: EntryDeps,
  settings: Settings,
  entries: readonly Entry[],
  build: Build,
  dir: string,
): Promise<string[]> {
  const files: string[] = [];
  for (const entry of entries) {
    if ('artifact' in entry) files.push(await fetchArtifact(deps, build, entry.artifact, dir));
    else if ('folder' in entry) files.push(...(await folderEntries(deps, settings, build, entry.folder, dir)));
    else files.push(...(await libraryJars(deps, settings, entry)));
  }
  return [...new Set(files)];
}

/** A folder of the commit that was built: its jars in order of name, or the folder itself, for classes and resources. */
async function folderEntries(
  deps: EntryDeps,
  settings: Settings,
  build: Build,
  folder: string,
  dir: string,
): Promise<string[]> {
  const checkout = await checkoutBeside(deps, settings, build, dir);
  const path = join(checkout, folder);
  // A link could lead out of the checkout; the tests would be shown what lies there.
  if (
    statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true ||
    relative(realpathSync(checkout), realpathSync(path)) !== normalize(folder).replace(/\/$/, '')
  ) {
    throw permanent(
      'BadConfiguration',
      `a suite wants the folder ${folder}, which commit ${build.commit} does not have`,
    );
  }
  const jars = readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.jar'))
    .map(({ name }) => join(path, name))
    .sort();
  return jars.length > 0 ? jars : [path];
}

/** The commit's files, read and never run. Safe to repeat and to call several times at once: whole, or made anew. */
export async function checkoutBeside(
  deps: EntryDeps,
  settings: Settings,
  { fork, commit, version }: Build,
  dir: string,
): Promise<string> {
  // No artifact has such a name.
  const checkout = join(dir, '.checkout');
  if (existsSync(checkout)) return checkout;
  const making = `${checkout}.${randomUUID()}.tmp`;
  mkdirSync(making, { recursive: true });
  try {
    await deps.checkout({ fork, commit, version }, making, settings);
    renameSync(making, checkout);
  } catch (error) {
    // Another slot was faster with the same files.
    if (!existsSync(checkout)) throw error;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return checkout;
}

async function fetchArtifact(deps: EntryDeps, build: Build, name: string, dir: string): Promise<string> {
  const artifact = build.artifacts.find((candidate) => candidate.name === name);
  if (!artifact) {
    const made = build.artifacts.map((candidate) => candidate.name).join(', ');
    throw permanent(
      'BadConfiguration',
      `a suite wants the artifact ${name}, which the build does not make; it makes: ${made}`,
    );
  }
  const file = join(dir, name);
  if (!existsSync(file)) await deps.artifacts.fetch(artifact.sha256, file);
  return file;
}

async function libraryJars(
  deps: EntryDeps,
  settings: Settings,
  entry: Extract<Entry, { library: string }>,
): Promise<string[]> {
  if (!(entry.library in settings.libraries)) {
    const there = Object.keys(settings.libraries).join(', ') || 'none';
    throw permanent('BadConfiguration', `a suite wants the library "${entry.library}"; configured are: ${there}`);
  }
  const jars = [...(await deps.libraryJars(entry.library, settings))].sort();
  if (entry.jar === undefined) return jars;
  const pattern = globPattern(entry.jar);
  const chosen = jars.filter((jar) => pattern.test(basename(jar)));
  if (chosen.length === 0) {
    throw permanent(
      'BadConfiguration',
      `library "${entry.library}" has no jar named ${entry.jar}; it has: ${jars.map((jar) => basename(jar)).join(', ')}`,
    );
  }
  return chosen;
}

/** Names a commit's files among the sandbox's bases: the same that its build lies over (activities/build/deps.ts). */
const checkoutKey = ({ fork, commit }: { fork: string; commit: string }) => `${fork}-${commit}`;

/** The arms that a batch needs; for a command its checkouts, from which each slot makes its workspaces. Safe to repeat. */
export async function armsOf(
  deps: SuiteRunnerDeps,
  options: { fork: string; settings: Settings; names: readonly string[]; sandbox: Sandbox },
  runner: RunnerSpec,
): Promise<RunnerSpec> {
  const pick = <T>(arms: Record<string, T>) =>
    Object.fromEntries(options.names.flatMap((name) => (arms[name] ? [[name, arms[name]]] : [])));
  if (runner.kind === 'junit-platform') return { ...runner, arms: pick(runner.arms) };
  const arms = pick(runner.arms);
  for (const { base, commit, version } of Object.values(arms)) {
    const source = { fork: options.fork, commit, version };
    await ensureBase(options.sandbox, base, (dir) => deps.checkout(source, dir, options.settings));
  }
  return { ...runner, arms };
}
