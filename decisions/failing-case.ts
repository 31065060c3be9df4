import type { FailingTest, GitChange, Verification } from '../workflows/fix-types.ts';
import type { ProofOutcome } from '../workflows/proof-types.ts';
import type { RunCounts } from '../workflows/types.ts';

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
  const [{ before, after, message } = NO_RUN] = outcome.tests;
  const of = ({ pass, fail }: RunCounts) => `${fail} of ${pass + fail}`;
  if (after.fail > 0) {
    const why = message === undefined ? '' : `: ${message}`;
    return { kind: 'refused', reasons: [`the ${name} fails with the change, in ${of(after)} runs${why}`] };
  }
  if (after.pass === 0) return { kind: 'refused', reasons: [`the ${name} did not run with the change`] };
  if (before.fail === 0 && before.pass > 0)
    return {
      kind: 'refused',
      reasons: [`the ${name} passes without the change, in ${before.pass} runs: nothing is shown`],
    };
  if (before.fail === 0) return { kind: 'not-shown', line: `${cannot} does not run without the change${own}` };
  return { kind: 'shown', line: `${name}: failed ${of(before)} without the change, ${of(after)} with it${own}` };
}

const NO_RUN: { before: RunCounts; after: RunCounts; message?: string } = {
  before: { pass: 0, fail: 0 },
  after: { pass: 0, fail: 0 },
};
