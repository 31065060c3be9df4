import { describe, expect, test } from 'vitest';
import { fixOf, mayReadTicket, notReadWords, shutTo, shutWords } from '../../decisions/ticket-access.ts';

describe('who may read a ticket at a terminal', () => {
  const people = Object.fromEntries(['ada', 'bob', 'cat', 'dan', 'eve'].map((name) => [name, {}]));
  const ticket = { asker: 'dan', persons: ['bob'], audience: ['cat', 'dan'] };
  const rules = { responders: ['ada'], people };
  test.each<[string, string, boolean]>([
    ['who asked', 'dan', true],
    ['who took part', 'bob', true],
    ['who reads along where it was asked', 'cat', true],
    ['who answers tickets', 'ada', true],
    ['any other person', 'eve', false],
    ['a user who is nobody', 'root', false],
  ])('%s (%s): %s', (_who, reader, may) => expect(mayReadTicket(ticket, reader, rules)).toBe(may));

  test('whoever sits there, where nobody is configured', () => {
    expect(mayReadTicket(ticket, 'root', { responders: [], people: {} })).toBe(true);
  });
  test('a user who is nobody reads what he asked himself, and is called no responder', () => {
    expect(mayReadTicket({ ...ticket, asker: 'root' }, 'root', rules)).toBe(true);
    expect(mayReadTicket(ticket, 'root', { ...rules, responders: ['root'] })).toBe(false);
  });
  test('the refusal says why, and what a user who is nobody lacks', () => {
    expect(notReadWords('T:C:1', 'eve', { people })).toMatch(/^T:C:1 is for .*support.responders\); you are eve$/);
    expect(notReadWords('T:C:1', 'root', { people })).toMatch(/root is nobody under people \(people\.NAME\.user/);
  });
});

describe('what agents have read for a fix is for readers of that', () => {
  const people = Object.fromEntries(['ada', 'bob', 'cat'].map((name) => [name, {}]));
  const repositories = { limits: {}, keys: { readers: ['those', 'cat'] } };
  const rules = { people, groups: { those: ['ada'] }, repositories };
  const read = (...names: string[]) => names.map((repository) => ({ repository, closed: repository !== 'limits' }));
  test.each<[string, string, string[], string[]]>([
    ['one of a group', 'ada', ['keys', 'limits'], []],
    ['a person', 'cat', ['keys'], []],
    ['any other person', 'bob', ['keys', 'limits'], ['keys']],
    ['anybody, of what is open', 'bob', ['limits'], []],
    ['a user who is nobody', 'root', ['keys', 'limits'], ['keys']],
    ['one that is no longer configured, and had readers', 'ada', ['gone'], ['gone']],
    ['a name that every object has', 'ada', ['constructor'], ['constructor']],
  ])('%s', (_who, reader, names, shut) => expect(shutTo(read(...names), reader, rules)).toEqual(shut));

  test('one that is gone and was open', () =>
    expect(shutTo([{ repository: 'gone', closed: false }], 'bob', rules)).toEqual([]));
  test('where nobody is configured there is only whoever sits there', () =>
    expect(shutTo(read('keys'), 'root', { ...rules, people: {} })).toEqual([]));
  test('runs and questions begin with the name of their fix', () => {
    expect(fixOf('T:C:1.2', 'T:C:1.2/1/1-2/investigate')).toBe('T:C:1.2/1');
    expect(fixOf('T:C:1.2', 'T:C:1.2/learnt/1')).toBe('T:C:1.2/learnt');
  });
  test('the refusal says whom to ask', () =>
    expect(shutWords('T:C:1/1', 'bob', ['keys'])).toMatch(
      /T:C:1\/1 .* keys, and bob may not.*repositories\.keys\.readers/,
    ));
});
