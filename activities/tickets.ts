import type { Settings } from '../config/schema.ts';
import { respondersOf } from '../config/support.ts';
import { lessonOf, lessonPlan } from '../decisions/learning.ts';
import { roomOf } from '../decisions/ticket.ts';
import { ESCALATION_BUTTONS, joinedWords, privateWords } from '../decisions/ticket-words.ts';
import { NO_END } from '../decisions/work-words.ts';
import { callThread } from '../store/calls.ts';
import type { Db } from '../store/database.ts';
import { writeDirect } from '../store/direct.ts';
import { adoptThread, appendMessage, type Tone, threadState } from '../store/thread.ts';
import { joinedTo, keepAudience } from '../store/ticket-readers.ts';
import { findTicket, handedTo, keepTicketEvent, openTicketRow, saveTicket, ticketEvents } from '../store/tickets.ts';
import { endWork } from '../store/work.ts';
import type { FixOrder } from '../workflows/fix-types.ts';
import type {
  AnswerEnd,
  CallEnd,
  Card,
  Clicked,
  FirstAsked,
  HandOffEnd,
  TicketButton,
  TicketMessage,
  TicketOrder,
  TicketProgress,
  TicketRules,
  TicketState,
} from '../workflows/ticket-types.ts';
import type { Digest } from '../workflows/types.ts';
import type { Recall } from './memory.ts';
import { createSlack, type SlackConnection } from './slack.ts';
import { answerFrom, NO_KNOWLEDGE } from './ticket/answer.ts';
import { createAnswerWork } from './ticket/answer-work.ts';
import { answerBefore, joinedKey } from './ticket/joined-answer.ts';
import type { Knowledge } from './ticket/knowledge.ts';
import { whoIsOnCall } from './ticket/on-call.ts';
import { createTicketPeople } from './ticket/people.ts';
import { tellCalls } from './ticket/tell-calls.ts';
import { withMemory } from './ticket/with-memory.ts';

/** `fix` names it by the ticket and the number of the hand-off. */
export type HandOver = FixOrder;

export type TicketDeps = {
  db: Db;
  /** What it was opened with, with people, groups and whoever is on call as of now (config/present.ts). */
  settings: (digest: Digest) => Promise<Settings>;
  slack?: SlackConnection;
  /** Carries a thread to Slack (`thread:<ticket>`). */
  wakeThread?: (ticket: string) => Promise<void>;
  /** Undefined where none is configured: then a person answers. */
  knowledge?: Knowledge;
  /** What verified fixes have taught; undefined where nothing is remembered. */
  recall?: Recall;
  /** Starts the agent that fixes; undefined where there is none. */
  handOff?: (order: HandOver) => Promise<void>;
  /** Why these settings let no agent fix anything; undefined where one may. */
  whyNoFix?: (settings: Settings) => string | undefined;
};

/** What came from outside; `nonce` is made anew for each arrival. */
export type Arrival = { nonce: string } & (
  | ({ kind: 'message' } & TicketMessage)
  | ({ kind: 'button' } & TicketButton)
  | ({ kind: 'progress' } & TicketProgress)
);
export type TicketBegun = { rules: TicketRules; known?: { asker: string; question: string; reason?: string } };
/** `responders`: who may take, hand off and send away, as of now. */
export type TakenIn = { fresh: boolean; refused?: string; responders?: string[] };
export type Said = {
  key: string;
  text: string;
  tone?: Tone;
  card?: Card;
  mentions?: string[];
  toJoined?: true;
  final?: boolean;
  clicked?: Clicked;
  /** Nobody is asked any more to take it. */
  over?: boolean;
};

const MINUTE_MS = 60_000;
/** How the key of a message ends that shows how an answer is looked for. */
const ANSWER_WORK = '/answer';
const MOST_ANSWERS = 5;

export function createTicketActivities(deps: TicketDeps) {
  const { db, settings } = deps;
  const answerWork = createAnswerWork({ db, ...(deps.slack && deps.wakeThread && { wakeThread: deps.wakeThread }) });
  const people = createTicketPeople(db, deps.slack && createSlack(deps.slack));

  /** What is told stands below what was asked. Safe to repeat. */
  async function adopt({ ticket, place }: Pick<TicketOrder, 'ticket' | 'place'>): Promise<void> {
    if (place !== undefined) await adoptThread(db, { release: ticket, channel: place.channel, ts: place.thread });
  }

  /** Whoever asked the same again, in the same room, is told the same, below his own question. Safe to repeat. */
  async function tellJoined(ticket: string, { key, text, tone }: Said): Promise<void> {
    for (const release of await joinedTo(db, ticket)) {
      const told = { release, key: joinedKey(key, release), text: joinedWords(text) };
      await appendMessage(db, { ...told, ...(tone && { tone }) });
      const isInSlack = (await threadState(db, release))?.slackTs !== undefined;
      if (isInSlack && deps.slack) await deps.wakeThread?.(release);
    }
  }

  /** Whoever asked may read more than everybody who reads along: he alone is told. Safe to repeat: once a ticket. */
  async function offerPrivate(
    { ticket, place }: TicketOrder,
    { asker, question }: { asker: string; question: string },
    { people: known }: Settings,
  ): Promise<void> {
    const account = known[asker]?.slack;
    if (place === undefined || account === undefined || account.team !== place.team || !deps.slack) return;
    const text = privateWords(question);
    const to = { about: ticket, person: asker, user: account.user };
    await deps.wakeThread?.(await writeDirect(db, { ...to, key: 'private', text }));
  }

  return {
    /** The rules of the settings that it was opened with, and what is known of it. Reads only. */
    async beginTicket(order: TicketOrder): Promise<TicketBegun> {
      const found = await settings(order.settings);
      const { support } = found;
      const limits = {
        ...{ answerMs: support.answerMinutes * MINUTE_MS, followUpMs: support.followUpMinutes * MINUTE_MS },
        ...{ closeMs: support.closeMinutes * MINUTE_MS, escalationMs: support.escalationMinutes * MINUTE_MS },
        ...{ takenMs: support.takenMinutes * MINUTE_MS, fixMs: support.fixMinutes * MINUTE_MS },
        ...{ mostCalls: support.mostCalls, mostAnswers: MOST_ANSWERS },
      };
      const row = await db.selectFrom('ticket').selectAll().where('id', '=', order.ticket).executeTakeFirst();
      const known = row && { asker: row.asker, question: row.text, ...(row.reason !== null && { reason: row.reason }) };
      return { rules: { responders: respondersOf(found), limits }, ...(known && { known }) };
    },

    /** Keeps what arrived, and says whether it is new and may count. Safe to repeat: a key is kept once. */
    async takeIn(order: TicketOrder, arrival: Arrival): Promise<TakenIn> {
      const refused = await people.refusalOf(arrival);
      const words = arrival.kind === 'button' ? `${arrival.action} ${arrival.note ?? ''}` : arrival.text;
      const fresh = await keepTicketEvent(db, {
        ...{ ticket: order.ticket, key: keyOf(arrival, refused), nonce: arrival.nonce, kind: arrival.kind },
        ...{ sent: 'sent' in arrival ? arrival.sent : '', text: refused === undefined ? words : '' },
        ...('person' in arrival && arrival.person !== undefined && { person: arrival.person }),
        ...(refused !== undefined && { refused }),
      });
      const responders = respondersOf(await settings(order.settings));
      return { fresh, responders, ...(refused !== undefined && { refused }) };
    },

    /** Opens its row, or names the open ticket that asks the same, and what that was answered. Safe to repeat. */
    async openTicket(
      order: TicketOrder,
      opened: { asker: string; text: string },
    ): Promise<{ joins?: string; told?: string }> {
      const room = roomOf(order.place, opened.asker);
      const { joins } = await openTicketRow(db, { id: order.ticket, room, settings: order.settings, ...opened });
      if (joins === undefined) return {};
      const audience = async () => people.audienceOf(order, opened.asker, await settings(order.settings));
      const told = await answerBefore(deps, { ticket: order.ticket, joins, room, audience });
      return { joins, ...(told !== undefined && { told }) };
    },

    /** What people said in the thread before, or while nobody listened. Safe to repeat. */
    async catchUp(order: TicketOrder): Promise<FirstAsked | undefined> {
      return people.catchUp(order, await settings(order.settings));
    },

    /** Safe to repeat: the row says what the workflow holds. */
    async saveTicketState({ ticket }: TicketOrder, state: TicketState): Promise<void> {
      await saveTicket(db, ticket, state);
      // An answer whose time was up: whoever looked for it cannot say so.
      if (state.name === 'escalated') await endWork(db, { ticket, suffix: ANSWER_WORK, text: NO_END });
    },

    /**
     * Says something in its thread, and where it concerns them to whoever was called, through the threads' outboxes. Safe
     * to repeat: a key is said once.
     */
    async tellTicket({ ticket, place }: TicketOrder, { clicked, over, toJoined, ...said }: Said): Promise<void> {
      await adopt({ ticket, place });
      await appendMessage(db, { release: ticket, ...said });
      if (place !== undefined && deps.slack) await deps.wakeThread?.(ticket);
      if (toJoined) await tellJoined(ticket, said);
      await tellCalls(deps, ticket, { ...said, ...(clicked && { clicked }), ...(over && { over }) });
    },

    /**
     * Looks for an answer that all who read along may read. Safe to repeat: it reads; each try of the model is paid.
     *
     * @param key of the message that shows what is done.
     */
    async answerTicket(order: TicketOrder, asker: string, key?: string): Promise<AnswerEnd> {
      const found = await settings(order.settings);
      const knowledge =
        deps.recall === undefined
          ? deps.knowledge
          : withMemory(deps.knowledge, deps.recall, { ticket: order.ticket, settings: found });
      if (knowledge === undefined) return { kind: 'unanswered', reason: NO_KNOWLEDGE };
      const events = await ticketEvents(db, order.ticket);
      const said = events.filter(({ kind, refused }) => kind === 'message' && refused === null);
      const question = said.map(({ text }) => text).join('\n');
      const audience = await people.audienceOf(order, asker, found);
      const persons = audience.filter((one) => one in found.people);
      await keepAudience(db, order.ticket, persons);
      await adopt(order);
      const { watch, ended } = await answerWork.begin(order, key);
      const { private: more = 0, ...end } = await answerFrom(
        knowledge,
        found.model,
        { question, audience, asker, room: roomOf(order.place, asker) },
        watch,
      );
      await ended(end.kind);
      // Nobody else is to know that there is more: what the ticket keeps may be said in its thread.
      if (more > 0) await offerPrivate(order, { asker, question }, found);
      return end;
    },

    /** Whom the nth call goes to. Reads only. */
    async whomToCall(order: TicketOrder, call: { n: number; asker: string }): Promise<CallEnd> {
      return whoIsOnCall(await settings(order.settings), { ...call, team: order.place?.team });
    },

    /** Writes to whoever is called himself, through an outbox of its own; `bare`: with nothing to press. Safe to repeat: a call is written once. */
    async writeTo(
      order: TicketOrder,
      { person, round, text, bare = false }: { person: string; round: string; text: string; bare?: boolean },
    ): Promise<void> {
      const direct = await people.directOf(order, person, await settings(order.settings));
      if (direct === undefined) return;
      const release = callThread(order.ticket, person);
      const where = direct.thread ?? `npx patchwright ticket show ${order.ticket}`;
      const card = bare ? {} : { card: { buttons: ESCALATION_BUTTONS } };
      const message = { release, channel: direct.channel, text: `${text}\n${where}`, ...card, final: true };
      await appendMessage(db, { ...message, key: `${release}/${round}` });
      await deps.wakeThread?.(release);
    },

    /** Starts the agent. Safe to repeat: its workflow is named by the ticket. */
    async handOffTicket(order: TicketOrder, by: string, hint?: string): Promise<HandOffEnd> {
      const { ticket } = order;
      if (deps.handOff === undefined)
        return { kind: 'unavailable', reason: 'no agent runs here: there is no `model` in the configuration' };
      if ((await findTicket(db, ticket)) === undefined) return { kind: 'unavailable', reason: `${ticket} is not open` };
      const reason = deps.whyNoFix?.(await settings(order.settings));
      if (reason !== undefined) return { kind: 'unavailable', reason };
      const clicks = (await ticketEvents(db, ticket)).filter(({ text }) => text.startsWith('hand-off'));
      const fix = `${ticket}/${Math.max(1, clicks.length)}`;
      await handedTo(db, ticket, fix);
      await deps.handOff({ ...order, fix, by, ...(hint !== undefined && { hint }) });
      return { kind: 'begun' };
    },

    /** Has what people found out written down, where the configuration says so. Safe to repeat: a ticket is one lesson. */
    async learnFromTicket(order: TicketOrder, state: TicketState): Promise<void> {
      const { support, model } = await settings(order.settings);
      if (support.learnTo === undefined || model === undefined) return;
      const by = state.taken ?? state.asker;
      const learns = lessonPlan(support.learnTo, state);
      await deps.handOff?.({ ...order, fix: lessonOf(order.ticket), by, learns });
    },
  };
}

/** Whoever may not ask is told so once a thread, however much he writes. */
function keyOf(arrival: Arrival, refused: string | undefined): string {
  if (refused === undefined || arrival.kind !== 'message' || arrival.account === undefined) return arrival.key;
  return `refused/${arrival.account.team}/${arrival.account.user}`;
}

export type TicketActivities = ReturnType<typeof createTicketActivities>;
