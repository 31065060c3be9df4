import { patched } from '@temporalio/workflow';
import { reasonsOf } from '../decisions/kafka-rules/waivers.ts';
import { type Desk, type Planned, say } from './rollout-desk.ts';
import { before, changeOne } from './rollout-nodes.ts';
import type { Digest, RolloutOrder } from './types.ts';

/**
 * Restarts one node unchanged before the first is changed, where the configuration says so. Why the roll-out is held,
 * or undefined: a node that does not return on what it ran is not the candidate's doing.
 */
export async function restartFirst(
  desk: Desk,
  { blockedSeconds }: Planned,
  order: RolloutOrder & { settings: Digest },
): Promise<string[] | undefined> {
  const { target } = await before.planRestart(order);
  if (target === undefined) return undefined;
  // Whoever aborts meanwhile is heard before the first node once more, where it ends the roll-out.
  if (patched('brakes-before-the-restart') && (await desk.brakesReleased())) return undefined;
  const { environment } = desk.run;
  const ended = await changeOne(desk, target, 'forward', blockedSeconds);
  if (ended.kind === 'settled') {
    await before.planAfterRestart({ ...order, target });
    await say(desk, 'restart', `${environment}/${target}: restarted unchanged, and returned`);
    return undefined;
  }
  const why = 'reason' in ended ? [ended.reason] : 'findings' in ended ? reasonsOf(ended.findings) : ended.reasons;
  return why.map((reason) => `${target}, restarted unchanged before anything was installed: ${reason}`);
}
