import { createHash } from 'node:crypto';
import { type Generated, type JSONColumnType, sql } from 'kysely';
import { plainText } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import type { Cited, TicketEnd, TicketState, TicketStateName } from '../workflows/ticket-types.ts';
import type { Db } from './database.ts';
import { type TicketCost, ticketCost } from './ticket-cost.ts';

/** An answer of ours, and each place that it rests on. */
export type TicketAnswer = { text: string; rests: Cited[] };

export type TicketTables = {
  ticket: {
    id: string;
    room: string;
    settings: string;
    asker: string;
    text: string;
    question: string;
    state: TicketStateName;
    ended: TicketEnd | null;
    reason: string | null;
    holder: string | null;
    answers: Generated<number>;
    calls: Generated<number>;
    asked_at: Generated<Date>;
    answered_at: Date | null;
    escalated_at: Date | null;
    handed_off_at: Date | null;
    applied_at: Date | null;
    verified_at: Date | null;
    closed_at: Date | null;
    /** The fix that it was handed to last. */
    fix: string | null;
    /** Persons who read along when it was answered. */
    audience: JSONColumnType<string[]> | null;
    /** The open one that it joined, which asks the same. */
    joined: string | null;
    /** What the model was asked for its answers, and what that cost. */
    answer_questions: Generated<number>;
    answer_tokens: Generated<string>;
    answer_money: Generated<string>;
    /** The last answer that was written. */
    answer: JSONColumnType<TicketAnswer> | null;
    settled: NonNullable<TicketState['settled']> | null;
  };
  ticket_event: {
    ticket: string;
    key: string;
    nonce: string;
    kind: string;
    person: string | null;
    text: Generated<string>;
    refused: string | null;
    sent: string;
    at: Generated<Date>;
  };
};

export type NewTicketEvent = {
  ticket: string;
  key: string;
  nonce: string;
  kind: string;
  sent: string;
  person?: string;
  text?: string;
  refused?: string;
};

/** The text of a question is other people's: no secret is kept, no control character. */
const LONGEST = 4_000;
export const ticketText = (text: string) => plainText(redact(text), LONGEST).trim();

/**
 * Keeps an event once a key. True where it is new: a retry of ours carries the nonce that is kept, an event that came
 * again another one.
 */
export async function keepTicketEvent(db: Db, event: NewTicketEvent): Promise<boolean> {
  const { ticket, key, nonce, kind, sent, person = null, text = '', refused = null } = event;
  await db
    .insertInto('ticket_event')
    .values({ ticket, key, nonce, kind, sent, person, text: ticketText(text), refused })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const kept = await db
    .selectFrom('ticket_event')
    .select('nonce')
    .where('ticket', '=', ticket)
    .where('key', '=', key)
    .executeTakeFirstOrThrow();
  return kept.nonce === nonce;
}

export async function isTicketEvent(db: Db, ticket: string, key: string): Promise<boolean> {
  const kept = db.selectFrom('ticket_event').select('key').where('ticket', '=', ticket).where('key', '=', key);
  return (await kept.executeTakeFirst()) !== undefined;
}

/** What counts of what was said to it, in the order in which it was sent. */
export async function ticketEvents(db: Db, ticket: string) {
  return db
    .selectFrom('ticket_event')
    .selectAll()
    .where('ticket', '=', ticket)
    .orderBy('sent')
    .orderBy('key')
    .execute();
}

const questionOf = (text: string) =>
  createHash('sha256')
    .update(
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N}]+/gu, ' ')
        .trim(),
    )
    .digest('hex');

export type OpenedTicket = { id: string; room: string; settings: string; asker: string; text: string };

/**
 * Opens a ticket, or opens a closed one again. Returns the one that is open on the same question in the same room,
 * which it should join. Safe to repeat.
 */
export async function openTicketRow(db: Db, opened: OpenedTicket): Promise<{ joins?: string }> {
  const text = ticketText(opened.text);
  const question = questionOf(text);
  return db.transaction().execute(async (tx) => {
    // Two that open at once see each other; the earlier one stays, whoever is tried again.
    await sql`select pg_advisory_xact_lock(hashtext(${`ticket ${opened.room} ${question}`}))`.execute(tx);
    const row = { ...opened, text, question, state: 'asked' as const };
    const open = { ended: null, reason: null, closed_at: null, joined: null };
    const again = { state: 'asked' as const, ...open, settings: opened.settings };
    const closed = await tx
      .selectFrom('ticket')
      .select('id')
      .where('id', '=', opened.id)
      .where('closed_at', 'is not', null)
      .executeTakeFirst();
    // Whoever joined it was told how it ended: what is asked in it now is another question.
    if (closed !== undefined)
      await tx.updateTable('ticket').set({ joined: null }).where('joined', '=', opened.id).execute();
    const own = await tx
      .insertInto('ticket')
      .values(row as never)
      .onConflict((conflict) => conflict.column('id').doUpdateSet(again))
      .returning('asked_at')
      .executeTakeFirstOrThrow();
    const other = await tx
      .selectFrom('ticket')
      .select('id')
      .where('room', '=', opened.room)
      .where('question', '=', question)
      .where('closed_at', 'is', null)
      .where('asked_at', '<', own.asked_at)
      .where('id', '<>', opened.id)
      .orderBy('asked_at')
      .executeTakeFirst();
    if (other === undefined) return {};
    await tx.updateTable('ticket').set({ joined: other.id }).where('id', '=', opened.id).execute();
    return { joins: other.id };
  });
}

const TIME_OF: Partial<Record<TicketStateName, keyof TicketTables['ticket']>> = {
  answered: 'answered_at',
  escalated: 'escalated_at',
  'handed-off': 'handed_off_at',
  applied: 'applied_at',
  verified: 'verified_at',
  closed: 'closed_at',
};

/** The row says what the workflow holds. The first time of each state stays. Safe to repeat. */
export async function saveTicket(db: Db, id: string, state: TicketState): Promise<void> {
  const times = [TIME_OF[state.name], ...(state.ended === 'fixed' ? (['verified_at'] as const) : [])];
  const reached = Object.fromEntries(
    times.flatMap((column) =>
      column === undefined ? [] : [[column, sql`coalesce(${sql.ref(column)}, clock_timestamp())`]],
    ),
  );
  await db
    .updateTable('ticket')
    .set({
      ...{ state: state.name, asker: state.asker, text: ticketText(state.question) },
      ...{ ended: state.ended ?? null, reason: state.reason ?? null, holder: state.taken ?? state.called ?? null },
      ...{ answers: state.answers, calls: state.calls, settled: state.settled ?? null },
      ...(state.name !== 'closed' && { closed_at: null }),
      ...reached,
    })
    .where('id', '=', id)
    .execute();
}

/** Null while one is looked for. Safe to repeat: the last one counts. */
export async function keepAnswer(db: Db, ticket: string, answer: TicketAnswer | null): Promise<void> {
  await db
    .updateTable('ticket')
    .set({ answer: answer && JSON.stringify(answer) })
    .where('id', '=', ticket)
    .execute();
}

/** Safe to repeat. */
export async function handedTo(db: Db, ticket: string, fix: string): Promise<void> {
  await db.updateTable('ticket').set({ fix }).where('id', '=', ticket).execute();
}

const UNDER_WAY: readonly TicketStateName[] = ['handed-off', 'proposed', 'approved', 'applied'];

/** Why a ticket no longer waits for this fix, or undefined. */
export async function whyNotWanted(
  db: Db,
  { ticket, fix }: { ticket: string; fix: string },
): Promise<string | undefined> {
  const row = await db.selectFrom('ticket').select(['state', 'fix']).where('id', '=', ticket).executeTakeFirst();
  if (row === undefined) return `${ticket} is gone`;
  if (row.fix !== fix) return `${ticket} was handed off again: ${fix} is not the fix that it waits for`;
  return UNDER_WAY.includes(row.state) ? undefined : `${ticket} is ${row.state}: its fix is no longer wanted`;
}

/** By its id, the beginning of one, or `latest`. Several that begin so are none. */
export async function findTicket(db: Db, idOrLatest: string) {
  const all = db.selectFrom('ticket').selectAll();
  if (idOrLatest === 'latest') return all.orderBy('asked_at', 'desc').limit(1).executeTakeFirst();
  const exact = await all.where('id', '=', idOrLatest).executeTakeFirst();
  if (exact !== undefined) return exact;
  const like = await all.where(sql<boolean>`starts_with(id, ${idOrLatest})`).limit(2).execute();
  return like.length === 1 ? like[0] : undefined;
}

/** The newest first. */
export const newestTickets = (db: Db, limit: number) =>
  db.selectFrom('ticket').selectAll().orderBy('asked_at', 'desc').limit(limit).execute();

/** Open ones first, the oldest of them first; then the closed ones, newest first. */
export async function listTickets(db: Db, limit = 50) {
  return db
    .selectFrom('ticket')
    .selectAll()
    .orderBy(sql`closed_at is not null`)
    .orderBy(sql`case when closed_at is null then asked_at end`)
    .orderBy('closed_at', 'desc')
    .limit(limit)
    .execute();
}

export type TicketStats = {
  asked: number;
  open: number;
  answered: number;
  escalated: number;
  handedOff: number;
  /** Fixes that were applied and verified, and those that were taken back. */
  fixed: number;
  undone: number;
  /** Decisions of people that counted: in the last hour, and in the hour with the most. */
  approvals: { lastHour: number; busiestHour: number; medianSeconds: number | null };
  ended: Partial<Record<TicketEnd, number>>;
  /** What models were paid: for answers, and for the agents of fixes. */
  cost: TicketCost;
  /** Half of them took no longer, in seconds; null where there was none. */
  medianSeconds: Record<
    'toAnswer' | 'toEscalation' | 'toHandOff' | 'toApplied' | 'toVerified' | 'toClose',
    number | null
  >;
};

export async function ticketStats(db: Db): Promise<TicketStats> {
  const { rows } = await sql<Record<string, number | null>>`
    select count(*) as asked, count(*) filter (where closed_at is null) as open,
      count(answered_at) as answered, count(escalated_at) as escalated, count(handed_off_at) as handed_off,
      percentile_cont(0.5) within group (order by extract(epoch from answered_at - asked_at)) as to_answer,
      percentile_cont(0.5) within group (order by extract(epoch from escalated_at - asked_at)) as to_escalation,
      percentile_cont(0.5) within group (order by extract(epoch from handed_off_at - asked_at)) as to_hand_off,
      percentile_cont(0.5) within group (order by extract(epoch from applied_at - asked_at)) as to_applied,
      percentile_cont(0.5) within group (order by extract(epoch from verified_at - asked_at)) as to_verified,
      percentile_cont(0.5) within group (order by extract(epoch from closed_at - asked_at)) as to_close,
      count(verified_at) as fixed,
      (select count(*) from effect where kind = 'fix-undo' and state = 'done') as undone
    from ticket`.execute(db);
  const ends = await db
    .selectFrom('ticket')
    .select((eb) => ['ended', eb.fn.countAll<number>().as('n')])
    .where('ended', 'is not', null)
    .groupBy('ended')
    .execute();
  const { rows: decided } = await sql<Record<string, number | null>>`
    with hours as (
      select count(*) as n from approval_decision where refused is null group by date_trunc('hour', at)
    )
    select (select count(*) from approval_decision where refused is null and at > now() - interval '1 hour') as last_hour,
      (select coalesce(max(n), 0) from hours) as busiest_hour,
      (select percentile_cont(0.5) within group (order by extract(epoch from ended_at - opened_at))
        from approval where outcome ->> 'kind' in ('approved', 'rejected', 'changes-requested')) as to_decide`.execute(
    db,
  );
  const cost = await ticketCost(db);
  const found: Record<string, number | null> = { ...rows[0], ...decided[0] };
  const seconds = (name: string) => (found[name] == null ? null : Math.round(Number(found[name]) * 10) / 10);
  return {
    ...{ asked: Number(found.asked), open: Number(found.open), answered: Number(found.answered) },
    ...{ escalated: Number(found.escalated), handedOff: Number(found.handed_off) },
    ...{ fixed: Number(found.fixed), undone: Number(found.undone) },
    approvals: {
      ...{ lastHour: Number(found.last_hour), busiestHour: Number(found.busiest_hour) },
      medianSeconds: seconds('to_decide'),
    },
    cost,
    ended: Object.fromEntries(ends.map(({ ended, n }) => [ended, Number(n)])),
    medianSeconds: {
      toAnswer: seconds('to_answer'),
      toEscalation: seconds('to_escalation'),
      toHandOff: seconds('to_hand_off'),
      toApplied: seconds('to_applied'),
      toVerified: seconds('to_verified'),
      toClose: seconds('to_close'),
    },
  };
}
