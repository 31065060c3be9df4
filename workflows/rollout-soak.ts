import { CancellationScope, log } from '@temporalio/workflow';
import type { SoakOutcome } from '../activities/rollout/soak.ts';
import { soakWords } from '../decisions/rollout-words.ts';
import { type Desk, type Stop, say } from './rollout-desk.ts';
import { node, untilWhole } from './rollout-nodes.ts';

/**
 * The one soak after all nodes, of roll-outs that were planned before there were gates. Watches under full traffic;
 * after a node was ended by others, and is back, anew. An abort does not wait for its end.
 */
export async function soak(desk: Desk, blockedSeconds: number): Promise<Stop | undefined> {
  for (;;) {
    const watching = new CancellationScope();
    const soaking = watching.run(() => node.soakEnvironment({ ...desk.step, wave: 1 }));
    const gate = await Promise.race([soaking, desk.abortPressed()]);
    if (gate === undefined) {
      watching.cancel();
      soaking.catch((error) => log.info('the soak was given up', { error: String(error) }));
      return desk.brakesReleased();
    }
    if (gate.kind !== 'interrupted') return judgeSoak(desk, gate);
    const stopped = await untilWhole(desk, blockedSeconds);
    if (stopped) return stopped;
  }
}

async function judgeSoak(desk: Desk, gate: SoakOutcome): Promise<Stop | undefined> {
  if (gate.kind === 'held' || gate.kind === 'interrupted') return { kind: 'held', reasons: gate.reasons };
  await say(desk, 'soak', soakWords(desk.run.environment, gate), gate.kind === 'pass' ? 'good' : 'bad');
  if (gate.kind === 'pass') return undefined;
  // No data never passes; what was not seen is no reason to touch every node once more.
  return { kind: gate.kind === 'fail' ? 'roll-back' : 'frozen', reasons: gate.reasons };
}
