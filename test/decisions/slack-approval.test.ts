import { describe, expect, test } from 'vitest';
import { type ApprovalClick, pagesOf, readFormMemory, readPageClick } from '../../decisions/slack-approval.ts';

describe('the pages of what is asked', () => {
  const patch = Array.from({ length: 3_000 }, (_, n) => `+  line ${n} of the patch, and some more of it\n`).join('');
  test.each<[string, string]>([
    ['a short text', 'one line'],
    ['a patch', patch],
    ['one line without an end', 'x'.repeat(50_000)],
    ['characters of two halves', '𝒳'.repeat(20_000)],
    ['a line that ends where a block does', `${'y'.repeat(2_899)}\n${'z'.repeat(2_899)}\n`],
  ])('%s: every character of it, within what Slack takes', (_name, text) => {
    const pages = pagesOf(text);
    expect(pages.flat().join('')).toBe(text);
    for (const page of pages) {
      expect(page.length).toBeLessThan(90);
      for (const block of page) {
        expect(block.length).toBeLessThanOrEqual(3_000);
        expect(block.isWellFormed()).toBe(true);
      }
      // As Slack may write it: a character in six bytes.
      expect(6 * page.join('').length).toBeLessThan(230_000);
    }
  });
  test('a patch is cut between its lines', () => {
    for (const block of pagesOf(patch).flat()) expect(block.endsWith('\n')).toBe(true);
  });
  test('what is empty or has nothing to see is said to be so', () => {
    expect(pagesOf('')).toEqual([['(nothing)']]);
    expect(pagesOf('\n'.repeat(40))).toEqual([['(40 empty lines)']]);
  });
});

describe('a click on another page', () => {
  const asked = { id: 'T:C:1/1/1', digest: 'd'.repeat(64), place: { channel: 'C1', thread: '1.2' } };
  const click = { memory: readFormMemory(asked), page: '2', at: '3.4', user: 'U1', trigger: 't', view: 'V1' };
  test('is of the question whose form it is', () => {
    const read: ApprovalClick = { ...asked, do: 'read', page: 2, view: 'V1', trigger: 't', nonce: 'slack/C1/3.4/U1' };
    expect(readPageClick(click)).toEqual(read);
  });
  test.each<[string, Partial<typeof click>]>([
    ['without a view', { view: '' }],
    ['of no page', { page: 'x' }],
    ['of another form', { memory: '["C1"]' }],
    ['of no form', { memory: '' }],
  ])('%s it is none', (_name, change) => expect(readPageClick({ ...click, ...change })).toBeUndefined());
});
