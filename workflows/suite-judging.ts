import type { Judged } from '../activities/suite-runner/judge.ts';
import { type Place, runBatches } from './suite-hosts.ts';

/** Rounds of reruns: a first look, elsewhere, 5, 3 more, replays, 10 to 400 an arm, and some that a crash cut short. */
const MAX_ROUNDS = 60;

/**
 * Judges every failure by reruns until it has a verdict (triage.md, *Verdicts*). Says what stopped it, if anything did.
 *
 *   1. Rounds: what is known gets its verdict, what is missing is run, until nothing is missing.
 *   2. For tests that the base lacks (none of which is asked where it does not build), the last released candidate is the base, and again as in 1.
 *
 * Where it stands is in the store: begun again it goes on.
 */
export async function judge(place: Place): Promise<string | undefined> {
  const problem = await judgeInRounds(place);
  if (problem !== undefined) return problem;
  const { suiteRun, standIn } = place.order;
  // It stands for the base already.
  if (standIn) return undefined;
  const { tests, released } = await place.desk.lackedByBase({ suiteRun });
  if (tests.length > 0 && released) {
    await place.desk.addSuiteArm({ suiteRun, arm: 'released', build: released });
    await place.desk.judgeAgainst({ suiteRun, arm: 'released', tests });
    return judgeInRounds(place);
  }
  return undefined;
}

/** Judges, runs what is missing, and judges again. */
export async function judgeInRounds(place: Place): Promise<string | undefined> {
  const { suiteRun, base, standIn } = place.order;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const { phases, batches } = await place.desk.judgeFailures({
      suiteRun,
      base: base.digest,
      ...(standIn && { standIn }),
    });
    if (phases.length === 0) return undefined;
    for (const phase of phases) {
      const problem = await runBatches(place, phase, slotsFor(phase, batches));
      if (problem !== undefined) return problem;
    }
  }
  return `no verdict after ${MAX_ROUNDS} rounds of reruns`;
}

/**
 * No more slots are asked than there are batches. Elsewhere all are: a batch waits there for another host than the
 * first that asks. `batches`: nothing in histories that are older than the count.
 */
function slotsFor(phase: Judged['phases'][number], batches: Judged['batches'] | undefined): number | undefined {
  return phase === 'elsewhere' ? undefined : batches?.[phase];
}
