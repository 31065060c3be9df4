import { type Place, runBatches } from './suite-hosts.ts';

/** Rounds of reruns: 5, 3 more, 10, 20, 40 an arm, and some that a crash cut short. */
const MAX_ROUNDS = 20;

/** Judges every failure by reruns, in rounds, until it has a verdict. Says what stopped it, if anything did. */
export async function judge(place: Place): Promise<string | undefined> {
  const { desk, state, order } = place;
  for (; state.round < MAX_ROUNDS; state.round += 1) {
    const { batches } = await desk.judgeFailures({ suiteRun: order.suiteRun });
    if (batches === 0) return undefined;
    const problem = await runBatches(place, 'rerun', batches);
    if (problem !== undefined) return problem;
  }
  return `no verdict after ${MAX_ROUNDS} rounds of reruns`;
}
