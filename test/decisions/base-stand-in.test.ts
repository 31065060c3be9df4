import { expect, test } from 'vitest';
import { NOT_SEARCHED, reasonAgainst, standInFor, standInName, standInWords } from '../../decisions/base-stand-in.ts';
import { countWords, culpritWords } from '../../decisions/verdict-words.ts';

const standIn = standInFor({ version: '3.6.2-fork.4', commit: 'c'.repeat(40) }, ['exit code 1', 'no symbol X', 'more']);
const LAST = '3.6.2-fork.4, which was released last';

test.each([
  [
    'regression',
    'fails 8 of 8 on the candidate, 0 of 5 on the base',
    `fails 8 of 8 on the candidate, 0 of 5 on ${LAST}`,
  ],
  [
    'pre-existing',
    'fails on the base as well, 5 of 5',
    `fails on ${LAST} as well, 5 of 5; it was so before this candidate, and whether the base is so too is not known`,
  ],
  [
    'untestable',
    'the base does not have this test, or cannot run it',
    `${LAST} does not have this test, or cannot run it`,
  ],
])('the reason of a %s names what was compared with', (kind, reason, said) => {
  expect(reasonAgainst(standIn, kind, reason)).toBe(said);
});

test('counts, thread and culprit say that it is not the base', () => {
  const arms = { candidate: { pass: 0, fail: 8 }, base: { pass: 5, fail: 0 }, against: standInName(standIn) };
  expect(countWords(arms)).toBe(`fails 8 of 8 on the candidate, 0 of 5 on ${LAST}`);
  expect(standInWords(standIn)).toContain('does not build (exit code 1; no symbol X). The candidate is compared with');
  expect(culpritWords({ culpritReason: NOT_SEARCHED }, [])).toBe('no patch was searched for');
});

test('what a compiler says at length is cut', () => {
  expect(standInFor({ version: 'v', commit: 'c' }, ['x'.repeat(5_000)]).reason.length).toBeLessThan(300);
});
