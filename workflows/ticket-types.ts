import type { ApprovalCard } from './approval-types.ts';
import type { Digest } from './types.ts';

/** Where a ticket stands. From `handed-off` on a fix is under way. */
export type TicketStateName =
  | 'new'
  | 'asked'
  | 'answered'
  | 'waiting'
  | 'escalated'
  | 'handed-off'
  | 'proposed'
  | 'approved'
  | 'applied'
  | 'verified'
  | 'closed';

/** Why it is closed; the reason says it in words. */
export type TicketEnd = 'solved' | 'silence' | 'not-ours' | 'joined' | 'fixed' | 'nobody' | 'refused';

/** A thread in Slack: the channel's own message that began it. */
export type TicketPlace = { team: string; channel: string; thread: string };

export type TicketOrder = { ticket: string; settings: Digest; place?: TicketPlace };

/** A Slack account, as Slack itself says it. Which person it is the door has looked up; whether a guest, not yet. */
export type SlackAccount = { team: string; user: string };

type Arrived = {
  /** As its source names it: what comes again has the same. */
  key: string;
  /** Seconds since 1970 with six decimals, as Slack counts: they sort as text. */
  sent: string;
  person?: string;
  account?: SlackAccount;
  /** Why it does not count, in words for whoever it was. */
  refused?: string;
};

/** `addressed`: to us, so that it is answered or told why not. */
export type TicketMessage = Arrived & { text: string; addressed: boolean };

export type ButtonAction = 'solved' | 'not-solved' | 'hand-off' | 'take' | 'not-ours';
/** `note`: a hint for the agent. */
export type TicketButton = Arrived & {
  action: ButtonAction;
  note?: string;
  /** The direct message in which it was made, if it was not in the thread. */
  from?: string;
};

/** Of what is said because of a click. */
export type Clicked = { from?: string; counted: boolean };

/** `read-back`: it is there, and there was nothing to try it by. */
export type FixEndKind = 'verified' | 'read-back' | 'failed' | 'undone' | 'inconclusive' | 'given-back';

/**
 * From whatever carries a fix on; each step once, in this order. `failed` gives it back to a person; `goes-on` is none of
 * the steps: it says that something of it has begun, and how long that may take.
 */
export type TicketProgress = {
  key: string;
  to: 'proposed' | 'approved' | 'applied' | 'verified' | 'failed' | 'goes-on';
  text: string;
  /** What begins now may take so long; a step without it has `fixMs`, which is also the least. */
  forMs?: number;
  /** Of the last step: how the fix ended, and of what it is. */
  end?: FixEndKind;
  of?: string;
};

/** A place that an answer rests on: a chunk of the knowledge, of what kind it is, and what was quoted of it. */
export type Cited = { chunk: string; source: string; kind: string; path: string; quote: string };

/** `private`: so much more the asker alone may read, who alone is told (an answer of before told the thread). */
export type AnswerEnd =
  /** `orders`: a document that it was made with seems to give orders to its reader. */
  | { kind: 'answered'; text: string; private?: number; orders?: boolean }
  /** `near`: places that come closest, for whoever takes over: source and path, which all of the audience may read. */
  | { kind: 'unanswered'; reason: string; private?: number; near?: string[] };

export type CallEnd = { person?: string; mention?: string; problem?: string };

export type HandOffEnd = { kind: 'begun' } | { kind: 'unavailable'; reason: string };

/** The first message to us, whatever arrived first. */
export type FirstAsked = { person: string; sent: string; text: string };

/** What may happen to a ticket. The last six are answers to what it asked for itself. */
export type TicketEvent =
  | ({ kind: 'message' } & TicketMessage)
  | ({ kind: 'button' } & TicketButton)
  | ({ kind: 'progress' } & TicketProgress)
  | { kind: 'timeout' }
  | { kind: 'caught-up'; first?: FirstAsked }
  /** `told`: what the one that it joins was answered. */
  | { kind: 'opened'; joins?: string; told?: string }
  | { kind: 'answer'; end: AnswerEnd }
  | { kind: 'called'; end: CallEnd }
  | { kind: 'alerted'; end: CallEnd }
  | { kind: 'handed-off'; end: HandOffEnd };

/** `hand-off-hint` asks for a hint first, and is a hand-off after that. */
export type CardButton = { action: ButtonAction | 'hand-off-hint'; label: string; style?: 'primary' | 'danger' };
/** What a message shows beside its words. */
export type Card = { buttons?: CardButton[]; approval?: ApprovalCard };

/**
 * `mentions`: Slack users of the configuration, who are to notice it. `toJoined`: whoever asked the same again and was
 * joined to this is told it too.
 */
export type ToSay = {
  text: string;
  tone?: 'info' | 'good' | 'warn' | 'bad';
  card?: Card;
  mentions?: string[];
  toJoined?: true;
};

/** What is to be done about it, in this order. */
export type TicketAction =
  | ({ do: 'say' } & ToSay)
  | { do: 'catch-up' }
  | { do: 'open' }
  | { do: 'answer' }
  | { do: 'call'; n: number }
  /** Tells whoever is on call of a document that gives orders; the ticket stays where it is. */
  | { do: 'alert' }
  | { do: 'hand-off'; by: string; hint?: string };

/** All that a ticket remembers: what was said lies in the store. */
export type TicketState = {
  name: TicketStateName;
  /** Milliseconds since 1970: then something happens by itself. */
  deadline: number;
  asker: string;
  /** When the first message was sent; the earliest one's author is the asker, whatever arrives first. */
  asked: string;
  question: string;
  answers: number;
  calls: number;
  /** Why it was escalated. */
  why?: string;
  called?: string;
  taken?: string;
  /** Whom a click was of, and why it did not count: the reply to whoever waits for one. */
  reply?: string;
  ended?: TicketEnd;
  reason?: string;
  /** What was found and answered nothing: source and path. */
  near?: string[];
  /** Fixes that were applied and did not end it. */
  tried?: string[];
  /** How a fix ended, until somebody was called for it. */
  ending?: { text: string; tone: 'warn' | 'bad' };
  /** What it was solved by, where that teaches nothing: an answer of ours, or a fix that nothing was tried of. */
  settled?: 'answer' | 'untried';
  /** Makes the keys of what is said. */
  steps: number;
};

export type TicketLimits = {
  answerMs: number;
  followUpMs: number;
  closeMs: number;
  escalationMs: number;
  takenMs: number;
  fixMs: number;
  mostCalls: number;
  mostAnswers: number;
};

/** `responders`: who may take, hand off and send away. */
export type TicketRules = { responders: string[]; limits: TicketLimits };
