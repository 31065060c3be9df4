import { describe, expect, test } from 'vitest';
import { readSlack, type SlackIntent } from '../../decisions/slack-event.ts';

const self = { team: 'T0TEST', user: 'U0BOT' };
const event = (change: Record<string, unknown> = {}, body: Record<string, unknown> = {}) => ({
  ...{ type: 'event_callback', team_id: 'T0TEST', event_id: 'Ev1' },
  event: { type: 'app_mention', channel: 'C1', user: 'U1', ts: '1700000000.000100', text: '<@U0BOT> why?', ...change },
  ...body,
});
const click = (change: Record<string, unknown> = {}) => ({
  ...{ type: 'block_actions', team: { id: 'T0TEST' }, user: { id: 'U1', team_id: 'T0TEST' }, trigger_id: 'x' },
  ...{ channel: { id: 'C1' }, message: { ts: '1700000001.000000', thread_ts: '1700000000.000100', user: 'U0BOT' } },
  actions: [{ action_id: 'ticket.solved', action_ts: '1700000002.000000' }],
  ...change,
});
const form = (metadata: string, change: Record<string, unknown> = {}) => ({
  ...{ type: 'view_submission', team: { id: 'T0TEST' }, user: { id: 'U1', team_id: 'T0TEST' } },
  view: {
    ...{ id: 'V1', callback_id: 'ticket_hand_off', private_metadata: metadata },
    state: { values: { hint: { hint: { value: ' the quota ' } } } },
  },
  ...change,
});

describe('an event', () => {
  test.each<[string, unknown, Partial<Extract<SlackIntent, { kind: 'message' }>>]>([
    ['a mention is addressed', event(), { addressed: true, text: 'why?', account: { team: 'T0TEST', user: 'U1' } }],
    ['so is a direct message', event({ type: 'message', channel: 'D1', text: 'why?' }), { addressed: true }],
    ['and the same mention as a message', event({ type: 'message' }), { addressed: true, ts: '1700000000.000100' }],
    [
      'a word in a thread may be meant for a ticket',
      event({ type: 'message', text: 'ok', ts: '1700000009.000000', thread_ts: '1700000000.000100' }),
      { addressed: false, place: { team: 'T0TEST', channel: 'C1', thread: '1700000000.000100' } },
    ],
    [
      'marks become words',
      event({ text: 'see <https://x.org|the page> &amp; <@U2>' }),
      { text: 'see the page (https://x.org) & @U2' },
    ],
    ['the author may be of elsewhere', event({ user_team: 'T9' }), { account: { team: 'T9', user: 'U1' } }],
  ])('%s', (_name, body, expected) => expect(readSlack(body, self)).toMatchObject({ kind: 'message', ...expected }));

  test.each<[string, unknown]>([
    ['talk in a channel', event({ type: 'message', text: 'hello all' })],
    ['what a bot wrote', event({ bot_id: 'B1' })],
    ['our own', event({ user: 'U0BOT' })],
    ['an edit', event({ type: 'message', subtype: 'message_changed' })],
    ['a reaction', event({ type: 'reaction_added' })],
    ['no time', event({ ts: 'now' })],
    ['a channel that is none', event({ channel: '../C1' })],
    ['nothing', undefined],
    ['half of it', { type: 'event_callback' }],
  ])('%s is ignored', (_name, body) => expect(readSlack(body, self).kind).toBe('ignored'));
});

describe('a click', () => {
  test('belongs to the thread in which it was made', () => {
    expect(readSlack(click(), self)).toEqual({
      ...{ kind: 'button', action: 'solved', account: { team: 'T0TEST', user: 'U1' } },
      place: { team: 'T0TEST', channel: 'C1', thread: '1700000000.000100' },
      key: 'button/C1/1700000002.000000/U1',
    });
  });
  test('hands over at once, or asks for a hint first', () => {
    const to = (action: string) =>
      click({ actions: [{ action_id: `ticket.${action}`, action_ts: '1700000002.000000' }] });
    expect(readSlack(to('hand-off'), self)).toMatchObject({ kind: 'button', action: 'hand-off' });
    const asked = to('hand-off-hint');
    expect(readSlack(asked, self)).toMatchObject({ kind: 'form', trigger: 'x' });
  });
  test('on a form brings the hint', () => {
    expect(readSlack(form('T0TEST:C1:1700000000.000100'), self)).toMatchObject({
      ...{ kind: 'button', action: 'hand-off', note: 'the quota', key: 'button/view/V1' },
      place: { team: 'T0TEST', channel: 'C1', thread: '1700000000.000100' },
    });
  });
  test.each<[string, unknown, SlackIntent['kind']]>([
    ['of another workspace', click({ team: { id: 'T9' } }), 'elsewhere'],
    ['a form of another workspace', form('T0TEST:C1:1700000000.000100', { team: { id: 'T9' } }), 'elsewhere'],
    ['a form that names another workspace', form('T9:C1:1700000000.000100'), 'elsewhere'],
    ['an event of another workspace', event({}, { team_id: 'T9' }), 'elsewhere'],
    ['on a message that is not ours', click({ message: { ts: '1700000001.000000', user: 'U1' } }), 'ignored'],
    ['on another button', click({ actions: [{ action_id: 'ticket.approve', action_ts: '1.0' }] }), 'ignored'],
    ['a form that is not ours', form('', { view: { callback_id: 'x' } }), 'ignored'],
    ['a form without a thread', form('T0TEST'), 'ignored'],
  ])('%s', (_name, body, kind) => expect(readSlack(body, self).kind).toBe(kind));
});
