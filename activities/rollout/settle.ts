import { g6RunsWhatWasInstalled } from '../../decisions/kafka-rules/identity.ts';
import { k12Deadline, k12Seconds } from '../../decisions/kafka-rules/settled.ts';
import {
  addSeconds,
  ledgerEntry,
  ledgerOf,
  markDone,
  markFailed,
  measuredSeconds,
} from '../../store/rollout-ledger.ts';
import { keepRunning } from '../../store/rollout-report.ts';
import type { LedgerEntry, TargetSeconds } from '../../store/rollout-tables.ts';
import { type NodeStep, suspectsIn } from './change.ts';
import { openContext, pause, type RolloutDeps, seconds } from './context.ts';
import { standingOf } from './next.ts';

/**
 * `lost`: the node does not return, does not get in sync, or does not run what was installed. `foreign`: it is
 * kept from settling by another node, which carries nothing of ours and was ended or restarted by others.
 */
export type SettleOutcome = { kind: 'settled' } | { kind: 'lost' | 'foreign'; reason: string };

const LOOK_MS = 250;
const READY_LOOK_MS = 1_000;

/**
 * Waits for a started node to return: its process ready, within the deadline of rule K12, which counts from
 * its start (the ledger's, so that a retry does not begin anew) and again from every log that it recovers.
 */
export async function awaitReturn(deps: RolloutDeps, step: NodeStep): Promise<SettleOutcome> {
  const context = await openContext(deps, step);
  const entry = await ledgerEntry(deps.db, step);
  if (entry.state === 'failed') return { kind: 'lost', reason: entry.failure ?? 'it failed before' };
  const clock = startClock(Date.parse(entry.changedAt ?? new Date().toISOString()));
  const measured = await measuredSeconds(deps.db, step, 'return');
  const allowed = k12Seconds(context.rules.returnSeconds, measured);
  for (;;) {
    const { ready, detail } = await context.driver.waitReady(step.target, READY_LOOK_MS);
    if (ready) {
      await addSeconds(deps.db, step, { return: seconds(clock.startedAtMs) });
      return { kind: 'settled' };
    }
    const { state } = await context.driver.facts(step.target);
    if (state !== 'stopped') clock.see((await context.system.waitsFor(step.target, [])).progress);
    if (state === 'stopped' || Date.now() > clock.deadline(allowed)) {
      const late = state === 'stopped' ? '' : `not back after ${Math.round(seconds(clock.startedAtMs))} s: `;
      return lose(deps, step, `${late}${brief(detail)}`);
    }
  }
}

/**
 * Waits until the node is in sync everywhere (K11). In a roll-back a node that has returned and is held up by
 * others (suspects lead its partitions) is not lost by that: the roll-back goes on, and cures it.
 */
export async function awaitInSync(deps: RolloutDeps, step: NodeStep): Promise<SettleOutcome> {
  const context = await openContext(deps, step);
  const entry = await ledgerEntry(deps.db, step);
  const clock = startClock(returnedAtMs(entry));
  const began = Date.now();
  const measured = await measuredSeconds(deps.db, step, 'inSync');
  const allowed = k12Seconds(context.rules.inSyncSeconds, measured);
  for (;;) {
    const suspects = step.direction === 'back' ? suspectsIn(await ledgerOf(deps.db, step.rollout)) : [];
    const { waitingFor, progress } = await context.system.waitsFor(step.target, suspects);
    if (waitingFor.length === 0) break;
    clock.see(progress);
    const { state } = await context.driver.facts(step.target);
    const late = Date.now() > clock.deadline(allowed);
    if (state === 'stopped') return lose(deps, step, `${step.target} ended after it had returned`);
    if (late && step.direction === 'back' && suspects.length > 0) break;
    if (late) {
      const others = await standingOf(context, await ledgerOf(deps.db, step.rollout));
      if (others.kind === 'foreign' || (others.kind === 'waiting' && !others.suspect)) {
        return { kind: 'foreign', reason: others.reasons.join('; ') };
      }
      return lose(deps, step, `not in sync after ${Math.round(allowed)} s: ${waitingFor.join('; ')}`);
    }
    await pause(LOOK_MS);
  }
  await addSeconds(deps.db, step, { inSync: seconds(began) });
  return { kind: 'settled' };
}

/**
 * Gives back the leaders that the stop moved away, in batches, and no others (K11 as corrected). What cannot
 * be given back in time is told by the node's `lost`; in a roll-back it is left.
 */
export async function giveLeadersBack(deps: RolloutDeps, step: NodeStep): Promise<SettleOutcome> {
  const context = await openContext(deps, step);
  const entry = await ledgerEntry(deps.db, step);
  if (entry.leaders.length === 0) return { kind: 'settled' };
  const began = Date.now();
  const { rules, system } = context;
  for (;;) {
    const { left } = await system.giveBackLeaders(step.target, entry.leaders, rules.leaderBatch);
    if (left.length === 0) break;
    if (Date.now() - began > rules.inSyncSeconds * 1000) {
      if (step.direction === 'back') break;
      return lose(deps, step, `did not take its leaders back: ${left.slice(0, 5).join(', ')}`);
    }
    await pause(LOOK_MS);
  }
  await addSeconds(deps.db, step, { leaders: seconds(began) });
  return { kind: 'settled' };
}

/** G6: every digest from the disk, the commit from the running process; then the ledger's result (K20). */
export async function readBackNode(
  deps: RolloutDeps,
  step: NodeStep,
): Promise<SettleOutcome & { seconds?: Partial<TargetSeconds> }> {
  const context = await openContext(deps, step);
  const entry = await ledgerEntry(deps.db, step);
  const readBack = await context.driver.readBack(step.target);
  const wanted = { artifacts: entry.to.artifacts, commit: entry.to.commit };
  const findings = g6RunsWhatWasInstalled(step.target, readBack, wanted, context.system.readsCommit(step.target));
  if (findings.length > 0) return lose(deps, step, findings.map(({ reason }) => `G6: ${reason}`).join('; '));
  const total = secondsSince(entry);
  const { stop = 0, return: back = 0, inSync = 0 } = entry.seconds;
  const took = { ...entry.seconds, total, ours: Math.max(0, Math.round((total - stop - back - inSync) * 100) / 100) };
  await markDone(deps.db, step, readBack, took);
  await keepRunning(deps.db, step.environment, step.target, { ...entry.to, rollout: step.rollout });
  return { kind: 'settled', seconds: took };
}

async function lose(deps: RolloutDeps, step: NodeStep, reason: string): Promise<SettleOutcome> {
  await markFailed(deps.db, step, reason);
  return { kind: 'lost', reason };
}

const secondsSince = ({ intendedAt }: LedgerEntry) => (intendedAt ? seconds(Date.parse(intendedAt)) : 0);

function returnedAtMs({ changedAt, seconds: took }: LedgerEntry): number {
  return (changedAt ? Date.parse(changedAt) : Date.now()) + (took.return ?? 0) * 1000;
}

/** K12's clock: it starts again whenever fewer logs remain. */
function startClock(startedAtMs: number) {
  let fewest: number | undefined;
  let lastProgressAtMs: number | undefined;
  return {
    startedAtMs,
    see(remaining: number | undefined) {
      if (remaining === undefined || (fewest !== undefined && remaining >= fewest)) return;
      fewest = remaining;
      lastProgressAtMs = Date.now();
    },
    deadline: (allowed: number) =>
      k12Deadline({ startedAtMs, ...(lastProgressAtMs !== undefined && { lastProgressAtMs }) }, allowed),
  };
}

/** The end of a log says more than a page of it. */
const brief = (detail: string) => (detail.length > 700 ? `${detail.slice(0, 200)} … ${detail.slice(-480)}` : detail);
