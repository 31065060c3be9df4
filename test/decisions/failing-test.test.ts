import { expect, test } from 'vitest';
import { judgeTest } from '../../decisions/failing-case.ts';
import type { ProofOutcome } from '../../workflows/proof-types.ts';

const named = { suite: 'unit', test: 'a.B#c' };
const ran = (before: [pass: number, fail: number], after: [pass: number, fail: number], message?: string) => {
  const [one, two] = [before, after].map(([pass, fail]) => ({ pass, fail }));
  const counted = { unit: 'a.B', test: 'a.B#c', before: one, after: two, ...(message && { message }) };
  return { outcome: { kind: 'ran', build: {}, tests: [counted], logs: [] } as unknown as ProofOutcome };
};
const both = (one: ReturnType<typeof ran>, other: ReturnType<typeof ran>) => {
  const tests = [one, other].flatMap(({ outcome }) => (outcome.kind === 'ran' ? outcome.tests : []));
  return { outcome: { ...one.outcome, tests } as ProofOutcome };
};
type Seen = Parameters<typeof judgeTest>[1];

test.each<[string, Seen, boolean, kind: string, words: RegExp]>([
  [
    'fails before, passes after',
    ran([0, 5], [5, 0]),
    false,
    'shown',
    /failed 5 of 5 without the change, 0 of 5 with it$/,
  ],
  ['one that the change brings', ran([0, 5], [5, 0]), true, 'shown', /; the change itself adds or changes this test$/],
  [
    'seldom before: it may be that it did not fail by chance',
    ran([4, 1], [5, 0]),
    false,
    'not-shown',
    /^NOT PROVEN .* failed 1 of 5 without the change and 0 of 5 with it, which is not proof by itself: 14 runs .* and 5 did$/,
  ],
  ['seldom before, often enough after', ran([4, 1], [14, 0]), false, 'shown', /failed 1 of 5 without .* 0 of 14 with/],
  ['often before', ran([1, 4], [5, 0]), false, 'shown', /failed 4 of 5 without/],
  ['seldom run with it', ran([0, 5], [3, 0]), false, 'not-shown', /failed 5 of 5 .*: 5 runs .* and 3 did$/],
  [
    'of several the second still fails',
    both(ran([0, 5], [5, 0]), ran([0, 5], [0, 5], 'not so')),
    false,
    'refused',
    /fails with the change, in 5 of 5 runs: not so/,
  ],
  [
    'of several the second is flaky',
    both(ran([0, 5], [5, 0]), ran([4, 1], [5, 0])),
    false,
    'not-shown',
    /failed 1 of 5 without/,
  ],
  [
    'of several the first passes all along',
    both(ran([5, 0], [5, 0]), ran([0, 5], [5, 0])),
    false,
    'shown',
    /: failed 5 of 5 without the change, 0 of 5 with it$/,
  ],
  [
    'of several the second does not run with it',
    both(ran([0, 5], [5, 0]), ran([0, 5], [0, 0])),
    false,
    'refused',
    /did not run with the change/,
  ],
  ['passes before', ran([5, 0], [5, 0]), false, 'refused', /passes without the change, in 5 runs: nothing is shown/],
  ['still fails', ran([0, 5], [4, 1], 'not so'), false, 'refused', /fails with the change, in 1 of 5 runs: not so/],
  ['does not run with it', ran([0, 5], [0, 0]), false, 'refused', /did not run with the change/],
  [
    'does not run before',
    ran([0, 0], [5, 0]),
    true,
    'not-shown',
    /^NOT PROVEN .* does not run without the change; the/,
  ],
  ['does not build before', { unbuilt: ['no part'] }, true, 'not-shown', /^NOT PROVEN .* does not build .*\(no part\)/],
  [
    'the change does not build',
    { outcome: { kind: 'does-not-build', reasons: ['x'] } },
    false,
    'refused',
    /does not build, x/,
  ],
  ['is not there', { outcome: { kind: 'not-run', reason: 'no test' } }, false, 'refused', /was not run: no test/],
  [
    'nothing came of it',
    { outcome: { ...ran([0, 0], [0, 0]).outcome, tests: [] } as never },
    false,
    'refused',
    /did not run/,
  ],
])('%s', (_name, seen, brought, kind, words) => {
  const shown = judgeTest(named, seen, brought);
  expect(shown.kind).toBe(kind);
  expect('line' in shown ? shown.line : shown.reasons.join(', ')).toMatch(words);
});
