import type { Settings } from '../../config/schema.ts';
import { distinctPlaces, type PlacedFailure, placeFailures } from '../../decisions/found-failures.ts';
import type { SuiteHost } from '../../decisions/host-slots.ts';
import { planReruns } from '../../decisions/rerun-plan.ts';
import { countRuns, readRun } from '../../decisions/run-answers.ts';
import { oneLine } from '../../lib/plain-text.ts';
import { testId } from '../../runner/junit-xml-reports.ts';
import { runsAlone } from '../../store/suite-failures.ts';
import { markEnded, savePlan } from '../../store/suites.ts';
import type { ProvenTest, TestKey } from '../../workflows/proof-types.ts';
import type { Digest } from '../../workflows/types.ts';
import { prepareArm } from './arms.ts';
import { type SuiteRunnerDeps, suiteSettings } from './deps.ts';
import { plannedUnit, saveFound } from './found.ts';
import { firstHosts } from './hosts.ts';
import { itemOf, keyOf, openCase } from './judge-case.ts';
import { queue } from './judge-plan.ts';
import type { SuiteOrder } from './prepare.ts';
import { type Arm, testsOf } from './units.ts';

/**
 * `of`: the suite run whose tests these are. So many runs of each on both arms. `named`: a test that no suite run has
 * seen, by its name.
 */
export type ProofPlan = {
  order: SuiteOrder;
  of: string;
  tests: TestKey[];
  before: number;
  after: number;
  named?: string;
};

/** `tests`: those that were named, as the suite has them. `reason`: why nothing can be run. */
export type PreparedProof = { hosts: SuiteHost[]; tests?: TestKey[]; reason?: string };

/** So many runs are each in a process of their own; more are warm, one process an arm. */
const MOST_ALONE = 8;

/** Plans the runs of a proof: a suite run of its own in which nothing but these tests is run. Safe to repeat. */
export async function prepareProof(deps: SuiteRunnerDeps, plan: ProofPlan): Promise<PreparedProof> {
  const { order, before, after, named } = plan;
  const { suiteRun, release, candidateNumber, fork, suite, settings, candidate, base } = order;
  const found = await deps.settings(settings);
  const { slots } = suiteSettings(found, fork, suite);
  const hosts = await firstHosts(deps, slots);
  const run = { suiteRun, release, candidateNumber, fork, suite, settings, slots: 1, arms: { candidate, base } };
  const placed = named === undefined ? undefined : await placeNamed(deps, order, found, named);
  if (placed?.length === 0) return { hosts, reason: `the suite ${suite} has no test ${named}` };
  await savePlan(deps.db, run, (placed ?? []).map(plannedUnit));
  if (placed !== undefined) await saveFound(deps, suiteRun, { suite: suiteSettings(found, fork, suite) }, placed);
  const tests = placed?.map(({ unit, test }) => ({ unit, test })) ?? plan.tests;
  const told = { hosts, ...(placed !== undefined && { tests }) };
  if ((await runsAlone(deps.db, suiteRun, ['culprit'])).length > 0) return told;
  const it = await openCase(deps, placed === undefined ? plan.of : suiteRun);
  const wanted = new Set(tests.map(keyOf));
  const reruns = it.failures
    .filter((failure) => wanted.has(keyOf(failure)))
    .map((failure) => ({
      ...{ ...itemOf(it, failure), representative: true, candidate: after, base: before, baseArm: 'base' },
      alone: Math.max(before, after) <= MOST_ALONE,
    }));
  await queue(deps.db, suiteRun, 'culprit', planReruns(reruns));
  return told;
}

/** Where the suite has a test of this name: it is looked for with the change, which may bring it. */
async function placeNamed(
  deps: SuiteRunnerDeps,
  order: SuiteOrder,
  settings: Settings,
  named: string,
): Promise<PlacedFailure[]> {
  const { suiteRun, fork, candidate } = order;
  const suite = suiteSettings(settings, fork, order.suite);
  const arm = await prepareArm(deps, { suiteRun, suite, settings }, 'candidate', candidate);
  const place = { order, suite, settings, slots: 1 };
  // As a report of it would be read.
  const [className = '', method = ''] = named.split('#');
  const test = testId(className, method);
  // Nobody knows how long it takes: it has what any test may take.
  const wanted = [{ test, message: '', trace: '', seconds: suite.limits.methodSeconds / 5 }];
  const placed = distinctPlaces(placeFailures(wanted, await testsOf(deps, place, arm as Arm, wanted)));
  // A class in which there is no such test is not what was named.
  return placed.filter((one) => one.test.includes('#'));
}

/** What the runs of a proof said, test by test. Safe to repeat. */
export async function readProof(
  { db, redact }: SuiteRunnerDeps,
  { suiteRun, tests, named = false }: { suiteRun: string; tests: TestKey[]; named?: boolean },
): Promise<{ tests: ProvenTest[]; logs: Digest[] }> {
  await markEnded(db, suiteRun, undefined, async () => undefined);
  const runs = await runsAlone(db, suiteRun, ['culprit']);
  const proven = tests.map((test): ProvenTest => {
    const own = runs.filter((run) => keyOf(run) === keyOf(test));
    const on = (arm: string) => own.filter((run) => run.arm === arm);
    const counts = (arm: string) => {
      const answers = on(arm).map(readRun);
      // What a named test lacks without the change says nothing about behaviour.
      const { pass, fail } = countRuns(answers, named ? on('candidate').map(readRun) : answers);
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
