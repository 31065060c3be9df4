import type { ButtonAction, CardButton, SlackAccount, TicketPlace } from '../workflows/ticket-types.ts';
import type { DecisionButton } from './approval-card.ts';
import {
  type ApprovalClick,
  NOTE,
  NOTE_FORM,
  READ_FORM,
  readDecisionClick,
  readNoteForm,
  readPageClick,
} from './slack-approval.ts';

/** Who we are there: our workspace, and the bot's own account. */
export type SlackSelf = { team: string; user: string };

/** What a request of Slack asks for. `sent`: Slack's own time of it, in seconds. */
export type SlackIntent =
  | {
      kind: 'message';
      place: TicketPlace;
      account: SlackAccount;
      ts: string;
      text: string;
      /** To us: it begins a ticket where none is open. */
      addressed: boolean;
    }
  | { kind: 'button'; place: TicketPlace; account: SlackAccount; key: string; action: ButtonAction; note?: string }
  /** A form is to be opened first, for a hint. */
  | { kind: 'form'; place: TicketPlace; account: SlackAccount; trigger: string }
  /** On the card of a question to people. */
  | { kind: 'approval'; account: SlackAccount; click: ApprovalClick }
  | { kind: 'ignored'; why: string }
  /** From a workspace that is not ours: refused, and recorded. */
  | { kind: 'elsewhere'; account: SlackAccount; what: string };

type Fields = Record<string, unknown>;

export const HAND_OFF_FORM = 'ticket_hand_off';
export const HINT = 'hint';

/** The ticket of a thread: whoever makes it up, and however often, it is the same. */
export const ticketIdOf = ({ team, channel, thread }: TicketPlace): string => `${team}:${channel}:${thread}`;

/** Reads an event, a click or a form, as Socket Mode and HTTP alike deliver it. Whatever is not ours is ignored. */
export function readSlack(body: unknown, self: SlackSelf): SlackIntent {
  const it = fields(body);
  switch (it.type) {
    case 'event_callback':
      return readEvent(it, self);
    case 'block_actions':
    case 'view_submission':
      return readInteraction(it, self);
    default:
      return { kind: 'ignored', why: `nothing is done with ${text(it.type) || 'a body without a type'}` };
  }
}

/** Subtypes that are still a person's words. */
const WORDS = new Set(['', 'file_share', 'thread_broadcast']);

function readEvent(body: Fields, self: SlackSelf): SlackIntent {
  const event = fields(body.event);
  const [type, channel, user, ts] = [text(event.type), text(event.channel), text(event.user), text(event.ts)];
  if (type !== 'app_mention' && type !== 'message') return { kind: 'ignored', why: `nothing is done with ${type}` };
  if (event.bot_id !== undefined || user === self.user) return { kind: 'ignored', why: 'a bot wrote it' };
  if (!WORDS.has(text(event.subtype))) return { kind: 'ignored', why: `a message of subtype ${event.subtype}` };
  if (!isChannel(channel) || !isTime(ts) || user === '')
    return { kind: 'ignored', why: 'it has no channel, author or time' };
  const account = { team: text(event.user_team) || text(event.team) || text(body.team_id), user };
  if (body.team_id !== self.team) return { kind: 'elsewhere', account, what: `event/${text(body.event_id)}` };
  const said = text(event.text);
  const addressed = type === 'app_mention' || isAddressed({ channel, text: said }, self);
  const thread = text(event.thread_ts);
  if (!addressed && thread === '') return { kind: 'ignored', why: 'it is not addressed to us' };
  if (thread !== '' && !isTime(thread)) return { kind: 'ignored', why: 'its thread has no time' };
  const place = { team: self.team, channel, thread: thread || ts };
  return { kind: 'message', place, account, ts, text: plainOf(said, self), addressed };
}

/** To us: a direct message, or one that mentions us. */
export const isAddressed = ({ channel, text: said }: { channel: string; text: string }, self: SlackSelf): boolean =>
  channel.startsWith('D') || said.includes(`<@${self.user}>`);

function readInteraction(body: Fields, self: SlackSelf): SlackIntent {
  const user = fields(body.user);
  const team = text(fields(body.team).id);
  const account = { team: text(user.team_id) || team, user: text(user.id) };
  if (account.user === '') return { kind: 'ignored', why: 'it has no author' };
  // Checked before anything that it says of itself: a button of another workspace names whatever it likes.
  if (team !== self.team) return { kind: 'elsewhere', account, what: text(body.type) };
  return body.type === 'view_submission' ? readForm(body, account, self) : readClick(body, account, self);
}

const DECISION = /^approval\.(approve|changes|reject|read)$/;
const PAGE = /^approval\.page\.(next|previous)$/;
const ACTION = /^ticket\.(solved|not-solved|hand-off|hand-off-hint|take|not-ours)$/;

/** The thread is where the click was made, never what a button says. */
function readClick(body: Fields, account: SlackAccount, self: SlackSelf): SlackIntent {
  const [channel, message] = [text(fields(body.channel).id), fields(body.message)];
  const clicked = fields(Array.isArray(body.actions) ? body.actions[0] : undefined);
  if (PAGE.test(text(clicked.action_id))) return readPage(body, clicked, account);
  const action = ACTION.exec(text(clicked.action_id))?.[1] as CardButton['action'] | undefined;
  const [thread, at] = [text(message.thread_ts) || text(message.ts), text(clicked.action_ts)];
  const button = DECISION.exec(text(clicked.action_id))?.[1] as DecisionButton | undefined;
  if (action === undefined && button === undefined) return { kind: 'ignored', why: 'no button of ours' };
  // We wrote every card ourselves.
  if (text(message.user) !== self.user) return { kind: 'ignored', why: 'a button of a message that is not ours' };
  if (!isChannel(channel) || !isTime(thread) || !isTime(at))
    return { kind: 'ignored', why: 'it has no thread or time' };
  if (button !== undefined) {
    const value = text(clicked.value);
    const it = { button, value, at, user: account.user, trigger: text(body.trigger_id), place: { channel, thread } };
    return approvalClick(account, readDecisionClick(it));
  }
  if (action === undefined) return { kind: 'ignored', why: 'no button of ours' };
  const place = { team: self.team, channel, thread };
  if (action === 'hand-off-hint') return { kind: 'form', place, account, trigger: text(body.trigger_id) };
  return { kind: 'button', place, account, action, key: `button/${channel}/${at}/${account.user}` };
}

/** In a form of ours, which stands in no channel: it remembers whose it is. */
function readPage(body: Fields, clicked: Fields, account: SlackAccount): SlackIntent {
  const view = fields(body.view);
  const at = text(clicked.action_ts);
  if (view.callback_id !== READ_FORM || !isTime(at)) return { kind: 'ignored', why: 'no form of ours' };
  const made = { memory: text(view.private_metadata), page: text(clicked.value), view: text(view.id) };
  const click = readPageClick({ ...made, at, user: account.user, trigger: text(body.trigger_id) });
  return approvalClick(account, click);
}

function approvalClick(account: SlackAccount, click: ApprovalClick | undefined): SlackIntent {
  if (click === undefined) return { kind: 'ignored', why: 'it names no question and digest' };
  return { kind: 'approval', account, click };
}

/** The one field of a form of ours. */
const fieldOf = (view: Fields, name: string) =>
  text(fields(fields(fields(fields(view.state).values)[name])[name]).value).trim();

/** The form is ours: Slack gives back what we put into it, and nobody can change it. */
function readForm(body: Fields, account: SlackAccount, self: SlackSelf): SlackIntent {
  const view = fields(body.view);
  if (view.callback_id === NOTE_FORM) {
    const note = fieldOf(view, NOTE);
    return approvalClick(account, readNoteForm(text(view.private_metadata), account.user, note));
  }
  const [team = '', channel = '', thread = ''] = text(view.private_metadata).split(':');
  if (view.callback_id !== HAND_OFF_FORM) return { kind: 'ignored', why: 'no form of ours' };
  if (team !== self.team) return { kind: 'elsewhere', account, what: 'view_submission' };
  if (!isChannel(channel) || !isTime(thread)) return { kind: 'ignored', why: 'its form names no thread' };
  const note = fieldOf(view, HINT);
  const key = `button/view/${text(view.id)}`;
  const place = { team, channel, thread };
  return { kind: 'button', place, account, action: 'hand-off', key, ...(note !== '' && { note }) };
}

/** A person's words without Slack's marks: no mention of the bot, links as their address, `&amp;` as `&`. */
export function plainOf(said: string, self: SlackSelf): string {
  return said
    .replaceAll(`<@${self.user}>`, ' ')
    .replace(/<(https?:[^|>]*)(?:\|([^>]*))?>/g, (_, url: string, label?: string) =>
      label ? `${label} (${url})` : url,
    )
    .replace(/<([@#!][^|>]*)(?:\|([^>]*))?>/g, (_, id: string, label?: string) => label ?? id)
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .trim();
}

const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const isChannel = (id: string) => /^[CDG][A-Z0-9]+$/.test(id);
/** Ten digits and six: as text they sort by time. */
const isTime = (ts: string) => /^\d{10}\.\d{6}$/.test(ts);
