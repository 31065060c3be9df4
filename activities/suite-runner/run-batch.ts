import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { allowedEnvironment, COMPILE_CACHE } from '../../config/env.ts';
import { nextBatchSize } from '../../decisions/batch-plan.ts';
import { startDetached, stateOf, stopDetached } from '../../lib/detached.ts';
import { readJsonFile, writeJsonFile } from '../../lib/json-file.ts';
import { logger } from '../../lib/log.ts';
import type { Batch } from '../../runner/protocol.ts';
import {
  batchEnd,
  type ClaimedBatch,
  claimBatch,
  finishedItems,
  phaseCounts,
  revokedOf,
} from '../../store/suite-batches.ts';
import { liveHosts } from '../../store/suite-hosts.ts';
import { type SuitePhase, suiteRunHead } from '../../store/suites.ts';
import { pollWithHeartbeat } from '../heartbeat.ts';
import { armsOf, hostRunner } from './arms.ts';
import { type SuiteRunnerDeps, sandboxOf, suiteSettings } from './deps.ts';
import { slotFolder } from './folders.ts';
import { lostAfter } from './hosts.ts';
import { tailEvents } from './tail.ts';

/** `slot`: its number on this host. */
export type BatchOrder = { suiteRun: string; slot: number; phase: SuitePhase };

/**
 * `left`: batches (or units) of the phase that nobody has taken yet. `open`: batches that somebody has taken and not
 * finished. Both 0: the phase is over.
 */
export type BatchReport = { ran: number; left: number; open: number; problem?: string };

const SLOT_PROGRAM = fileURLToPath(new URL('../../runner/slot.ts', import.meta.url));
const LOOK_MS = 40;
const HEARTBEAT_MS = 1_000;
/** So long others may take what is not to run here again. */
const ELSEWHERE_WAIT_MS = 15_000;
const STOP_GRACE_MS = 5_000;
/** A runner that ends again and again without finishing anything will not do better the next time. */
const MAX_STARTS_WITHOUT_PROGRESS = 6;

/**
 * Takes the slot's next batch and sees it through: starts the slot's runner or adopts the one that runs, hands the
 * batch over where it has not got it, and records every result as it happens.
 *
 * Safe to repeat at any point: after a kill the retry finds its own batch under its own lease, the same runner, and
 * in the store how far the event log was read. What has ended is not run again.
 */
export async function runBatch(deps: SuiteRunnerDeps, order: BatchOrder): Promise<BatchReport> {
  const { suiteRun, slot, phase } = order;
  const run = await suiteRunHead(deps.db, suiteRun);
  const settings = await deps.settings(run.settings);
  const suite = suiteSettings(settings, run.fork, run.suite);
  const claimant = { suiteRun, phase, host: deps.hostId, number: slot, lease: randomUUID() };
  const cut = { limits: suite.limits, sizeOf: nextBatchSize };
  const claimed = (await claimBatch(deps.db, claimant, cut)) ?? (await claimAvoided(deps, claimant, cut));
  if (!claimed) return { ran: 0, ...(await phaseCounts(deps.db, suiteRun, phase)) };

  const names = [...new Set(claimed.items.map(({ arm }) => arm))].sort();
  // The same arms for every batch of the suite proper, so that its JVMs stay warm.
  const spec = await hostRunner(deps, { suiteRun, suite, settings, builds: claimed.arms }, names);
  const sandbox = sandboxOf(deps, settings, run.fork);
  const runner = await armsOf(deps, { fork: run.fork, settings, names, sandbox }, spec);
  const batch: Batch = { batch: claimed.batch, lease: claimed.lease, runner, sandbox, items: claimed.items };
  const problem = await seeThrough(deps, order, claimed, batch);
  const counts = await phaseCounts(deps.db, suiteRun, phase);
  return { ran: claimed.items.length, ...counts, ...(problem === undefined ? {} : { problem }) };
}

/**
 * What failed here is to run again elsewhere: others have it for a while, and where there is nobody else, or nobody who
 * takes it, it runs here again.
 */
async function claimAvoided(
  deps: SuiteRunnerDeps,
  claimant: Parameters<typeof claimBatch>[1],
  cut: Parameters<typeof claimBatch>[2],
): Promise<ClaimedBatch | undefined> {
  const { suiteRun, phase, host } = claimant;
  if (phase !== 'elsewhere') return undefined;
  const hosts = await liveHosts(deps.db, lostAfter(deps));
  const patience = hosts.some((other) => other.host !== host && other.slots > 0) ? ELSEWHERE_WAIT_MS : 0;
  const until = Date.now() + patience;
  await pollWithHeartbeat(500, async () => {
    const { left } = await phaseCounts(deps.db, suiteRun, phase);
    return left === 0 || Date.now() >= until ? left : undefined;
  });
  return claimBatch(deps.db, { ...claimant, takesAvoided: true }, cut);
}

async function seeThrough(
  deps: SuiteRunnerDeps,
  order: BatchOrder,
  claimed: ClaimedBatch,
  batch: Batch,
): Promise<string | undefined> {
  const dir = slotFolder(deps.dataDir, order.suiteRun, order.slot);
  const tail = tailEvents(deps, { suiteRun: order.suiteRun, slot: claimed.slot, offset: claimed.offset, dir });
  await clearAway(deps, dir, batch.batch);
  let starts = 0;
  for (;;) {
    await tail.catchUp();
    // A batch that was finished while nobody looked needs no runner.
    const end = await batchEnd(deps.db, batch.batch);
    if (end.kind === 'finished') return end.problem;
    if (end.kind === 'revoked') {
      // This host was thought lost, and another has the batch: what the runner still does here is in vain.
      await clearAway(deps, dir, undefined);
      return undefined;
    }
    const state = stateOf(dir);
    if (state.kind !== 'running') {
      starts += 1;
      if (starts > MAX_STARTS_WITHOUT_PROGRESS) {
        return `the slot runner ended ${starts - 1} times without finishing anything: ${lastWords(dir)}`;
      }
      logger('suite-runner').info(
        { suiteRun: order.suiteRun, slot: order.slot, before: state.kind },
        'starting a slot runner',
      );
      await startRunner(dir, deps.slotProgram);
    }
    await handOver(deps, dir, claimed, batch);
    if (await follow(deps, tail, dir, batch.batch)) starts = 0;
  }
}

/** What a runner that ended by itself said last: a full disk, a broken installation. */
function lastWords(dir: string): string {
  const file = join(dir, 'stderr.log');
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim().slice(-800) : '';
  return text || `it said nothing (${dir})`;
}

/**
 * Ends a runner whose inbox holds a batch that was given to another host, and takes that batch out of its hands.
 * `own`: the batch that it is to go on with.
 */
async function clearAway(deps: SuiteRunnerDeps, dir: string, own: string | undefined): Promise<void> {
  const inbox = join(dir, 'inbox');
  if (!existsSync(inbox)) return;
  const found = readdirSync(inbox)
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ file: join(inbox, name), batch: readJsonFile<Batch>(join(inbox, name))?.batch }))
    .filter(({ batch }) => batch !== own);
  const revoked = await revokedOf(
    deps.db,
    found.flatMap(({ batch }) => batch ?? []),
  );
  const inVain = found.filter(({ batch }) => batch !== undefined && revoked.has(batch));
  if (inVain.length === 0) return;
  logger('suite-runner').warn({ dir, batches: [...revoked] }, 'another host has these batches; their runner is ended');
  writeFileSync(join(dir, 'stop'), '');
  await stopDetached(dir, { graceMs: STOP_GRACE_MS });
  for (const { file } of inVain) rmSync(file, { force: true });
}

/**
 * Follows until the batch's last event was recorded, its runner has gone, or the batch is somebody else's. True where
 * a unit ended meanwhile.
 */
async function follow(
  deps: SuiteRunnerDeps,
  tail: ReturnType<typeof tailEvents>,
  dir: string,
  batch: string,
): Promise<boolean> {
  const context = Context.current();
  let told = 0;
  let progressed = false;
  for (;;) {
    if (context.cancellationSignal.aborted) {
      // A worker that shuts down leaves the runner to the next one; a suite that was cancelled has no use for it.
      if (context.cancellationDetails?.cancelRequested) writeFileSync(join(dir, 'stop'), '');
      await context.cancelled;
    }
    const running = stateOf(dir).kind === 'running';
    const fresh = await tail.catchUp();
    progressed ||= fresh.some(({ type }) => type === 'end');
    if (fresh.some((event) => event.type === 'batch-end' && event.batch === batch) || !running) return progressed;
    if (Date.now() - told > HEARTBEAT_MS) {
      told = Date.now();
      writeFileSync(join(dir, 'lease'), '');
      context.heartbeat();
      // Taken from us, or recorded to its end by another attempt of this activity: then its last event is never ours.
      if ((await batchEnd(deps.db, batch)).kind !== 'unfinished') return progressed;
    }
    await sleep(LOOK_MS);
  }
}

/** Starts the slot's runner, or adopts it: nothing is lost when somebody else was faster. */
async function startRunner(dir: string, program = SLOT_PROGRAM): Promise<void> {
  mkdirSync(join(dir, 'inbox'), { recursive: true });
  rmSync(join(dir, 'stop'), { force: true });
  writeFileSync(join(dir, 'lease'), '');
  const env = allowedEnvironment(COMPILE_CACHE);
  await startDetached({ dir, command: process.execPath, args: [program, dir], env, cwd: dir });
}

/** Puts the batch into the runner's inbox unless it lies there; what the store knows as finished is left out. */
async function handOver(deps: SuiteRunnerDeps, dir: string, { number }: ClaimedBatch, batch: Batch): Promise<void> {
  const file = join(dir, 'inbox', `${String(number).padStart(8, '0')}.json`);
  if (existsSync(file)) return;
  const done = await finishedItems(deps.db, batch.batch);
  writeJsonFile(file, { ...batch, items: batch.items.filter(({ item }) => !done.has(item)) });
}
