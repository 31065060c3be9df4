import { type Place, runBatches } from './suite-hosts.ts';

/** Rounds of reruns: 5, 3 more, 10, 20, 40 an arm, and some that a crash cut short. */
const MAX_ROUNDS = 20;

/** Judges every failure by reruns, in rounds, until it has a verdict. Says what stopped it, if anything did. */
export async function judge(place: Place): Promise<string | undefined> {
  const { suiteRun } = place.order;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const { batches } = await place.host.judgeFailures({ suiteRun });
    if (batches === 0) return undefined;
    const problem = await runBatches(place, 'rerun');
    if (problem !== undefined) return problem;
  }
  return `no verdict after ${MAX_ROUNDS} rounds of reruns`;
}
