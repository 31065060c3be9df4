import type { FailingTest, GitChange, Verification } from '../workflows/fix-types.ts';
import type { ProofOutcome, ProvenTest } from '../workflows/proof-types.ts';
import type { RunCounts } from '../workflows/types.ts';
import { proofRuns } from './repair-proof.ts';

/**
 * A ticket's own failing case, whatever kind of fix it is of: it has to fail without the change and to pass with it.
 * `undecided`: it did not come to an end, or what it asks did not answer, which says nothing about the change.
 */
export type CaseKind = 'passed' | 'failed' | 'undecided';

/** What an applied fix is by its case, or its check: one that cannot be told takes nothing back. */
export function verdictOf(kind: CaseKind): Verification['kind'] {
  if (kind === 'passed') return 'verified';
  return kind === 'failed' ? 'failed' : 'inconclusive';
}

/** For a ticket's thread: what the case asks are its author's words, and stand in artifacts alone. */
const CASE_ENDS: Record<CaseKind, string> = {
  passed: 'its failing case holds',
  failed: 'its failing case does not hold',
  undecided: 'its failing case cannot be told',
};

export const caseEndWords = (kind: CaseKind): string => CASE_ENDS[kind];

export const NO_CASE = 'no failing case was given: nothing shows that it mends what was asked';

export const passesAlready = (shown: string): string =>
  `the failing case passes without the change: nothing is shown. ${shown}`;

export const NO_TEST = 'NOT PROVEN: no failing test was named; nothing shows that it mends what was asked';

const testWords = ({ suite, test }: FailingTest): string => `${test} of suite ${suite}`;

/** A change's own failing case in words, of whichever kind it is. */
export const caseOf = ({ failingCase, failingTest }: Pick<GitChange, 'failingCase' | 'failingTest'>) =>
  failingCase ?? (failingTest && `the test ${testWords(failingTest)}`);

/** What the runs of a named test show: it fails without the change and passes with it, or nothing, or the opposite. */
export type TestShown = { kind: 'shown' | 'not-shown'; line: string } | { kind: 'refused'; reasons: string[] };

/** `brought`: the change itself adds or changes that test. `unbuilt`: why what it is run on without the change does not build. */
export function judgeTest(
  named: FailingTest,
  seen: { outcome: ProofOutcome } | { unbuilt: string[] },
  brought: boolean,
): TestShown {
  const name = `failing test ${testWords(named)}`;
  const own = brought ? '; the change itself adds or changes this test' : '';
  const cannot = `NOT PROVEN that it mends what was asked: the ${name}`;
  if ('unbuilt' in seen) {
    const [first = 'no reason is known'] = seen.unbuilt;
    return { kind: 'not-shown', line: `${cannot} does not build without the change (${first})${own}` };
  }
  const { outcome } = seen;
  if (outcome.kind === 'does-not-build') return { kind: 'refused', reasons: ['it does not build', ...outcome.reasons] };
  if (outcome.kind === 'not-run') return { kind: 'refused', reasons: [`the ${name} was not run: ${outcome.reason}`] };
  const reason = whyNotMended(outcome.tests, name);
  if (reason !== undefined) return { kind: 'refused', reasons: [reason] };
  const failed = outcome.tests.filter(({ before }) => before.fail > 0);
  if (failed.length === 0) return { kind: 'not-shown', line: `${cannot} does not run without the change${own}` };
  const seldom = failed.find(({ before, after }) => after.pass < proofRuns(before));
  if (seldom !== undefined) {
    const counts = `failed ${of(seldom.before)} without the change and ${of(seldom.after)} with it`;
    const runs = `${proofRuns(seldom.before)} runs with it have to pass, and ${seldom.after.pass} did`;
    return { kind: 'not-shown', line: `${cannot} ${counts}, which is not proof by itself: ${runs}${own}` };
  }
  const counts = failed.map(({ before, after }) => `failed ${of(before)} without the change, ${of(after)} with it`);
  return { kind: 'shown', line: `${name}: ${counts.join('; ')}${own}` };
}

const of = ({ pass, fail }: RunCounts) => `${fail} of ${pass + fail}`;

/** One name may be several tests, one for each of its parameters: none fails with the change, and one did without it. */
function whyNotMended(tests: readonly ProvenTest[], name: string): string | undefined {
  const still = tests.find(({ after }) => after.fail > 0);
  if (still !== undefined) {
    const why = still.message === undefined ? '' : `: ${still.message}`;
    return `the ${name} fails with the change, in ${of(still.after)} runs${why}`;
  }
  if (tests.length === 0 || tests.some(({ after }) => after.pass === 0))
    return `the ${name} did not run with the change`;
  const passed = Math.max(...tests.map(({ before }) => before.pass));
  if (passed === 0 || tests.some(({ before }) => before.fail > 0)) return undefined;
  return `the ${name} passes without the change, in ${passed} runs: nothing is shown`;
}
