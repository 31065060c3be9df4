import { describe, expect, test } from 'vitest';
import { type ShiftSettings, turnOf } from '../../config/support.ts';
import { callOrder, nthToCall } from '../../decisions/on-call.ts';
import { newTicket, react, roomOf, whyNotPressed } from '../../decisions/ticket.ts';
import { isThanks } from '../../decisions/ticket-words.ts';
import type {
  ButtonAction,
  FixEndKind,
  TicketAction,
  TicketButton,
  TicketEvent,
  TicketMessage,
  TicketRules,
  TicketState,
} from '../../workflows/ticket-types.ts';

const limits = {
  ...{ answerMs: 10, followUpMs: 20, closeMs: 30, escalationMs: 40, takenMs: 50, fixMs: 60 },
  ...{ mostCalls: 3, mostAnswers: 2 },
};
const rules: TicketRules = { responders: ['ada', 'bob'], limits };
const NOW = 1_000_000;
const message = (change: Partial<TicketMessage> = {}): TicketEvent => ({
  ...{ kind: 'message', key: 'm1', sent: '5', person: 'dan', text: 'Why does it lag?', addressed: true, ...change },
});
const button = (action: ButtonAction, person = 'ada', change: Partial<TicketButton> = {}): TicketEvent => ({
  ...{ kind: 'button', key: 'b', sent: '9', action, person, ...change },
});
const answered: TicketEvent = { kind: 'answer', end: { kind: 'answered', text: 'Like this.', private: 0 } };
const timeout: TicketEvent = { kind: 'timeout' };
const none: TicketEvent = { kind: 'answer', end: { kind: 'unanswered', reason: 'not enough was found' } };
const called: TicketEvent = { kind: 'called', end: { person: 'ada', mention: 'U1' } };
const CAUGHT_UP: TicketEvent = { kind: 'caught-up' };
const BEGUN: TicketEvent[] = [message(), CAUGHT_UP, { kind: 'opened' }];

function having(...events: TicketEvent[]): { state: TicketState; done: TicketAction[] } {
  const state = newTicket(NOW);
  let done: TicketAction[] = [];
  for (const event of events) done = react(state, event, rules, NOW);
  return { state, done };
}
const doing = (actions: TicketAction[]) => actions.map((action) => action.do).join(' ');

test.each<[string, TicketEvent[], Partial<TicketState>, string]>([
  ['a question begins with what stands above it', [message()], { name: 'asked', asker: 'dan' }, 'catch-up'],
  ['and opens it', [message(), CAUGHT_UP], { name: 'asked', asker: 'dan' }, 'open'],
  [
    'whoever asked before is the asker',
    [message(), { kind: 'caught-up', first: { person: 'eve', sent: '4', text: 'It lags' } }],
    { asker: 'eve', question: 'It lags' },
    'open',
  ],
  ['once open an answer is looked for', BEGUN, { name: 'asked', deadline: NOW + 10 }, 'answer'],
  [
    'the same question joins',
    [message(), CAUGHT_UP, { kind: 'opened', joins: 't-2' }],
    { name: 'closed', ended: 'joined' },
    'say',
  ],
  ['an answer waits for its asker', [...BEGUN, answered], { name: 'answered', deadline: NOW + 20 }, 'say'],
  ['no answer is escalated', [...BEGUN, none], { name: 'escalated', why: 'not enough was found' }, 'call'],
  ['silence is followed up', [...BEGUN, answered, timeout], { name: 'waiting', deadline: NOW + 30 }, 'say'],
  ['once, and then closed with why', [...BEGUN, answered, timeout, timeout], { ended: 'silence' }, 'say'],
  ['solved closes', [...BEGUN, answered, button('solved', 'dan')], { ended: 'solved' }, 'say'],
  ['not solved escalates', [...BEGUN, answered, button('not-solved', 'dan')], { name: 'escalated', calls: 1 }, 'call'],
  ['a call names whom', [...BEGUN, none, called], { called: 'ada' }, 'say'],
  ['nobody came: the next is called', [...BEGUN, none, called, timeout], { calls: 2 }, 'call'],
  ['nobody came at all', [...BEGUN, none, called, timeout, timeout, timeout], { ended: 'nobody' }, 'say'],
  ['taken', [...BEGUN, none, button('take')], { taken: 'ada', deadline: NOW + 50 }, 'say'],
  ['taken and left', [...BEGUN, none, button('take'), timeout], { name: 'escalated', calls: 2 }, 'call'],
  ['not ours', [...BEGUN, none, button('not-ours')], { ended: 'not-ours' }, 'say'],
  ['handed off', [...BEGUN, none, button('hand-off')], { name: 'handed-off', taken: 'ada' }, 'say hand-off'],
  ['a guest is told so, and nothing begins', [message({ refused: 'no' })], { name: 'new' }, 'say'],
  ['a word of the asker asks again', [...BEGUN, answered, message({ sent: '6' })], { name: 'asked' }, 'answer'],
  ['so often', [...BEGUN, answered, message({ sent: '6' }), answered, message({ sent: '7' })], { calls: 1 }, 'call'],
  [
    'thanks ask nothing',
    [...BEGUN, answered, message({ sent: '6', text: 'Thanks a lot! 🎉' })],
    { name: 'answered' },
    'say',
  ],
  ['others may talk', [...BEGUN, answered, message({ person: 'eve', addressed: false })], { name: 'answered' }, ''],
  ['who asks meanwhile is told', [...BEGUN, none, message({ person: 'eve', sent: '7' })], { name: 'escalated' }, 'say'],
])('%s', (_name, events, state, actions) => {
  const found = having(...events);
  expect(found.state).toMatchObject(state);
  expect(doing(found.done)).toBe(actions);
});

test('a last word to a closed one does not open it; a mention does, as if it had never been closed', () => {
  const closed = [...BEGUN, answered, button('solved', 'dan')];
  const word = having(...closed, message({ sent: '6', addressed: false }));
  expect([word.state.name, word.done]).toEqual(['closed', []]);
  const { state, done } = having(...closed, message({ sent: '6' }));
  expect([state.name, state.ended, state.reason, doing(done)]).toEqual(['asked', undefined, undefined, 'answer']);
});

test('a channel is one room; at a terminal each asker has his own', () => {
  const place = { team: 'T', channel: 'C', thread: '1' };
  expect([roomOf(place, 'dan'), roomOf(place, 'eve')]).toEqual(['T:C', 'T:C']);
  expect([roomOf(undefined, 'dan'), roomOf(undefined, 'eve')]).toEqual(['cli:dan', 'cli:eve']);
});

test('whoever asked the same again is told answers and ends, and nothing else', () => {
  const told = (...events: TicketEvent[]) =>
    having(...events).done.map((action) => action.do === 'say' && action.toJoined === true);
  expect(told(...BEGUN, answered)).toEqual([true]);
  expect(told(...BEGUN, answered, button('solved'))).toEqual([true]);
  expect(told(...BEGUN, answered, timeout, timeout)).toEqual([true]);
  expect(told(...BEGUN, answered, timeout)).toEqual([false]);
  expect(told(...BEGUN, none, called)).toEqual([false]);
  expect(told(...BEGUN, none, called, button('take', 'ada'))).toEqual([false]);
});

test('whoever is called is mentioned, by the id of the configuration alone', () => {
  expect(having(...BEGUN, none, called).done).toMatchObject([{ do: 'say', mentions: ['U1'] }]);
  const nobody: TicketEvent = { kind: 'called', end: { person: 'ada' } };
  expect(having(...BEGUN, none, nobody).done[0]).not.toHaveProperty('mentions');
});

test('whoever is called reads what came closest, until something else is found', () => {
  const near: TicketEvent = {
    kind: 'answer',
    end: { kind: 'unanswered', reason: 'no', near: ['docs a.md', 'docs b.md'] },
  };
  expect(having(...BEGUN, near, called).done).toMatchObject([
    { text: expect.stringContaining('So far: no answer was given; closest of what was found: docs a.md, docs b.md.') },
  ]);
  expect(having(...BEGUN, near, button('not-ours'), message({ sent: '6' }), none).state.near).toBeUndefined();
});

test('what an answer solved is told from what people did', () => {
  const solved = (...events: TicketEvent[]) => having(...BEGUN, answered, ...events).state.settled;
  expect(solved(button('solved', 'dan'))).toBe('answer');
  expect(solved(button('not-solved', 'dan'), button('solved', 'dan'))).toBeUndefined();
  expect(solved(button('solved', 'dan'), message({ sent: '6' }))).toBeUndefined();
});

test.each([
  ['thanks', true],
  ['Thank you!', true],
  ['ok, great, thx :)', true],
  ['thanks, but it still lags', false],
  ['ok?? why', false],
])('%j is nothing but thanks: %s', (text, expected) => expect(isThanks(text)).toBe(expected));

test('the earliest message has the asker, whatever arrives first', () => {
  const late = message({ key: 'm2', sent: '7', person: 'eve', text: 'me too' });
  const inOrder = having(message(), CAUGHT_UP, { kind: 'opened' }, late).state;
  const other = having(late, CAUGHT_UP, { kind: 'opened' }, message()).state;
  expect(other).toMatchObject({ asker: 'dan', asked: '5', question: 'Why does it lag?' });
  expect(other).toEqual(inOrder);
});

test('whoever asks what was answered already is told that answer, in the last word of his thread', () => {
  const joined = { kind: 'opened', joins: 't-2', told: 'Raise it.\n\nIt rests on:\n• docs lag.md' } as const;
  const { state, done } = having(message(), CAUGHT_UP, joined);
  expect(state).toMatchObject({ name: 'closed', ended: 'joined' });
  expect(done).toMatchObject([
    {
      do: 'say',
      text: expect.stringMatching(/^Joined with another: .*t-2, what comes.*\n.*says:\nRaise it\.\n\nIt rests on/),
    },
  ]);
  expect(state.reason).not.toContain('Raise it');
});

test('an agent that is not there leaves it with whoever wanted to hand it over', () => {
  const unavailable: TicketEvent = { kind: 'handed-off', end: { kind: 'unavailable', reason: 'there is none' } };
  const { state, done } = having(...BEGUN, none, button('hand-off', 'bob', { note: 'look at the quota' }), unavailable);
  expect(state).toMatchObject({ name: 'escalated', taken: 'bob', deadline: NOW + 50 });
  expect(done).toMatchObject([{ do: 'say', text: expect.stringContaining('there is none. It stays with bob') }]);
});

test('an answer made with a document that gives orders is told to whoever is on call, and stays an answer', () => {
  const end = { kind: 'answered' as const, text: 'Do this.', private: 0, orders: true };
  const answered = having(...BEGUN, { kind: 'answer', end });
  expect(answered.done).toMatchObject([{ do: 'say', text: 'Do this.' }, { do: 'alert' }]);
  const told = having(...BEGUN, { kind: 'answer', end }, { kind: 'alerted', end: { person: 'ada', mention: 'U1' } });
  expect(told.state).toMatchObject({ name: 'answered', calls: 0 });
  expect(told.done).toMatchObject([{ tone: 'warn', text: expect.stringMatching(/^ada is on call\. .*orders/) }]);
  expect(told.done).toMatchObject([{ mentions: ['U1'] }]);
  const nobody = having(...BEGUN, { kind: 'answer', end }, { kind: 'alerted', end: {} });
  expect(nobody.done).toMatchObject([{ text: expect.stringContaining('Nobody is on call: the schedule is empty') }]);
});

describe('a fix', () => {
  const at = (...steps: ('proposed' | 'approved' | 'applied' | 'verified' | 'failed')[]) =>
    having(
      ...BEGUN,
      none,
      button('hand-off'),
      ...steps.map((to): TicketEvent => ({ kind: 'progress', key: to, to, text: `it is ${to}` })),
    ).state;
  test.each<[string, Parameters<typeof at>, Partial<TicketState>]>([
    ['goes on step by step', ['proposed'], { name: 'proposed' }],
    ['to its end', ['proposed', 'approved', 'applied', 'verified'], { name: 'closed', ended: 'fixed' }],
    ['a step that comes early changes nothing', ['applied'], { name: 'handed-off' }],
    ['nor one that comes again', ['proposed', 'approved', 'proposed'], { name: 'approved' }],
    ['a failed one is given back', ['proposed', 'failed'], { name: 'escalated', why: 'its fix did not end it' }],
  ])('%s', (_name, steps, state) => expect(at(...steps)).toMatchObject(state));
  const ended = (end: FixEndKind): TicketEvent[] => [
    ...[...BEGUN, none, button('hand-off')],
    { kind: 'progress', key: 'f', to: 'failed', text: `${end.toUpperCase()}: x`, end, of: 'the repository limits' },
  ];
  test.each<[FixEndKind, string, RegExp, RegExp]>([
    [
      'undone',
      'bad',
      /^UNDONE: x\nada is on call/,
      /So far: .*; a fix of the repository limits was applied, failed and/,
    ],
    ['failed', 'bad', /^FAILED: x\nada is on call/, /limits failed, and stays\./],
    ['inconclusive', 'bad', /^INCONCLUSIVE: x\n/, /limits was applied, and whether it helps cannot be told\./],
    [
      'given-back',
      'warn',
      /^GIVEN-BACK: x\nada is on call \(call 2\)\. There is no fix\./,
      /So far: no answer was given\.$/,
    ],
  ])('%s is told once, at the head of its first call', (end, tone, head, far) => {
    const [said] = having(...ended(end), called).done;
    expect(said).toMatchObject({ do: 'say', tone, text: expect.stringMatching(head) });
    expect(said).toMatchObject({ text: expect.stringMatching(far) });
    const [again] = having(...ended(end), called, timeout, called).done;
    expect(again).toMatchObject({ tone: 'warn', text: expect.stringMatching(/^ada is on call/) });
    expect(again).toMatchObject({ text: expect.stringMatching(far) });
  });
  test('one that was only read back closes it, and says so', () => {
    const steps = (['proposed', 'approved', 'applied'] as const).map(
      (to): TicketEvent => ({ kind: 'progress', key: to, to, text: to }),
    );
    const last: TicketEvent = { kind: 'progress', key: 'v', to: 'verified', text: 'APPLIED', end: 'read-back' };
    const { state, done } = having(...BEGUN, none, button('hand-off'), ...steps, last);
    expect(state).toMatchObject({
      ended: 'fixed',
      settled: 'untried',
      reason: expect.stringContaining('nothing could'),
    });
    expect(done).toMatchObject([{ tone: 'info' }, { tone: 'info' }]);
  });
  const begun = (forMs?: number): TicketEvent => ({
    ...{ kind: 'progress', key: `goes-on ${forMs}`, to: 'goes-on', text: '' },
    ...(forMs !== undefined && { forMs }),
  });
  const proposed: TicketEvent = { kind: 'progress', key: 'p', to: 'proposed', text: 'it waits', forMs: 500 };
  const approved: TicketEvent = { kind: 'progress', key: 'a', to: 'approved', text: 'it is applied' };
  test.each<[string, TicketEvent[], Partial<TicketState>]>([
    ['what takes longer has as long', [begun(700)], { name: 'handed-off', deadline: NOW + 700 }],
    ['what follows it has its own time', [begun(700), begun(90)], { name: 'handed-off', deadline: NOW + 90 }],
    ['nothing has less than a step', [begun(7)], { name: 'handed-off', deadline: NOW + 60 }],
    ['a question waits as long as it may be decided', [proposed], { name: 'proposed', deadline: NOW + 500 }],
    ['the step after it has its own again', [proposed, approved], { name: 'approved', deadline: NOW + 60 }],
    ['the agent goes on while it is proposed', [proposed, begun(80)], { name: 'proposed', deadline: NOW + 80 }],
    ['and it is given back all the same, in the end', [proposed, begun(80), timeout], { name: 'escalated' }],
  ])('%s', (_name, events, state) =>
    expect(having(...BEGUN, none, button('hand-off'), ...events).state).toMatchObject(state),
  );
  test('what begins once it is over changes nothing', () => {
    const { state, done } = having(...BEGUN, none, button('hand-off'), button('solved'), begun(700));
    expect([state.name, done]).toEqual(['closed', []]);
  });
  test('that stands still is given back', () => {
    expect(having(...BEGUN, none, button('hand-off'), timeout).state.name).toBe('escalated');
  });
});

test.each<[string, TicketEvent[], TicketEvent, RegExp | undefined]>([
  ['the asker may say that it is solved', [...BEGUN, answered], button('solved', 'dan'), undefined],
  ['so may whoever is on call', [...BEGUN, answered], button('solved', 'bob'), undefined],
  ['others may not', [...BEGUN, answered], button('solved', 'eve'), /eve: that is for dan, who asked/],
  [
    'the asker may not hand off',
    [...BEGUN, none],
    button('hand-off', 'dan'),
    /dan: that is for whoever may be on call/,
  ],
  ['nor send it away', [...BEGUN, none], button('not-ours', 'dan'), /on call/],
  ['a stranger may nothing', [...BEGUN, answered], button('solved', 'ada', { refused: 'who?' }), /who\?/],
  ['what is taken is taken', [...BEGUN, none, button('take')], button('take', 'bob'), /ada has it already/],
  ['an old button', [...BEGUN, none], button('not-solved', 'dan'), /does nothing now/],
  ['closed is closed', [...BEGUN, none, button('not-ours')], button('take', 'bob'), /it is closed/],
])('%s', (_name, events, pressed, reason) => {
  const found = whyNotPressed(having(...events).state, pressed as unknown as TicketButton, rules);
  if (reason === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(reason);
});

describe('on call', () => {
  const shifts = [
    { person: 'cyd', from: 200, to: 300 },
    { person: 'ada', from: 0, to: 100 },
    { person: 'bob', from: 0, to: 100 },
    { person: 'ada', from: 100, to: 200 },
  ];
  test('who is on duty, then who comes next', () => {
    expect(callOrder(shifts, 50)).toEqual(['ada', 'bob', 'cyd']);
    expect(callOrder(shifts, 150)).toEqual(['ada', 'cyd']);
    expect(callOrder(shifts, 999)).toEqual([]);
  });
  test.each([
    [['ada', 'bob'], 1, 'dan', 'ada'],
    [['ada', 'bob'], 2, 'dan', 'bob'],
    [['ada', 'bob'], 3, 'dan', 'ada'],
    [['ada', 'bob'], 1, 'ada', 'bob'],
    [['ada'], 1, 'ada', 'ada'],
    [[], 1, 'ada', undefined],
  ])('of %j the call %i of %s goes to %s', (order, n, asker, person) => {
    expect(nthToCall(order, n, asker)).toBe(person);
  });

  const at = (text: string) => Date.parse(text);
  const turn = (change: Partial<ShiftSettings>, now: string) => {
    const { from, to } = turnOf({ person: 'ada', zone: 'UTC', from: '', to: '', ...change }, at(now));
    return [new Date(from).toISOString().slice(0, 16), new Date(to).toISOString().slice(0, 16)];
  };
  // 2026-11-30 is a Monday.
  test.each<[Partial<ShiftSettings>, string, string[]]>([
    [{ from: 'mon 08:00', to: 'fri 16:00' }, '2026-12-01T00:00Z', ['2026-11-30T08:00', '2026-12-04T16:00']],
    [{ from: 'mon 08:00', to: 'fri 16:00' }, '2026-12-05T00:00Z', ['2026-12-07T08:00', '2026-12-11T16:00']],
    [{ from: 'fri 16:00', to: 'mon 08:00' }, '2026-11-30T07:00Z', ['2026-11-27T16:00', '2026-11-30T08:00']],
    [{ from: 'fri 16:00', to: 'mon 08:00' }, '2026-11-30T09:00Z', ['2026-12-04T16:00', '2026-12-07T08:00']],
    [
      { from: '2026-12-01T08:00', to: '2026-12-02T08:00', zone: 'Europe/Berlin' },
      '2026-11-30T09:00Z',
      ['2026-12-01T07:00', '2026-12-02T07:00'],
    ],
  ])('%j at %s', (change, now, expected) => expect(turn(change, now)).toEqual(expected));
});
