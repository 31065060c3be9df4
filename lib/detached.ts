import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readJsonFile } from './json-file.ts';
import { withLock } from './lock.ts';
import { isAlive, type ProcessIdentity, signalProcess, startTimeOf } from './process-identity.ts';

/**
 * Processes that outlive whoever started them (brokers, traffic, suite runners, builds), one
 * a state folder:
 *
 *   process.json   {pid, startTime, launcher: {pid, startTime}, startedAt, command, args, cwd};
 *                  written by the process itself before it becomes the command
 *   exit.json      {exitCode, endedAt}, written by its launcher when it has ended
 *   stdout.log, stderr.log   appended to
 *
 * Whoever comes next asks `stateOf(dir)` and carries on: nobody needs to be its parent.
 */
export interface DetachedSpec {
  /** The state folder; made when missing. One process a folder at a time. */
  dir: string;
  /** Found on `env.PATH` where it has no slash. */
  command: string;
  args: readonly string[];
  /** The whole environment of the process: nothing is inherited. */
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** True: one that has ended is not started again; its identity is returned as adopted. */
  once?: boolean;
}

export interface DetachedRecord extends ProcessIdentity {
  launcher: ProcessIdentity;
  startedAt: string;
  command: string;
  args: string[];
  cwd: string;
}

/**
 * `ended.exitCode` is 128 + signal for a killed process, 127 for a command not found, and
 * undefined when nobody was left to write it (the machine stopped, the launcher was killed too).
 * `unknown`: nothing was ever started in this folder.
 */
export type DetachedState =
  | { kind: 'running'; process: DetachedRecord }
  | { kind: 'ended'; process: DetachedRecord; exitCode: number | undefined; endedAt: string | undefined }
  | { kind: 'unknown' };

const LAUNCHER = fileURLToPath(new URL('./detached-launcher.sh', import.meta.url));
const LAUNCH_WAIT_MS = 60_000;
const KILLED_WAIT_MS = 10_000;

/**
 * Starts the process in a session of its own, or adopts the one that already runs in this
 * folder. Safe to repeat and to call from two places at once: two callers, or a killed caller
 * that tries again, never start two. What is left of an earlier process that has ended is
 * replaced (unless `once`).
 *
 * A command that cannot be run is seen as ended with 126 or 127, its message in stderr.log.
 */
export async function startDetached(spec: DetachedSpec): Promise<ProcessIdentity & { adopted: boolean }> {
  mkdirSync(spec.dir, { recursive: true });
  if (!existsSync(spec.cwd)) throw new Error(`cannot start ${spec.command}: its folder ${spec.cwd} does not exist`);
  return withLock(
    join(spec.dir, 'start.lock'),
    { purpose: `start ${spec.command}`, waitMs: LAUNCH_WAIT_MS },
    async () => {
      const state = stateOf(spec.dir);
      if (state.kind === 'running' || (state.kind === 'ended' && spec.once)) {
        return { pid: state.process.pid, startTime: state.process.startTime, adopted: true };
      }
      return launch(spec);
    },
  );
}

type Exit = { launcher: number; exitCode: number; endedAt: string };

/** What the launcher wrote. Half of it (a disk that was full, a power loss) says as little as nothing: the code is unknown. */
function exitIn(dir: string): Exit | undefined {
  const path = join(dir, 'exit.json');
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Exit;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What became of the process of this folder. */
export function stateOf(dir: string): DetachedState {
  const record = readJsonFile<DetachedRecord>(join(dir, 'process.json'));
  if (record === undefined) return { kind: 'unknown' };
  if (isAlive(record)) return { kind: 'running', process: record };
  const launcherLives = isAlive(record.launcher);
  // Read after the launcher was looked at: it writes this file, and then ends.
  const exit = exitIn(dir);
  if (exit?.launcher === record.launcher.pid) {
    return { kind: 'ended', process: record, exitCode: exit.exitCode, endedAt: exit.endedAt };
  }
  // Ended a moment ago: its launcher is about to write the exit code.
  if (launcherLives) return { kind: 'running', process: record };
  return { kind: 'ended', process: record, exitCode: undefined, endedAt: undefined };
}

/**
 * Signals the process (not its children: a broker stops them itself), waits for it to end,
 * and after `graceMs` kills it. Whatever it left in its process group is killed too.
 * Safe to repeat; nothing to do for one that has ended.
 */
export async function stopDetached(
  dir: string,
  { signal = 'SIGTERM', graceMs }: { signal?: NodeJS.Signals; graceMs: number },
): Promise<DetachedState> {
  const state = stateOf(dir);
  if (state.kind === 'unknown') return state;
  if (state.kind === 'running') {
    signalProcess(state.process, signal);
    if (!(await endsWithin(dir, graceMs))) signalProcess(state.process, 'SIGKILL');
    // Uninterruptible input or output may hold a killed process up for a while.
    await endsWithin(dir, KILLED_WAIT_MS);
  }
  killGroup(state.process);
  // Its launcher needs a moment to go: who says "stopped" finds no process of it any more.
  await until(() => !isAlive(state.process.launcher), KILLED_WAIT_MS);
  return stateOf(dir);
}

// State folders lie at `<data>/<room>/<environment or run>/<node or slot>/…`, never in a checkout's depths.
const DEEPEST_STATE_FOLDER = 7;
const NO_STATE_FOLDERS = new Set(['node_modules', '.git']);

/** Every state folder at or below `root`, in order of path. */
export function findDetached(root: string, depth = DEEPEST_STATE_FOLDER): string[] {
  if (!existsSync(root)) return [];
  if (existsSync(join(root, 'process.json'))) return [root];
  if (depth === 0) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !NO_STATE_FOLDERS.has(entry.name))
    .flatMap((entry) => findDetached(join(root, entry.name), depth - 1))
    .sort();
}

// Services keep their own files, and what lies in workspaces is other people's word: a `process.json` that a fork's
// program wrote would name any process of this machine.
const NO_ROOMS = new Set(['postgres', 'temporal', 'logs', 'sandbox']);

/** Every state folder of a data folder. */
export function stateFoldersIn(dataDir: string): string[] {
  return readdirSync(dataDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !NO_ROOMS.has(entry.name))
    .flatMap((entry) => findDetached(join(dataDir, entry.name)));
}

/** Waits until the process of this folder has ended; false where it still runs after `ms`. */
async function endsWithin(dir: string, ms: number): Promise<boolean> {
  return until(() => stateOf(dir).kind !== 'running', ms);
}

async function until(holds: () => boolean, ms: number): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (!holds()) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

async function launch(spec: DetachedSpec): Promise<ProcessIdentity & { adopted: boolean }> {
  const dir = resolve(spec.dir);
  for (const name of ['process.json', 'exit.json']) rmSync(join(dir, name), { force: true });
  const description = join(dir, `launch.${randomUUID()}.part`);
  const { command, args, cwd } = spec;
  // Without its opening brace: the launcher writes that, with the fields that only it knows.
  writeFileSync(description, `${JSON.stringify({ command, args, cwd }).slice(1)}\n`);
  const launcher = spawnLauncher({ ...spec, dir }, description);
  const deadline = Date.now() + LAUNCH_WAIT_MS;
  for (;;) {
    const record = readJsonFile<DetachedRecord>(join(dir, 'process.json'));
    if (record) {
      // A launch of a caller that was killed may have come first; then that is the one.
      return { pid: record.pid, startTime: record.startTime, adopted: record.launcher.pid !== launcher.pid };
    }
    const problem = launcher.problem() ?? (Date.now() > deadline ? 'its launcher did not answer' : undefined);
    if (problem) throw new Error(`cannot start ${command} in ${dir}: ${problem}; see ${join(dir, 'stderr.log')}`);
    await sleep(3);
  }
}

function spawnLauncher(
  spec: DetachedSpec,
  description: string,
): { pid: number | undefined; problem: () => string | undefined } {
  const stdout = openSync(join(spec.dir, 'stdout.log'), 'a');
  const stderr = openSync(join(spec.dir, 'stderr.log'), 'a');
  let problem: string | undefined;
  try {
    const child = spawn('/bin/sh', [LAUNCHER, spec.dir, description, spec.command, ...spec.args], {
      cwd: spec.cwd,
      env: spec.env,
      detached: true,
      stdio: ['ignore', stdout, stderr],
    });
    child.on('error', (error) => {
      problem = error.message;
    });
    // 125 is the launch that lost: the winner's record is about to appear.
    child.on('exit', (code) => {
      if (code !== 125 && !existsSync(join(spec.dir, 'process.json'))) problem = `its launcher ended with ${code}`;
    });
    child.unref();
    return { pid: child.pid, problem: () => problem };
  } finally {
    closeSync(stdout);
    closeSync(stderr);
  }
}

/** Kills what is left in the process group that the launcher led, its own shell included. */
function killGroup({ launcher }: DetachedRecord): void {
  // A group's number is not given to a new process while the group has members. Where the
  // launcher is gone and its id lives again, the group was empty and the id is a stranger's.
  if (!isAlive(launcher) && startTimeOf(launcher.pid) !== undefined) return;
  try {
    process.kill(-launcher.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
