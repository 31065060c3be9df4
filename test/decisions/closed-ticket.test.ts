import { describe, expect, test } from 'vitest';
import { type ClosedTicket, lessonOf, mayReadRoom, roomOfTicket } from '../../decisions/closed-ticket.ts';

const place = { chunk: 'c', source: 'docs', kind: 'docs', path: 'lag.md', quote: 'Raise it' };
const answered: ClosedTicket = {
  ...{ id: 't', room: 'T:C', asker: 'dan', question: '# Why does it lag?', ended: 'solved', reason: 'dan says so' },
  ...{ settled: 'answer', answer: { text: 'Raise it.', rests: [place] }, fixed: undefined },
  said: [
    { person: 'dan', text: 'Why does it lag?' },
    { person: 'ada', text: 'Restart the sink.' },
  ],
};
const fixed = { ...answered, ended: 'fixed', settled: null, answer: null } as const;

describe('what a closed ticket may be cited for', () => {
  test.each<[string, ClosedTicket, RegExp | undefined]>([
    [
      'an answer that a person said has solved it',
      answered,
      /^# # Why does it lag\?\n[\s\S]* {4}Raise it\.\nIt rests on:/,
    ],
    [
      'not one that rests on a ticket',
      { ...answered, answer: { text: 'x', rests: [place, { ...place, kind: 'ticket' }] } },
      undefined,
    ],
    [
      'nor on what is remembered',
      { ...answered, answer: { text: 'x', rests: [{ ...place, kind: 'memory' }] } },
      undefined,
    ],
    ['nor on nothing', { ...answered, answer: { text: 'x', rests: [] } }, undefined],
    ['nor places that nobody made an answer of', { ...answered, answer: null }, undefined],
    [
      'what a colleague wrote, where no answer of ours ended it',
      { ...answered, settled: null },
      /dan: Why[\s\S]* {4}ada: Restart/,
    ],
    ['not what the asker wrote to himself', { ...answered, settled: null, said: answered.said.slice(0, 1) }, undefined],
    ['a verified fix', { ...fixed, fixed: 'VERIFIED: pushed.' }, /verified:\n {4}VERIFIED: pushed\.$/],
    ['not one that was only read back', { ...fixed, settled: 'untried', fixed: 'APPLIED, read back' }, undefined],
    ['nor one that is not known', fixed, undefined],
    ['silence is no yes', { ...answered, ended: 'silence' }, undefined],
  ])('%s', (_name, ticket, text) => {
    const lesson = lessonOf(ticket);
    if (text === undefined) expect(lesson).toBeUndefined();
    else expect(lesson?.text).toMatch(text);
  });
  test('no line of theirs is a heading', () => {
    const text = lessonOf({ ...answered, question: 'a\n# b\n===', answer: { text: '# c', rests: [place] } })?.text;
    expect(text?.split('\n').filter((line) => line.startsWith('#'))).toEqual(['# a # b ===']);
  });
});

describe('who may read a room’s tickets', () => {
  const members = ['ada', 'dan'];
  const readable = new Set(['docs']);
  const channel = roomOfTicket({ room: 'T:C1', asker: 'dan' }, []);
  const direct = roomOfTicket({ room: 'T:D1', asker: 'dan' }, []);
  const terminal = roomOfTicket({ room: 'cli:dan', asker: 'dan' }, [place, place]);
  const private_ = roomOfTicket({ room: 'T:C1', asker: 'dan' }, [{ ...place, source: 'secret' }]);
  test.each([
    ['whoever is in the channel', channel, ['ada'], undefined, true],
    ['all of them', channel, ['ada', 'dan'], undefined, true],
    ['not with somebody who is not', channel, ['ada', 'eve'], undefined, false],
    ['not nobody', channel, [], undefined, false],
    ['whoever reads along where it was asked', channel, ['ada', 'slack:and-more'], 'T:C1', true],
    ['not in another channel', channel, ['eve'], 'T:C2', false],
    ['a direct message is of one', direct, ['dan'], undefined, true],
    ['and of nobody else', direct, ['dan', 'ada'], 'T:D1', false],
    ['so is a terminal', terminal, ['dan'], undefined, true],
    ['and of nobody else', terminal, ['ada'], 'cli:dan', false],
    ['not what rests on what they may not read', private_, ['ada'], 'T:C1', false],
  ])('%s', (_name, room, audience, asking, may) =>
    expect(mayReadRoom(room, { audience, asking }, { members, readable })).toBe(may),
  );
  test('tickets that rest on the same are one', () =>
    expect(terminal).toEqual({ room: 'cli:dan', only: 'dan', rests: ['docs'] }));
});
