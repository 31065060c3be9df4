import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { dieWithParent } from '../../lib/die-with-parent.ts';
import { logger } from '../../lib/log.ts';
import { isAlive, type ProcessIdentity, signalProcess, startTimeOf } from '../../lib/process-identity.ts';
import { closedStdio } from './inherited.ts';
import {
  ARGUMENTS_FD,
  bwrapArguments,
  jvmHint,
  readOnlyBinds,
  SECCOMP_FD,
  STATUS_FD,
  SYSTEM_PATH,
  WORK,
} from './inside.ts';
import { launchCommand, readProblem } from './launch.ts';
import { markProgram } from './marked.ts';
import { type KeptOutput, keepOutput } from './output.ts';
import { nameOf, processTree, sendSignal } from './process-tree.ts';
import { claimCommand } from './running.ts';
import { seccompFilter } from './seccomp.ts';
import {
  DEFAULT_LIMITS,
  type Limit,
  type Sandbox,
  type SandboxEnd,
  type SandboxLimits,
  type SandboxOn,
  type SandboxProcess,
  type SandboxSpec,
  type SandboxUsage,
} from './types.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

const STATUS_LIMIT = 65_536;

/**
 * Starts a command in a sandbox, its limits watched by this process, and with it everything inside
 * ends. Call it from the process that is to be the parent: a detached runner, not a worker.
 *
 * @throws for a wrong spec (a folder that cannot be shown, a workspace in which a command runs).
 */
export function spawnSandboxed(sandbox: Sandbox, spec: SandboxSpec): SandboxProcess {
  if (spec.command.length === 0 || spec.command[0] === '') throw new Error('the sandbox needs a command');
  const limits = limitsOf(sandbox, spec);
  const claim = claimCommand(spec.workspace);
  try {
    const mark = sandbox.kind === 'none' ? markProgram() : undefined;
    const marked = { ...spec, env: { ...spec.env, ...mark?.env } };
    const child = sandbox.kind === 'on' ? launch(sandbox, spec, limits) : launchBare(marked, limits);
    const supervised = supervise(child, { sandbox, spec, limits, leftBehind: () => mark?.endAll() });
    if (child.pid !== undefined) claim.record(child.pid);
    void supervised.ended.then(() => claim.release());
    return supervised;
  } catch (error) {
    claim.release();
    throw error;
  }
}

/** The defaults, over them the fork's, over them what this command asks for. */
export function limitsOf({ settings }: Sandbox, spec: Pick<SandboxSpec, 'limits'>): SandboxLimits {
  return { ...DEFAULT_LIMITS, ...settings?.limits, ...spec.limits };
}

export interface SandboxResult {
  end: SandboxEnd;
  stdout: KeptOutput;
  stderr: KeptOutput;
}

/**
 * Runs a command to its end. Both outputs are kept in `outputDir` (`stdout`, `stderr`), each with head
 * and tail; `onOutput` is told of every chunk as it comes.
 */
export async function runInSandbox(
  sandbox: Sandbox,
  spec: SandboxSpec,
  options: { outputDir: string; onOutput?: (chunk: Buffer) => void; signal?: AbortSignal },
): Promise<SandboxResult> {
  mkdirSync(options.outputDir, { recursive: true });
  const limits = limitsOf(sandbox, spec);
  for (const name of ['stdout', 'stderr']) rmSync(join(options.outputDir, name), { force: true });
  const running = spawnSandboxed(sandbox, spec);
  const keep = (stream: Readable, name: string) => {
    if (options.onOutput) stream.on('data', options.onOutput);
    const file = join(options.outputDir, name);
    return keepOutput(stream, { file, keepBytes: limits.keptOutputMb * 2 ** 20 });
  };
  const abort = () => running.kill('the caller no longer wants it');
  if (options.signal?.aborted) abort();
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    const [stdout, stderr, end] = await Promise.all([
      keep(running.stdout, 'stdout'),
      keep(running.stderr, 'stderr'),
      running.ended,
    ]);
    return { end: end.kind === 'not-started' ? withWords(end, stderr.file) : end, stdout, stderr };
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

function withWords(end: SandboxEnd & { kind: 'not-started' }, stderr: string): SandboxEnd {
  const words = readFileSync(stderr, 'utf8').trim().slice(-2_000);
  return words === '' ? end : { ...end, reason: `${end.reason}: ${words}` };
}

/** One end, however it comes. */
function supervise(
  child: ChildProcess,
  {
    sandbox,
    spec,
    limits,
    leftBehind,
  }: { sandbox: Sandbox; spec: SandboxSpec; limits: SandboxLimits; leftBehind: () => void },
): SandboxProcess {
  const [stdin, stdout, stderr] = child.stdio as unknown as [Writable, Readable, Readable];
  let breach: { limit: Limit; detail: string } | undefined;
  let failure: string | undefined;
  let gone = false;
  child.once('exit', () => {
    gone = true;
  });
  const { pid = 0 } = child;
  const killAll = () => (sandbox.kind === 'on' ? killSandbox(pid) : killTree(pid));
  const end = (limit: Limit, detail: string) => {
    // Its process id may be a stranger's by then.
    if (breach || pid === 0 || gone) return;
    breach = { limit, detail };
    killAll();
  };
  const printed = () => (stdout as Socket).bytesRead + (stderr as Socket).bytesRead;
  const watched = { pid, limits, written: spec.workspace.written, printed, onBreach: end };
  const watchdog = pid === 0 ? noWatchdog : startWatchdog(watched);
  const status = sandbox.kind === 'on' ? readStatus(child) : undefined;
  child.once('error', (error) => {
    failure = error.message;
  });
  feed(stdin, spec.stdin);

  const ended = exitOf(child, status?.closed).then(async (code): Promise<SandboxEnd> => {
    const usage = watchdog.usage();
    watchdog.stop();
    await emptied(status?.identity());
    // What it started and left behind ends with it here too, as far as it can be known.
    if (sandbox.kind === 'none' && pid !== 0) sendSignal(-pid, 'SIGKILL');
    leftBehind();
    if (breach) return { kind: 'ended-by', ...breach, usage };
    if (failure) return { kind: 'not-started', reason: failure, usage };
    if (status && status.exitCode() === undefined) {
      // Killed from outside, or never made: only the second has nothing that ran.
      if (status.first() !== undefined) return { kind: 'exited', exitCode: code, usage };
      return { kind: 'not-started', reason: `the launch ended with exit code ${code}`, usage };
    }
    return { kind: 'exited', exitCode: status?.exitCode() ?? code, usage };
  });
  return {
    ...{ pid, stdin, stdout, stderr, ended },
    kill: (detail = 'it was told to end') => end('caller', detail),
    signal: (signal) => signalInside(status?.first() ?? pid, signal, sandbox.kind === 'on'),
  };
}

const noUsage: SandboxUsage = { seconds: 0, peakMemoryMb: 0, peakProcesses: 0 };
const noWatchdog: Watchdog = { usage: () => noUsage, stop: () => undefined };

function launch(sandbox: SandboxOn, spec: SandboxSpec, limits: SandboxLimits): ChildProcess {
  const { workspace } = spec;
  const standing = (sandbox.settings?.readOnly ?? []).filter(({ source }) => existsSync(source));
  const readOnly = readOnlyBinds([...standing, ...(spec.readOnly ?? [])]);
  for (const { source } of readOnly) {
    const problem = readProblem(source, workspace.uid);
    if (problem) throw new Error(`${source} cannot be shown in the sandbox: ${problem}`);
  }
  const merged = join(workspace.dir, 'merged');
  const { cwd = '.' } = spec;
  const hints = spec.jvmHints === false ? {} : jvmHint(limits);
  const options = (at: (path: string) => string) => ({
    workspace: at(merged),
    etc: at(sandbox.etc),
    readOnly: readOnly.map(({ source, target }) => ({ source: at(source), target })),
    cwd: isAbsolute(cwd) ? cwd : join(WORK, cwd),
    env: withPath({ ...hints, ...spec.env }, sandbox.settings?.path ?? []),
    limits,
  });
  let given: string[] = [];
  const { command, args } = launchCommand(sandbox, {
    uid: workspace.uid,
    limits,
    overlay: workspace.kind === 'overlay' ? workspace.dir : undefined,
    paths: [sandbox.tools.bwrap, workspace.dir, sandbox.etc, ...readOnly.map(({ source }) => source)],
    bwrap: (at) => {
      given = bwrapArguments(options(at));
      return ['--args', String(ARGUMENTS_FD), '--', ...spec.command];
    },
  });
  // An empty environment: the launcher's would be readable inside, in /proc/1/environ.
  const child = spawn(command, args, { env: {}, cwd: '/', stdio: closedStdio(STATUS_FD) });
  give(child, ARGUMENTS_FD, Buffer.from(given.map((argument) => `${argument}\0`).join('')));
  give(child, SECCOMP_FD, seccompFilter());
  return child;
}

function withPath(env: Record<string, string>, behind: readonly string[]): Record<string, string> {
  if (behind.length === 0) return env;
  return { ...env, PATH: [env.PATH ?? SYSTEM_PATH, ...behind].join(':') };
}

/**
 * `sandbox: none`: the operator's word for this fork. Its own process group, the allowed environment, our limits, and the
 * end of whoever started it is its own; nothing more.
 */
function launchBare(spec: SandboxSpec, limits: SandboxLimits): ChildProcess {
  // One that is talked to sees the end of its input, and may clean up: killed at once, it would leave its own children.
  const [command = '', ...args] = spec.stdin === 'pipe' ? spec.command : dieWithParent('KILL', spec.command);
  const cwd = join(spec.workspace.written, spec.cwd ?? '.');
  const hints = spec.jvmHints === false ? {} : jvmHint(limits);
  return spawn(command, args, { env: { ...hints, ...spec.env }, cwd, stdio: closedStdio(2), detached: true });
}

function give(child: ChildProcess, descriptor: number, bytes: Buffer): void {
  const pipe = child.stdio[descriptor] as Writable;
  // A launch that failed has closed its end; its exit says why.
  pipe.on('error', (error) => logger('sandbox').debug({ error: error.message }, 'the launch did not read'));
  pipe.end(bytes);
}

function feed(stdin: Writable, input: SandboxSpec['stdin'] = 'none'): void {
  // A command may end without reading it all.
  stdin.on('error', (error) => logger('sandbox').debug({ error: error.message }, 'the command did not read'));
  if (input === 'none') stdin.end();
  else if (input !== 'pipe') stdin.end(input);
}

/**
 * bwrap's own report: the first process inside, and the exit code of the command, where there was one.
 *
 * bwrap's death kills that process, and with it the kernel everything else inside. It asks for this a moment after it has
 * started the command, though: a bwrap that was killed in between would leave it, so it is ended from here too.
 */
function readStatus(child: ChildProcess) {
  const stream = (child.stdio as unknown as Readable[])[STATUS_FD] as Readable;
  let text = '';
  let identity: ProcessIdentity | undefined;
  const find = (pattern: RegExp) => {
    const found = pattern.exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const first = () => find(/"child-pid": (\d+)/);
  const endFirst = () => identity && signalProcess(identity, 'SIGKILL');
  child.once('exit', endFirst);
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(0, STATUS_LIMIT);
    const pid = first();
    const startTime = identity === undefined && pid !== undefined ? startTimeOf(pid) : undefined;
    if (pid === undefined || startTime === undefined) return;
    identity = { pid, startTime };
    if (child.exitCode !== null || child.signalCode !== null) endFirst();
  });
  stream.on('error', (error) => logger('sandbox').debug({ error: error.message }, 'no status'));
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  return { closed, first, identity: () => identity, exitCode: () => find(/"exit-code": (\d+)/) };
}

/** Not 'close' of the whole: output that nobody reads would hold it up. */
function exitOf(child: ChildProcess, status: Promise<void> | undefined): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (code, signal) => {
      const exitCode = code ?? (signal ? 128 + constants.signals[signal] : 1);
      void (status ?? Promise.resolve()).then(() => resolve(exitCode));
    });
  });
}

/** When nothing of the sandbox lives any more. */
async function emptied(first: ProcessIdentity | undefined): Promise<void> {
  while (first && isAlive(first)) await new Promise((resolve) => setTimeout(resolve, 2));
}

function killSandbox(pid: number): void {
  sendSignal(pid, 'SIGKILL');
}

function killTree(pid: number): void {
  for (const process of processTree(pid)) sendSignal(process, 'SIGKILL');
  sendSignal(-pid, 'SIGKILL');
}

function signalInside(root: number, signal: NodeJS.Signals, sandboxed: boolean): number {
  const pids = processTree(root).filter((pid) => !sandboxed || (pid !== root && nameOf(pid) !== 'bwrap'));
  return pids.filter((pid) => sendSignal(pid, signal)).length;
}
