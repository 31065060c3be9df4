import { describe, expect, test } from 'vitest';
import { changedLines, rankOf, rehearsalOf } from '../../decisions/approval-risk.ts';
import type { ApprovalQuestion } from '../../workflows/approval-types.ts';

type Asked = Pick<ApprovalQuestion, 'kind' | 'risk'>;
const rehearsal = ['staging'];
const rank = (asked: Asked) => rankOf(asked, rehearsal);

describe('the riskier question comes first', () => {
  const fix = (risk: ApprovalQuestion['risk']): Asked => ({ kind: 'fix', ...(risk && { risk }) });
  const production = { environments: ['production'] };
  test.each<[string, Asked, Asked]>([
    [
      'what cannot be taken back, before any that can',
      fix({ ...production, irreversible: true }),
      fix({ ...production, findings: 9, shown: 'nothing', changed: 900 }),
    ],
    [
      'a one-way candidate before a repair',
      { kind: 'one-way-release' },
      { kind: 'repair', risk: { findings: 3, changed: 900 } },
    ],
    ['production before staging', fix(production), fix({ environments: ['staging'] })],
    ['what is to go again before a fix', { kind: 'unhold' }, fix({})],
    ['what nothing shows before what is proven', fix({ shown: 'nothing' }), fix({ shown: 'proven' })],
    ['what is seen only afterwards before what a check passes', fix({ shown: 'looked-at' }), fix({ shown: 'checked' })],
    ['what somebody objects to', fix({ findings: 1 }), fix({ findings: 0 })],
    ['the larger change', fix({ changed: 700 }), fix({ changed: 7 })],
    [
      'a fix before a repair, which becomes a candidate first',
      fix({ changed: 5 }),
      { kind: 'repair', risk: { changed: 5 } },
    ],
  ])('%s', (_name, first, second) => expect(rank(first).score).toBeGreaterThan(rank(second).score));
});

test('its reasons are said, the heaviest first', () => {
  const risk = { environments: ['production'], irreversible: true, findings: 2, shown: 'nothing' as const, changed: 1 };
  expect(rank({ kind: 'fix', risk }).reasons).toEqual([
    'cannot be taken back',
    'goes to production, where nothing comes after',
    'nothing could be tried',
    '2 findings stand',
    '1 line changes',
  ]);
  expect(rank({ kind: 'repair' })).toEqual({ score: 0, reasons: [] });
});

test('an environment that a fork goes through before another is there to find out, unless one ends in it', () => {
  expect(rehearsalOf([['staging', 'production'], ['dev', 'staging', 'production'], ['dev']])).toEqual(['staging']);
  expect(rehearsalOf([])).toEqual([]);
});

test('lines of a patch are those that it adds and takes away', () => {
  expect(changedLines('diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n a\n-b\n+c\n+--d\n')).toBe(3);
  expect(changedLines('')).toBe(0);
});
