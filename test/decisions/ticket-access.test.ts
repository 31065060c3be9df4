import { describe, expect, test } from 'vitest';
import { mayReadTicket, notReadWords } from '../../decisions/ticket-access.ts';

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
