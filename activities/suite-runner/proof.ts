import { planReruns } from '../../decisions/rerun-plan.ts';
import { countRuns, readRun } from '../../decisions/run-answers.ts';
import { oneLine } from '../../lib/plain-text.ts';
import { runsAlone } from '../../store/suite-failures.ts';
import { markEnded, savePlan } from '../../store/suites.ts';
import type { ProvenTest, TestKey } from '../../workflows/proof-types.ts';
import type { Digest } from '../../workflows/types.ts';
import { type SuiteRunnerDeps, suiteSettings } from './deps.ts';
import { firstHosts } from './hosts.ts';
import { itemOf, keyOf, openCase } from './judge-case.ts';
import { queue } from './judge-plan.ts';
import type { SuiteOrder } from './prepare.ts';

/** `of`: the suite run whose tests these are. So many runs of each on both arms. */
export type ProofPlan = { order: SuiteOrder; of: string; tests: TestKey[]; before: number; after: number };

/** So many runs are each in a process of their own; more are warm, one process an arm. */
const MOST_ALONE = 8;

/** Plans the runs of a proof: a suite run of its own in which nothing but these tests is run. Safe to repeat. */
export async function prepareProof(deps: SuiteRunnerDeps, { order, of, tests, before, after }: ProofPlan) {
  const { suiteRun, release, candidateNumber, fork, suite, settings, candidate, base } = order;
  const { slots } = suiteSettings(await deps.settings(settings), fork, suite);
  const hosts = await firstHosts(deps, slots);
  const run = { suiteRun, release, candidateNumber, fork, suite, settings, slots: 1, arms: { candidate, base } };
  await savePlan(deps.db, run, []);
  if ((await runsAlone(deps.db, suiteRun, ['culprit'])).length > 0) return { hosts };
  const it = await openCase(deps, of);
  const wanted = new Set(tests.map(keyOf));
  const reruns = it.failures
    .filter((failure) => wanted.has(keyOf(failure)))
    .map((failure) => ({
      ...{ ...itemOf(it, failure), representative: true, candidate: after, base: before, baseArm: 'base' },
      alone: Math.max(before, after) <= MOST_ALONE,
    }));
  await queue(deps.db, suiteRun, 'culprit', planReruns(reruns));
  return { hosts };
}

/** What the runs of a proof said, test by test. Safe to repeat. */
export async function readProof(
  { db, redact }: SuiteRunnerDeps,
  { suiteRun, tests }: { suiteRun: string; tests: TestKey[] },
): Promise<{ tests: ProvenTest[]; logs: Digest[] }> {
  await markEnded(db, suiteRun, undefined, async () => undefined);
  const runs = await runsAlone(db, suiteRun, ['culprit']);
  const proven = tests.map((test): ProvenTest => {
    const own = runs.filter((run) => keyOf(run) === keyOf(test));
    const on = (arm: string) => own.filter((run) => run.arm === arm);
    const counts = (arm: string) => {
      const answers = on(arm).map(readRun);
      const { pass, fail } = countRuns(answers, answers);
      return { pass, fail };
    };
    const failed = on('candidate').find((run) => readRun(run) !== 'pass');
    return {
      ...{ ...test, before: counts('base'), after: counts('candidate') },
      ...(failed && { message: redact(oneLine(failed.message ?? failed.ended, 300)) }),
      ...(failed?.log && { log: failed.log }),
    };
  });
  return { tests: proven, logs: [...new Set(runs.flatMap(({ log }) => log ?? []))].slice(0, 200) };
}
