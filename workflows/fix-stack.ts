import { executeChild, patched, proxyActivities } from '@temporalio/workflow';
import type { BuildActivities } from '../activities/build.ts';
import { judgeTest, type TestShown } from '../decisions/failing-case.ts';
import { judgeProof, proofWords } from '../decisions/repair-proof.ts';
import { TRIES_TEST, triesSuite } from '../decisions/work-words.ts';
import { goesOn, stepOf, steps, tries } from './fix-steps.ts';
import type { FailingTest, FixOrder, FixTakes, GitChange, Shown } from './fix-types.ts';
import { proof } from './proof.ts';
import type { Build, Source } from './types.ts';

const { buildSource } = proxyActivities<BuildActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '13 hours',
  heartbeatTimeout: '30 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 20 },
});

/** What was seen of a patch that was built; `shown` where that is less than a proof. */
export type Built = { lines: string[]; shown?: Shown };
export const NOTHING_BUILT: Built = { lines: [] };

/**
 * As a repair is proven: built by the release's own pipeline; the ticket's failing test on the branch and with the
 * change; then all suites, whose failures are judged against the branch as it is. `touched`: files of tests that the
 * change touches, which are counted apart.
 */
export async function proveStack(
  order: FixOrder,
  { takes }: { takes?: FixTakes },
  { run, change, touched }: { run: string; change: GitChange; touched?: string[] | undefined },
): Promise<Built | { reasons: string[] }> {
  const { ticket: release, settings } = order;
  const sources = await steps.proofSources({ ...stepOf(order, run), change });
  const { before, after, suites } = sources;
  await goesOn(order, `${run}/build`, takes?.suites);
  const held = await buildSource({ ...before, settings, release });
  if (held.kind === 'broken') return { reasons: ['the branch itself does not build', ...held.reasons] };
  const named = change.failingTest && patched('fix-failing-test') ? change.failingTest : undefined;
  const test = named && (await proveTest(order, { run, takes, change, named, held: held.build, ...sources }));
  if (test?.kind === 'refused') return { reasons: test.reasons };
  const lines: string[] = test === undefined ? [] : [test.line];
  for (const suite of suites) {
    const name = `${folderOf(run)}/proof/${suite}`;
    const tested = { build: held.build, suite, suiteRun: '', tests: [] };
    await goesOn(order, name, takes?.suites);
    await tries(order, run, { doing: triesSuite(suite) });
    const runs = { before: 0, after: 0, whole: true, ...(touched && { touched }) };
    const proven = await executeChild(proof, {
      workflowId: `proof:${name}`,
      args: [{ release, fork: change.target, settings, held: tested, proof: name, fix: after, ...runs }],
    });
    const verdict = judgeProof(proven);
    if (!verdict.proven) return { reasons: verdict.reasons };
    lines.push(`suite ${suite}: ${proofWords(proven)}`);
  }
  return { lines, ...(test?.kind === 'not-shown' && { shown: 'checked' }) };
}

/** A suite run's id is also a folder's name. */
const folderOf = (run: string) => run.replace(/[^A-Za-z0-9/._-]/g, '-');

/** As many as a verdict rests on at the least. */
const TEST_RUNS = 5;

type Named = {
  run: string;
  takes: FixTakes | undefined;
  change: GitChange;
  named: FailingTest;
  held: Build;
  after: Source;
  alone?: Source;
};

/** On the branch, with the test's own file where the change brings it, and with the change. */
async function proveTest(
  order: FixOrder,
  { run, takes, change, named, held, after, alone }: Named,
): Promise<TestShown> {
  const { ticket: release, settings } = order;
  // No suite is called so: its folder would be the same.
  const name = `${folderOf(run)}/proof-of-test`;
  await goesOn(order, name, takes?.suites);
  await tries(order, run, { doing: TRIES_TEST });
  const without = alone === undefined ? undefined : await buildSource({ ...alone, settings, release });
  const brought = without !== undefined;
  if (without?.kind === 'broken') return judgeTest(named, { unbuilt: without.reasons }, brought);
  const { suite, test } = named;
  const tested = { build: without?.build ?? held, suite, suiteRun: '', tests: [] };
  const runs = { before: TEST_RUNS, after: TEST_RUNS, whole: false, named: test };
  const outcome = await executeChild(proof, {
    workflowId: `proof:${name}`,
    args: [{ release, fork: change.target, settings, held: tested, proof: name, fix: after, ...runs }],
  });
  return judgeTest(named, { outcome }, brought);
}
