import { describe, expect, test } from 'vitest';
import { type MadeCall, repetition, sameCall } from '../../decisions/agent-repetition.ts';

/** `A`: a call; `A!`: the same with another answer; `A@2`: the same over other files. */
const made = (calls: string): MadeCall[] =>
  calls.split(' ').map((one) => {
    const [, name = '', news = '', files] = /^(\w)(!*)(?:@(\w+))?$/.exec(one) ?? [];
    return { name, same: name, outcome: `answer${news}`, ...(files !== undefined && { files }) };
  });

describe('what is no work any more', () => {
  test.each<[what: string, calls: string, newest: number, kind: string]>([
    ['one call', 'A', 1, 'none'],
    ['the same call twice', 'A A', 1, 'none'],
    ['three times in a row', 'A A A', 1, 'told'],
    ['four times in a row', 'A A A A', 1, 'over'],
    ['three times in alternation', 'A B A B A', 1, 'told'],
    ['the other one of the two', 'A B A B A B', 1, 'told'],
    ['once more after that', 'A B A B A B A', 1, 'over'],
    ['a round of three calls', 'A B C A B C A B C A', 1, 'over'],
    ['three times, far apart', 'A B C D E A F G H I J K A', 1, 'told'],
    ['another call after three that were told of', 'A A A B', 1, 'none'],
    ['another answer each time', 'A A! A!! A!!! A!!!!', 1, 'none'],
    ['the same answer between others', 'A A! A A! A', 1, 'told'],
    ['other files each time', 'A@1 A@2 A@3 A@4', 1, 'none'],
    ['files that were changed and changed back', 'A@1 A@2 A@1 A@2 A@1', 1, 'told'],
    ['three times in one turn', 'A A A', 3, 'told'],
    ['sixteen times in one turn, which nobody told it of', 'A A A A A A A A A A A A A A A A', 16, 'told'],
    ['once more beside others in one turn', 'A A A B A C', 3, 'over'],
  ])('%s', (_, calls, newest, kind) => {
    expect(repetition(made(calls), newest).kind).toBe(kind);
  });

  test('is said with the call and how often', () => {
    expect(repetition(made('A B A B A'), 1)).toEqual({ kind: 'told', call: 'A', times: 3 });
    expect(repetition(made('A A A A'), 1)).toMatchObject({ reason: expect.stringMatching(/same call 4 times.*: A$/) });
  });
});

describe('two calls are one', () => {
  const same = (name: string, one: unknown, other: unknown) =>
    sameCall(name, JSON.stringify(one)) === sameCall(name, typeof other === 'string' ? other : JSON.stringify(other));
  test.each<[what: string, name: string, one: unknown, other: unknown, is: boolean]>([
    ['with other white space', 'shell', { command: 'ls  -l\n' }, { command: ' ls -l' }, true],
    [
      'with other white space inside of lists',
      'answer',
      { quotes: [{ text: 'a b' }] },
      { quotes: [{ text: 'a  b ' }] },
      true,
    ],
    ['in another order', 'search', { arm: 'base', pattern: 'x' }, '{ "pattern": "x",\n "arm": "base" }', true],
    ['with another word', 'search', { pattern: 'x' }, { pattern: 'y' }, false],
    ['with another place', 'read_file', { path: 'a', from: 1 }, { path: 'a', from: 400 }, false],
    ['but of an edit, whose white space is its text', 'edit_file', { old: 'a b' }, { old: 'a  b' }, false],
  ])('%s', (_, name, one, other, is) => {
    expect(same(name, one, other)).toBe(is);
  });

  test('where both are no JSON', () => {
    expect(sameCall('shell', '{"command": ')).toBe(sameCall('shell', '{"command":   '));
    expect(sameCall('shell', 'x')).not.toBe(sameCall('search', 'x'));
  });
});
