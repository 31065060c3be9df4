import { describe, expect, test } from 'vitest';
import {
  type ApprovedBefore,
  differenceWords,
  type PatchPair,
  parseRangeDiff,
} from '../../decisions/approval-difference.ts';

const before: ApprovedBefore = {
  ...{ id: 'kafka-6/1/one-way/ab', by: ['bob'], at: '2026-01-10T12:00:00.000Z', version: '3.6.1-fork.2' },
  ...{ commit: 'c1', base: { commit: 'b1', version: '3.6.1' }, reasons: 'touches A: x; touches B: y' },
};
const now = { base: before.base, commit: 'c2', reasons: ['touches A: x', 'touches B: y'] };
const patch = (kind: PatchPair['kind'], subject: string): PatchPair => ({ kind, subject });

describe('the difference to what was approved before', () => {
  const rebased = { ...now, base: { commit: 'b2', version: '3.6.2' } };
  test.each<[string, typeof now, PatchPair[] | 'unknown', string[]]>([
    [
      'the same patches on a new base',
      rebased,
      [patch('same', 'One'), patch('same', 'Two')],
      ['- base: 3.6.1 (b1) → 3.6.2 (b2)', '- patches: 2 unchanged', '- why it is one-way: unchanged'],
    ],
    [
      'one had to change for it, one came, one went',
      rebased,
      [patch('changed', 'One'), patch('gone', 'Two'), patch('new', 'Three')],
      ['- patches: 0 unchanged; changed on the new base: One; new: Three; gone: Two'],
    ],
    ['on the same base', now, [patch('changed', 'One')], ['- base: unchanged', '- patches: 0 unchanged; changed: One']],
    [
      'another format',
      { ...now, reasons: [...now.reasons, 'touches C: z'] },
      [],
      ['- why it is one-way: new: touches C: z'],
    ],
    ['one format less', { ...now, reasons: ['touches A: x'] }, [], ['- why it is one-way: less than before']],
    ['a stack that is gone', rebased, 'unknown', ['- patches: the stack of then is no longer in our clone']],
    ['the very same again', { ...now, commit: 'c1' }, [], ['- nothing changed']],
  ])('%s', (_name, asked, patches, lines) => {
    const words = differenceWords(before, asked, patches);
    expect(words[0]).toBe('Since bob approved kafka-6/1/one-way/ab (3.6.1-fork.2) on 2026-01-10:');
    expect(words).toEqual(expect.arrayContaining(lines));
  });
});

test('what git prints of two stacks is read', () => {
  const text = `1:  0a1b2c3 = 1:  4d5e6f7 Keep < and > of a subject
2:  1111111 ! 3:  2222222 Two
-:  ------- > 2:  3333333 New one
3:  4444444 < -:  ------- Old one
10:  5555555 = 10:  6666666 Ten
`;
  expect(parseRangeDiff(text)).toEqual([
    patch('same', 'Keep < and > of a subject'),
    patch('changed', 'Two'),
    patch('new', 'New one'),
    patch('gone', 'Old one'),
    patch('same', 'Ten'),
  ]);
  expect(parseRangeDiff('')).toEqual([]);
});
