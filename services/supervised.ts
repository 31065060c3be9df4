import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJsonFile, writeJsonFile } from '../lib/json-file.ts';
import { isAlive, type ProcessIdentity, signalProcess, startTimeOf } from '../lib/process-identity.ts';
import { tailOf } from './tail.ts';

export interface ChildCommand {
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
}

/** One process that is kept running for as long as its supervisor lives. */
export interface ChildPlan {
  /** For people: `Temporal`, `worker activity`. */
  name: string;
  /** Asked before every start, so that it can make way first (a stale lock file, a restart's own arguments). */
  command: () => Promise<ChildCommand>;
  /** Resolves when it serves. Must give up when the signal aborts: the process has died. */
  ready: (signal: AbortSignal) => Promise<void>;
  logFile: string;
  /** Holds its identity, so that the next supervisor can end one that outlived its own. */
  identityFile: string;
  /** Sent in this order, `graceMs` apart; SIGKILL follows. */
  stopSignals: readonly NodeJS.Signals[];
  graceMs: number;
  /** How often a first start may fail before it is an error. */
  attempts: number;
  /** Fires when the first start is no longer wanted. */
  interrupted?: AbortSignal | undefined;
}

export type ChildEvent =
  | { kind: 'ready'; name: string; pid: number; milliseconds: number }
  | { kind: 'died'; name: string; status: string; againInMs: number };

export interface Supervised {
  name: string;
  /** Undefined while it is down, waiting to be started again. */
  identity: () => ProcessIdentity | undefined;
  /** Asks it to end, insists, and returns when it has. Nothing restarts it afterwards. */
  stop: () => Promise<void>;
  /** Kills it now. */
  kill: () => void;
}

const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 10_000;
// After this long a death is news, not the continuation of the last one.
const HEALTHY_MS = 30_000;
const LARGEST_LOG_BYTES = 50_000_000;

/**
 * Starts a child, waits until it is ready, and from then on restarts it with exponential
 * back-off whenever it dies. Throws, with the end of its log, when the first start fails.
 */
export async function supervise(plan: ChildPlan, onEvent: (event: ChildEvent) => void): Promise<Supervised> {
  const stopping = new AbortController();
  await endPredecessor(plan);
  let running = await firstStart(plan, onEvent);
  let identity: ProcessIdentity | undefined = running.identity;

  const watch = (async () => {
    for (let failures = 0; ; ) {
      const status = await running.ended;
      identity = undefined;
      if (stopping.signal.aborted) return;
      failures = running.livedMs() > HEALTHY_MS ? 0 : failures + 1;
      const againInMs = Math.min(FIRST_BACKOFF_MS * 2 ** Math.max(0, failures - 1), LONGEST_BACKOFF_MS);
      onEvent({ kind: 'died', name: plan.name, status, againInMs });
      await sleep(againInMs, undefined, { signal: stopping.signal }).catch(ignoreAbort);
      if (stopping.signal.aborted) return;
      running = await launch(plan).catch(notLaunched);
      identity = running.identity;
      if (stopping.signal.aborted) return endChild(running, plan);
      void readyEvent(plan, running, onEvent);
    }
  })();

  return {
    name: plan.name,
    identity: () => identity,
    kill: () => {
      stopping.abort();
      running.signal('SIGKILL');
    },
    stop: async () => {
      stopping.abort();
      await endChild(running, plan);
      await watch;
      rmSync(plan.identityFile, { force: true });
    },
  };
}

// However this process ends short of SIGKILL (a second Ctrl-C, an error nobody caught), its children end too.
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

interface RunningChild {
  signal: (signal: NodeJS.Signals) => void;
  identity: ProcessIdentity | undefined;
  /** How it ended, in words. */
  ended: Promise<string>;
  dead: AbortSignal;
  livedMs: () => number;
}

async function firstStart(plan: ChildPlan, onEvent: (event: ChildEvent) => void): Promise<RunningChild> {
  for (let attempt = 1; ; attempt += 1) {
    plan.interrupted?.throwIfAborted();
    const running = await launch(plan);
    const problem = await readyEvent(plan, running, onEvent);
    if (problem === undefined) return running;
    await endChild(running, plan);
    if (plan.interrupted?.aborted) throw new Error(`interrupted: start ${plan.name}`);
    if (attempt >= plan.attempts) {
      throw new Error(`${plan.name} does not start: ${problem}. The end of ${plan.logFile}:\n${tailOf(plan.logFile)}`);
    }
    await sleep(FIRST_BACKOFF_MS * attempt);
  }
}

/** Undefined when it became ready, else why not. */
async function readyEvent(plan: ChildPlan, running: RunningChild, onEvent: (event: ChildEvent) => void) {
  const begun = performance.now();
  const stop = AbortSignal.any([running.dead, ...(plan.interrupted ? [plan.interrupted] : [])]);
  try {
    await plan.ready(stop);
    stop.throwIfAborted();
  } catch (error) {
    return running.dead.aborted ? await running.ended : (error as Error).message;
  }
  onEvent({
    kind: 'ready',
    name: plan.name,
    pid: running.identity?.pid ?? 0,
    milliseconds: Math.round(performance.now() - begun),
  });
  return undefined;
}

async function launch(plan: ChildPlan): Promise<RunningChild> {
  const { command, args, env, cwd } = await plan.command();
  const log = openLog(plan.logFile);
  const dead = new AbortController();
  const begun = performance.now();
  try {
    // A session of its own: Ctrl-C goes to the supervisor alone, which stops things in order.
    const child = spawn(command, args, { env, cwd, detached: true, stdio: ['ignore', log, log] });
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(`cannot run ${command}: ${error.message}`));
      child.once('exit', (code, signal) => resolve(signal ? `ended by ${signal}` : `ended with ${code}`));
    });
    living.add(child);
    void ended.then(() => {
      living.delete(child);
      dead.abort();
    });
    const identity = identityOf(child);
    if (identity) writeJsonFile(plan.identityFile, identity);
    const signal = (name: NodeJS.Signals) => void child.kill(name);
    return { signal, identity, ended, dead: dead.signal, livedMs: () => performance.now() - begun };
  } finally {
    closeSync(log);
  }
}

/** What could not even be launched (a full disk) counts as one that died at once. */
function notLaunched(error: Error): RunningChild {
  return {
    signal: () => undefined,
    identity: undefined,
    ended: Promise.resolve(`cannot be launched: ${error.message}`),
    dead: AbortSignal.abort(),
    livedMs: () => 0,
  };
}

function identityOf({ pid }: ChildProcess): ProcessIdentity | undefined {
  const startTime = pid === undefined ? undefined : startTimeOf(pid);
  return pid === undefined || startTime === undefined ? undefined : { pid, startTime };
}

async function endChild(running: RunningChild, plan: ChildPlan): Promise<void> {
  for (const signal of plan.stopSignals) {
    if (running.dead.aborted) return;
    running.signal(signal);
    await Promise.race([running.ended, sleep(plan.graceMs, undefined, { ref: false })]);
  }
  if (!running.dead.aborted) running.signal('SIGKILL');
  await running.ended;
}

/** A child of a supervisor that was killed: it was told to end by then, and is given time for it. */
async function endPredecessor(plan: ChildPlan): Promise<void> {
  const left = readJsonFile<ProcessIdentity>(plan.identityFile);
  if (left === undefined) return;
  for (const signal of [...plan.stopSignals, 'SIGKILL' as const]) {
    if (!signalProcess(left, signal)) return;
    const deadline = Date.now() + plan.graceMs;
    while (isAlive(left) && Date.now() < deadline) await sleep(20);
  }
}

/** Opened to append; one old log is kept beside it. */
function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LARGEST_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a');
}

function ignoreAbort(error: Error): void {
  if (error.name !== 'AbortError') throw error;
}
