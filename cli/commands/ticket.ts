import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { Settings } from '../../config/schema.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { oneLine, plainText } from '../../lib/plain-text.ts';
import type { Db } from '../../store/database.ts';
import { recallsOf } from '../../store/memory.ts';
import { keepSettings } from '../../store/releases.ts';
import { type ThreadMessage, threadOf } from '../../store/thread.ts';
import { type Cost, ticketCost } from '../../store/ticket-cost.ts';
import {
  findTicket,
  listTickets,
  newestTickets,
  type TicketStats,
  ticketEvents,
  ticketText,
} from '../../store/tickets.ts';
import type { ButtonAction, TicketButton, TicketMessage, TicketOrder } from '../../workflows/ticket-types.ts';
import { personOf } from './release.ts';
import { readableTickets, requireReader } from './ticket-readers.ts';

type Connected = { db: Db; client: Client };
/** A ticket that was told something, and the last thing that it had said before. */
type Told = { id: string; after: number };
type Row = NonNullable<Awaited<ReturnType<typeof findTicket>>>;

/** Opens a ticket at the terminal, where nobody reads along but whoever asks. */
export async function openTicket({ db, client }: Connected, settings: Settings, text: string): Promise<Told> {
  if (ticketText(text) === '') throw new ExitError(2, '--text has no words: say what you ask');
  const ticket = `cli:${randomUUID()}`;
  await say(client, { ticket, settings: await keepSettings(db, settings) }, personOf(settings), text);
  return { id: ticket, after: 0 };
}

/** Says one more thing in a ticket; a closed one of the terminal is opened again. */
export async function sayInTicket(
  { db, client }: Connected,
  settings: Settings,
  id: string,
  text: string,
): Promise<Told> {
  const row = await requireTicket(db, await readableTicket(db, settings, id));
  if (!row.id.startsWith('cli:')) throw new ExitError(2, `${row.id} has its thread in Slack: write there`);
  const after = (await threadOf(db, row.id)).at(-1)?.seq ?? 0;
  await say(client, { ticket: row.id, settings: row.settings }, personOf(settings), text);
  return { id: row.id, after };
}

async function say(client: Client, order: TicketOrder, person: string, text: string): Promise<void> {
  const message: TicketMessage = { ...arrival(person, 'message'), text: ticketText(text), addressed: true };
  await client.workflow.signalWithStart('ticket', {
    ...{ workflowId: `ticket:${order.ticket}`, taskQueue: 'patchwright', args: [order] },
    ...{ signal: 'message', signalArgs: [message] },
    staticSummary: oneLine(message.text, 80),
  });
}

/** By the terminal's clock, in the form in which Slack counts. */
const arrival = (person: string, kind: string) => ({
  key: `${kind}/cli/${randomUUID()}`,
  sent: (Date.now() / 1_000).toFixed(6),
  person,
});

/** A click at the terminal. Exit 1 with the reason where it does not count. */
export async function pressInTicket(
  { db, client }: Connected,
  settings: Settings,
  { id, action, note }: { id: string; action: ButtonAction; note?: string | undefined },
): Promise<string> {
  const row = await requireTicket(db, id);
  const noted = note === undefined ? {} : { note: ticketText(note) };
  const button: TicketButton = { ...arrival(personOf(settings), 'button'), action, ...noted };
  try {
    const handle = client.workflow.getHandle(`ticket:${row.id}`);
    const reason = await handle.executeUpdate<string, [TicketButton]>('press', { args: [button] });
    if (reason !== '') throw new ExitError(1, reason);
    return row.id;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError || error instanceof WorkflowUpdateFailedError)) throw error;
    // Why it was closed is for whoever may read it: anybody may press.
    const now = await requireTicket(db, await readableTicket(db, settings, row.id));
    throw new ExitError(
      1,
      `${row.id} is closed: ${now.reason ?? 'it has ended'}; patchwright ticket say opens it again`,
    );
  }
}

export async function requireTicket(db: Db, id: string): Promise<Row> {
  const row = await findTicket(db, id);
  if (row !== undefined) return row;
  throw new ExitError(
    1,
    `there is no one ticket "${id}", or it was closed so long ago that it was removed (retention.tickets); see: npx patchwright tickets`,
  );
}

/** Waits until it said something new and is no longer looking for an answer. `tell` gets what it says as it comes. */
export async function followTicket(
  db: Db,
  { id, after, withinMs }: { id: string; after: number; withinMs: number },
  tell: (line: string) => void,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  let heard = false;
  for (let seen = after; Date.now() < deadline; await sleep(200)) {
    for (const message of await threadOf(db, id, seen)) {
      for (const line of saidLines(message)) tell(line);
      seen = message.seq;
      // What says that something is being done is no answer.
      heard ||= message.now === undefined;
    }
    const state = (await findTicket(db, id))?.state;
    if (heard && state !== undefined && state !== 'asked') return;
  }
  throw new ExitError(4, `${id} said nothing in time; look again with: npx patchwright ticket show ${id}`);
}

/** All of a ticket. Reads only. */
export async function showTicket(db: Db, id: string) {
  const row = await requireTicket(db, id);
  const [thread, said] = [await threadOf(db, row.id), await ticketEvents(db, row.id)];
  return {
    ...viewOf(row),
    // That a step of a fix goes on has no words: nobody said anything.
    said: said
      .filter(({ kind, text }) => kind !== 'progress' || text !== '')
      .map(({ kind, person, text, refused, at }) => ({
        ...{ kind, person, text, at: at.toISOString() },
        ...(refused !== null && { refused }),
      })),
    thread: thread.map(({ text, now = text, tone, at }) => ({ text: now, tone, at })),
    cost: await ticketCost(db, row.id),
    /** What its answers were given out of memory, and from which fix that came. */
    recalled: (await recallsOf(db, row.id)).map(({ id: memory, from, digest, confirmed_by, at }) => ({
      ...{ memory, from, digest, confirmedBy: confirmed_by, at: at.toISOString() },
    })),
  };
}

const LISTED = 50;
const LOOKED_AT = 1_000;

/** Those that the caller may read; `others`: how many of the last ones he may not. */
export async function ticketsFor(db: Db, settings: Settings): Promise<{ views: TicketView[]; others: number }> {
  const rows = await listTickets(db, LOOKED_AT);
  const mine = await readableOf(db, settings, rows);
  return { views: mine.slice(0, LISTED).map(viewOf), others: rows.length - mine.length };
}

async function readableOf(db: Db, settings: Settings, rows: readonly Row[]): Promise<Row[]> {
  const readable = await readableTickets(
    db,
    settings,
    rows.map(({ id }) => id),
  );
  return rows.filter(({ id }) => readable.has(id));
}

/** The same, for whoever may read it. `latest` is the newest of those. Exit 1 with the reason where he may not. */
export async function showTicketTo(db: Db, settings: Settings, id: string) {
  return showTicket(db, await readableTicket(db, settings, id));
}

/** The id of a ticket, of the beginning of one, or of the newest that the caller may read. */
export async function readableTicket(db: Db, settings: Settings, id: string): Promise<string> {
  const rows = id === 'latest' ? await newestTickets(db, LOOKED_AT) : [await requireTicket(db, id)];
  const [found] = await readableOf(db, settings, rows);
  if (found !== undefined) return found.id;
  const [other] = rows;
  if (other === undefined) return (await requireTicket(db, id)).id;
  await requireReader(db, settings, other.id);
  return other.id;
}

const iso = (time: Date | null) => time?.toISOString() ?? null;

function viewOf(row: Row) {
  return {
    ...{ id: row.id, state: row.state, asker: row.asker, text: row.text, holder: row.holder },
    ...{ ended: row.ended, reason: row.reason, answers: row.answers, calls: row.calls },
    ...{ askedAt: row.asked_at.toISOString(), answeredAt: iso(row.answered_at), escalatedAt: iso(row.escalated_at) },
    ...{ handedOffAt: iso(row.handed_off_at), closedAt: iso(row.closed_at) },
  };
}

export type TicketView = ReturnType<typeof viewOf>;

export function ticketLines(view: Awaited<ReturnType<typeof showTicket>>): string[] {
  const { id, state, asker, text, ended, reason } = view;
  const end = ended === null ? '' : `: ${reason}`;
  const events = [
    ...view.said.map(({ kind, person, text: words, refused, at }) => {
      const not = refused === undefined ? '' : ` (refused: ${refused})`;
      return { at, line: `${person ?? 'somebody'} ${kind === 'button' ? 'pressed' : 'said'}: ${oneLine(words)}${not}` };
    }),
    ...view.thread.map(({ text: words, at }) => ({ at, line: plainText(words).replaceAll('\n', '\n    ') })),
  ].sort((a, b) => (a.at < b.at ? -1 : 1));
  return [
    `${id}  ${state}${end}`,
    `  ${asker} asked: ${oneLine(text, 200)}`,
    ...view.recalled.map(
      ({ memory, from, confirmedBy, digest }) =>
        `  answered with ${memory}: of ${from}, its fix ${digest.slice(0, 12)}, confirmed by ${confirmedBy}`,
    ),
    `  models were paid: ${costWords('answers', view.cost.answers)}, ${costWords('agents', view.cost.agents)}`,
    ...events.map(({ at, line }) => `  ${at.slice(11, 19)} ${line}`),
  ];
}

const saidLines = ({ text }: ThreadMessage): string[] => plainText(text).split('\n');

export const listLines = (views: readonly TicketView[]): string[][] =>
  views.map(({ id, state, ended, holder, asker, text }) => [
    id,
    ended === null ? state : `${state} (${ended})`,
    holder ?? '',
    asker,
    oneLine(text, 60),
  ]);

const costWords = (who: string, { questions, tokens, money }: Cost) =>
  `${who} ${money.toFixed(2)} (${questions} questions, ${tokens} tokens)`;

export function statsLines({ medianSeconds, ended, cost, ...counts }: TicketStats): string[] {
  const { asked, open, answered, escalated, handedOff, fixed, undone, approvals } = counts;
  const time = (seconds: number | null) => (seconds === null ? 'never' : `${seconds} s`);
  const ends = Object.entries(ended).map(([name, n]) => `${n} ${name}`);
  return [
    `${asked} asked, ${open} open; ${answered} answered, ${escalated} escalated, ${handedOff} handed to the agent, ${fixed} fixed, ${undone} undone`,
    `closed: ${ends.join(', ') || 'none'}`,
    `half of them within: answer ${time(medianSeconds.toAnswer)}, escalation ${time(medianSeconds.toEscalation)}, hand-off ${time(medianSeconds.toHandOff)}, applied ${time(medianSeconds.toApplied)}, verified ${time(medianSeconds.toVerified)}, end ${time(medianSeconds.toClose)}`,
    `decisions of people: ${approvals.lastHour} in the last hour, ${approvals.busiestHour} in the busiest; half of them within ${time(approvals.medianSeconds)}`,
    `models were paid: ${costWords('answers', cost.answers)}, ${costWords('agents', cost.agents)}`,
  ];
}
