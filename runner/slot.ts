import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sweepSandboxes } from '../activities/sandbox/sweep.ts';
import { readJsonFile } from '../lib/json-file.ts';
import { logger } from '../lib/log.ts';
import { type EventLog, type History, openEventLog, readHistory } from './event-log.ts';
import { endAllHomes } from './home.ts';
import { createJunitPlatform } from './junit-platform.ts';
import { createJunitXml } from './junit-xml.ts';
import { createMaven } from './maven.ts';
import { type Batch, BrokenRunner, type Executor, type ExecutorContext, type RunnerSpec } from './protocol.ts';
import { type Ear, runItems } from './run-items.ts';

/** How often a runner with nothing to do looks for work. */
const IDLE_MS = 20;
/** A process that was killed has ended by then, or never will. */
const CLOSE_WAIT_MS = 15_000;
/** Nobody has asked for so long that nobody will: a free runner goes sooner than one in the middle of a batch. */
const IDLE_LEASE_SECONDS = 180;
const BUSY_LEASE_SECONDS = 1_800;

const now = () => new Date().toISOString();

type Slot = {
  dir: string;
  events: EventLog;
  history: History;
  nextExec(): string;
  makeExecutor: MakeExecutor;
  ear: Ear;
  /** An earlier runner of this folder may have left workspaces. */
  sweepFirst: boolean;
  executor?: { key: string; it: Executor };
};

/**
 * Runs one slot until it is told to end or nobody wants its results any more. Started again in the same folder it
 * goes on with the batch that was in its hands; what has ended there is not run again.
 */
export async function runSlot(dir: string, makeExecutor: MakeExecutor = createExecutor): Promise<void> {
  for (const folder of ['inbox', 'logs']) mkdirSync(join(dir, folder), { recursive: true });
  const file = join(dir, 'events.jsonl');
  const restarted = existsSync(file);
  const history = readHistory(file);
  const events = openEventLog(file, (error) => abandon(`the event log cannot be synced: ${error.message}`));
  // Unique in this folder over all runners that ever worked in it.
  const incarnation = Date.now().toString(36);
  let count = 0;
  const nextExec = () => `${incarnation}.${++count}`;
  const slot: Slot = { dir, events, history, sweepFirst: restarted, ear: {}, nextExec, makeExecutor };
  const stop = watchForTheEnd(slot);
  events.append({ type: 'runner', at: now(), pid: process.pid });
  try {
    while (!stop.wanted()) {
      const next = nextBatch(slot);
      if (next) await runBatch(slot, next.file, next.batch, stop.busy);
      else await sleep(IDLE_MS);
    }
  } finally {
    await slot.executor?.it.close();
    events.close();
    stop.end();
  }
}

function nextBatch(slot: Slot): { file: string; batch: Batch } | undefined {
  for (const name of readdirSync(join(slot.dir, 'inbox')).sort()) {
    if (!name.endsWith('.json')) continue;
    const file = join(slot.dir, 'inbox', name);
    const batch = readJsonFile<Batch>(file);
    if (batch === undefined) continue;
    if (!slot.history.endedBatches.has(batch.batch)) return { file, batch };
    rmSync(file, { force: true });
  }
  return undefined;
}

async function runBatch(slot: Slot, file: string, batch: Batch, busy: (yes: boolean) => void): Promise<void> {
  const { events, history } = slot;
  events.append({ type: 'batch', at: now(), batch: batch.batch, lease: batch.lease });
  busy(true);
  let problem: string | undefined;
  try {
    await runItems({ ...slot, batch, executor: executorFor(slot, batch) });
  } catch (error) {
    if (!(error instanceof BrokenRunner)) throw error;
    problem = error.message;
    // Whatever it was at: the next batch begins anew.
    await Promise.race([slot.executor?.it.close(), sleep(CLOSE_WAIT_MS, undefined, { ref: false })]);
    delete slot.executor;
  } finally {
    busy(false);
  }
  events.append({
    type: 'batch-end',
    at: now(),
    batch: batch.batch,
    lease: batch.lease,
    ...(problem === undefined ? {} : { problem }),
  });
  history.endedBatches.add(batch.batch);
  rmSync(file, { force: true });
}

/** Warm processes are kept from batch to batch as long as the batches want the same ones. */
function executorFor(slot: Slot, { runner, sandbox }: Batch): Executor {
  const key = JSON.stringify([runner, sandbox]);
  if (slot.executor?.key === key) return slot.executor.it;
  const before = slot.executor?.it;
  const context: ExecutorContext = {
    sandbox,
    onProcess: (started) => slot.events.append({ type: 'process', at: now(), ...started }),
    onStray: (chunk) => slot.ear.hears?.(chunk),
  };
  const made = slot.makeExecutor(runner, context);
  const ready = async () => {
    await before?.close();
    await sweepOnce(slot, sandbox);
  };
  const { runGroup } = made;
  const it: Executor = {
    ...made,
    run: async (item, sink) => {
      await ready();
      return made.run(item, sink);
    },
    ...(runGroup && {
      runGroup: async (items, sink) => {
        await ready();
        await runGroup(items, sink);
      },
    }),
  };
  slot.executor = { key, it };
  return it;
}

/** Something else may run the units of a slot: a bench of everything around them. */
export type MakeExecutor = (runner: RunnerSpec, context: ExecutorContext) => Executor;

/** A killed runner's sandboxes ended with it; their workspaces and uids are still there. */
async function sweepOnce(slot: Slot, sandbox: Batch['sandbox']): Promise<void> {
  if (!slot.sweepFirst) return;
  slot.sweepFirst = false;
  await sweepSandboxes(dirname(sandbox.root));
}

function createExecutor(runner: RunnerSpec, context: ExecutorContext): Executor {
  switch (runner.kind) {
    case 'junit-platform':
      return createJunitPlatform(runner, context);
    case 'junit-xml':
      return createJunitXml(runner, context);
    case 'maven':
      return createMaven(runner, context);
  }
}

/** A stop file, SIGTERM and a lease that ran out end the runner at once: a unit that had not ended will run again. */
function watchForTheEnd(slot: Slot) {
  const started = Date.now();
  let working = false;
  const leaseAge = () => {
    const renewed = statSync(join(slot.dir, 'lease'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return (Date.now() - Math.max(renewed, started)) / 1000;
  };
  const stopFile = () => statSync(join(slot.dir, 'stop'), { throwIfNoEntry: false }) !== undefined;
  const endNow = (why: string) => {
    logger('slot').info({ dir: slot.dir, why }, 'the runner ends');
    // What ends because we end it is no result.
    slot.events.mute();
    void endAllHomes()
      .catch((error: Error) => logger('slot').warn({ err: error.message }, 'a workspace is left to the next sweep'))
      .finally(() => process.exit(0));
  };
  process.on('SIGTERM', () => endNow('told to end'));
  process.on('SIGINT', () => endNow('told to end'));
  const timer = setInterval(() => {
    if (stopFile() && working) endNow('a stop file');
    else if (leaseAge() > (working ? BUSY_LEASE_SECONDS : IDLE_LEASE_SECONDS))
      endNow('nobody has asked for its results');
  }, 250);
  return {
    wanted: stopFile,
    busy: (yes: boolean) => {
      working = yes;
    },
    end: () => clearInterval(timer),
  };
}

function abandon(reason: string): never {
  logger('slot').error({ reason }, 'the runner gives up');
  process.exit(4);
}

if (import.meta.main) {
  const dir = process.argv[2];
  if (!dir) abandon('usage: slot.ts FOLDER');
  await runSlot(dir);
}
