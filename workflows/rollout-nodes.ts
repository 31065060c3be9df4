import { patched, proxyActivities } from '@temporalio/workflow';
import type { NextNode } from '../activities/rollout/next.ts';
import type { Preflight, RolloutActivities } from '../activities/rollout.ts';
import { reasonsOf, waivedWords } from '../decisions/kafka-rules/waivers.ts';
import { type Desk, type Direction, type Stop, say } from './rollout-desk.ts';
import type { RuleFinding } from './types.ts';

/** They wait for nodes, within deadlines of their own; the heartbeat is what tells that a worker died. */
export const node = proxyActivities<RolloutActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '24 hours',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
});

/** Before anything is touched: what goes on failing holds the roll-out with its own words. */
export const before = proxyActivities<RolloutActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '15 seconds',
  // Some two minutes: a server that restarts is waited for.
  retry: { maximumInterval: '10 seconds', maximumAttempts: 15 },
});

export type Ended =
  | { kind: 'settled' }
  | { kind: 'abort'; reasons: string[] }
  | { kind: 'blocked'; findings: RuleFinding[] }
  | { kind: 'foreign' | 'not-stopped' | 'lost'; reason: string };

/** One node: its change, then everything that has to hold before another may be touched. */
export async function changeOne(
  desk: Desk,
  target: string,
  direction: Direction,
  blockedSeconds: number,
): Promise<Ended> {
  const step = { ...desk.step, target, direction };
  const since = Date.now();
  let changed = await node.changeNode(step);
  while (changed.kind === 'blocked' && Date.now() - since < blockedSeconds * 1000) {
    await desk.waiting(direction, `${target} waits: ${reasonsOf(changed.findings, 2).join('; ')}`);
    const aborted = await desk.brakesReleased(direction);
    if (aborted) return aborted;
    changed = await node.changeNode(step);
  }
  delete desk.progress.waiting;
  if (changed.kind !== 'changed') return changed;
  if (changed.waived && patched('waivers-in-the-middle')) {
    for (const { key, text } of waivedWords(changed.waived)) await say(desk, key, text, 'warn');
  }
  for (const wait of [node.awaitReturn, node.awaitInSync, node.giveLeadersBack]) {
    const reached = await wait(step);
    if (reached.kind !== 'settled') return reached;
  }
  const readBack = await node.readBackNode(step);
  if (readBack.kind !== 'settled') return readBack;
  desk.lastSeconds = readBack.seconds;
  return { kind: 'settled' };
}

/** Which node is next, once no brake is on. Waits for a node that died, and tells a human. */
export async function nextOf(
  desk: Desk,
  direction: Direction,
  blockedSeconds: number,
  among: () => string[] = () => desk.progress.remaining,
): Promise<string | Stop> {
  const since = Date.now();
  let told = false;
  for (;;) {
    const aborted = await desk.brakesReleased(direction);
    if (aborted) return aborted;
    const next = await node.nextNode({ ...desk.step, remaining: among(), direction, patient: told });
    if (next.kind === 'next') {
      delete desk.progress.waiting;
      // Pressed while the order was read: still before the node.
      const late = await desk.brakesReleased(direction);
      return late ?? next.target;
    }
    const late = Date.now() - since > blockedSeconds * 1000;
    const stop = stopFor(next, late, direction);
    if (stop) return stop;
    const reasons = next.kind === 'blocked' ? reasonsOf(next.findings) : next.reasons;
    await desk.waiting(direction, `waiting: ${reasons.join('; ')}`);
    told = true;
  }
}

/** What an answer without a next node means: stop, or wait on. In a roll-back a person has to look. */
function stopFor(next: Exclude<NextNode, { kind: 'next' }>, late: boolean, direction: Direction): Stop | undefined {
  const held = direction === 'back' ? 'frozen' : 'held';
  switch (next.kind) {
    case 'foreign':
      return { kind: held, reasons: next.reasons };
    case 'crashed':
      return { kind: 'roll-back', reasons: next.reasons };
    case 'waiting':
      return late ? { kind: next.suspect ? 'roll-back' : held, reasons: next.reasons } : undefined;
    case 'blocked':
      return late ? { kind: held, reasons: reasonsOf(next.findings) } : undefined;
  }
}

/**
 * Waits for nodes that were ended from outside, and tells a human; undefined once all run as the ledger knows.
 * One that stays away and carries the candidate is rolled back.
 */
export async function untilWhole(desk: Desk, blockedSeconds: number): Promise<Stop | undefined> {
  const since = Date.now();
  for (;;) {
    const aborted = await desk.brakesReleased();
    if (aborted) return aborted;
    const standing = await node.lookAround({ ...desk.step, patient: true });
    if (standing.kind === 'whole') {
      delete desk.progress.waiting;
      return undefined;
    }
    const stop = stopFor(standing, Date.now() - since > blockedSeconds * 1000, 'forward');
    if (stop) return stop;
    await desk.waiting('forward', `waiting: ${standing.reasons.join('; ')}`);
  }
}

/** Every rule; and again once a node is back that was ended from outside since the plan. */
export async function wholePreflight(desk: Desk, targets: string[], blockedSeconds: number): Promise<Preflight> {
  const found = await before.preflightRollout({ ...desk.step, targets });
  if (found.blocks.length === 0) return found;
  const standing = await node.lookAround({ ...desk.step, patient: false });
  if (standing.kind !== 'waiting') return found;
  const stopped = await untilWhole(desk, blockedSeconds);
  return stopped ? found : before.preflightRollout({ ...desk.step, targets });
}
