import { type Generated, type JSONColumnType, sql } from 'kysely';
import { plainText } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import type { Card } from '../workflows/ticket-types.ts';
import type { Db } from './database.ts';

/**
 * A release's thread: what was told, in order. The store's copy is the thread; Slack shows it. What Slack
 * has not got yet has no `slack_ts`, so that the table is its own outbox.
 */
export type Tone = 'info' | 'good' | 'warn' | 'bad';

export type ThreadTables = {
  thread: {
    release: string;
    messages: Generated<number>;
    opened_at: Generated<Date>;
    closed_at: Date | null;
    /** Where it is to be posted, if not to the default channel. */
    channel: string | null;
    /** Slack's own id of the channel, and the parent message. */
    slack_channel: string | null;
    slack_ts: string | null;
    slack_closed_at: Date | null;
    slack_problem: string | null;
  };
  thread_message: {
    release: string;
    seq: number;
    key: string;
    text: string;
    tone: Generated<Tone>;
    final: Generated<boolean>;
    at: Generated<Date>;
    slack_ts: string | null;
    mentions: JSONColumnType<string[]> | null;
    /** `mention`: as messages of before have it, one user beside the buttons. */
    card: (Card & { mention?: string }) | null;
    /** What it says in the end, without buttons. */
    ended_text: string | null;
    slack_ended_at: Date | null;
    /** Of a message that is updated (store/work.ts): what it says now, how often that changed, and what Slack shows of it. */
    now_text: string | null;
    now_n: Generated<number>;
    now_done: Generated<boolean>;
    now_shown_n: Generated<number>;
    now_shown_at: Date | null;
  };
};

/** `mentions`: Slack users who are called by it. They are ids of our configuration, apart from the text. */
export type NewMessage = {
  release: string;
  key: string;
  text: string;
  tone?: Tone;
  final?: boolean;
  channel?: string;
  mentions?: string[];
  /** Its buttons. */
  card?: Card;
  /** It says what is being done, and will say something else. */
  updated?: boolean;
};

export type ThreadMessage = {
  seq: number;
  key: string;
  text: string;
  tone: Tone;
  final: boolean;
  at: string;
  slackTs?: string;
  mentions?: string[];
  card?: Card;
  /** What it says now, where it is updated while something is done. */
  now?: string;
};

/** Slack's side of a thread. `problem` says why it lags, in a sentence. */
export type ThreadState = {
  release: string;
  openedAt: string;
  closedAt?: string;
  channel?: string;
  slackChannel?: string;
  slackTs?: string;
  slackClosed: boolean;
  problem?: string;
};

/**
 * Appends one message; a key that is there already changes nothing. The text is redacted and made plain
 * first. The row of the thread is locked meanwhile, so that a number never becomes visible before a
 * smaller one. True when it was new.
 */
export async function appendMessage(db: Db, message: NewMessage): Promise<boolean> {
  const { release, key, tone = 'info', final = false, channel = null } = message;
  const card = message.card === undefined ? null : JSON.stringify(message.card);
  const text = plainText(redact(message.text)).trim();
  const mentions = message.mentions?.length ? JSON.stringify(message.mentions) : null;
  const now = message.updated ? text : null;
  const { rows } = await sql<{ seq: number }>`
    with place as (
      insert into thread (release, messages, channel, closed_at)
      values (${release}, 1, ${channel}, case when ${final} then clock_timestamp() end)
      on conflict (release) do update set messages = thread.messages + 1,
        channel = coalesce(thread.channel, excluded.channel), closed_at = coalesce(thread.closed_at, excluded.closed_at)
      where not exists (select from thread_message where key = ${key})
      returning messages
    )
    insert into thread_message (release, seq, key, text, tone, final, mentions, card, now_text)
    select ${release}, messages, ${key}, ${text}, ${tone}, ${final}, ${mentions}::jsonb, ${card}::jsonb, ${now}::text from place
    on conflict (key) do nothing returning seq`.execute(db);
  return rows.length > 0;
}

/** The thread from its `after`th message on. */
export async function threadOf(db: Db, release: string, after = 0): Promise<ThreadMessage[]> {
  const rows = await db
    .selectFrom('thread_message')
    .selectAll()
    .where('release', '=', release)
    .where('seq', '>', after)
    .orderBy('seq')
    .execute();
  return rows.map(({ seq, key, text, tone, final, at, slack_ts, mentions, card, now_text }) => ({
    ...{ seq, key, text, tone, final, at: at.toISOString() },
    ...(slack_ts !== null && { slackTs: slack_ts }),
    ...(mentions !== null ? { mentions } : card?.mention !== undefined && { mentions: [card.mention] }),
    ...(card !== null && { card }),
    ...(now_text !== null && { now: now_text }),
  }));
}

/**
 * A thread that somebody else began, in Slack: what is told goes below it. Its first message is not ours, so it never
 * shows an outcome. Safe to repeat.
 */
export async function adoptThread(db: Db, thread: { release: string; channel: string; ts: string }): Promise<void> {
  const { release, channel, ts } = thread;
  await sql`
    insert into thread (release, slack_channel, slack_ts, slack_closed_at)
    values (${release}, ${channel}, ${ts}, clock_timestamp()) on conflict (release) do nothing`.execute(db);
}

/** Undefined where nothing was told yet. */
export async function threadState(db: Db, release: string): Promise<ThreadState | undefined> {
  const row = await db.selectFrom('thread').selectAll().where('release', '=', release).executeTakeFirst();
  if (!row) return undefined;
  return {
    release,
    openedAt: row.opened_at.toISOString(),
    slackClosed: row.slack_closed_at !== null,
    ...(row.closed_at !== null && { closedAt: row.closed_at.toISOString() }),
    ...(row.channel !== null && { channel: row.channel }),
    ...(row.slack_channel !== null && { slackChannel: row.slack_channel }),
    ...(row.slack_ts !== null && { slackTs: row.slack_ts }),
    ...(row.slack_problem !== null && { problem: row.slack_problem }),
  };
}

/** What Slack has not got yet, in order. */
export async function unposted(db: Db, release: string): Promise<ThreadMessage[]> {
  return (await threadOf(db, release)).filter(({ slackTs }) => slackTs === undefined);
}

/** What a message says in the end, in place of its buttons. Safe to repeat; the first end stays. */
export async function endMessage(db: Db, { key, text }: { key: string; text: string }): Promise<void> {
  await db
    .updateTable('thread_message')
    .set({ ended_text: plainText(redact(text)).trim() })
    .where('key', '=', key)
    .where('ended_text', 'is', null)
    .execute();
}

/** Messages that Slack still shows as they were: posted, and ended since. */
export async function unended(db: Db, release: string): Promise<{ key: string; text: string; ts: string }[]> {
  const rows = await db
    .selectFrom('thread_message')
    .select(['key', 'ended_text', 'slack_ts'])
    .where('release', '=', release)
    .where('ended_text', 'is not', null)
    .where('slack_ended_at', 'is', null)
    .where('slack_ts', 'is not', null)
    .orderBy('seq')
    .execute();
  return rows.map(({ key, ended_text, slack_ts }) => ({ key, text: ended_text ?? '', ts: slack_ts ?? '' }));
}

/** Records that Slack shows the end of a message. Safe to repeat. */
export async function markEnded(db: Db, key: string): Promise<void> {
  await sql`update thread_message set slack_ended_at = clock_timestamp() where key = ${key}`.execute(db);
}

/** Records that Slack has the message; the first one of a thread is its parent. */
export async function markPosted(
  db: Db,
  { release, seq, channel, ts, parent }: { release: string; seq: number; channel: string; ts: string; parent: boolean },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await tx
      .updateTable('thread_message')
      .set({ slack_ts: ts, now_shown_at: sql`clock_timestamp()` })
      .where('release', '=', release)
      .where('seq', '=', seq)
      .execute();
    const place = parent ? { slack_channel: channel, slack_ts: ts } : {};
    await tx
      .updateTable('thread')
      .set({ ...place, slack_problem: null })
      .where('release', '=', release)
      .execute();
  });
}

/** Records that Slack's thread ends in the outcome, in its first message too. */
export async function markSlackClosed(db: Db, release: string): Promise<void> {
  await sql`update thread set slack_closed_at = clock_timestamp(), slack_problem = null where release = ${release}`.execute(
    db,
  );
}

/** Says why Slack lags behind (a reader of the terminal or of `release show` sees it). */
export async function markSlackProblem(db: Db, release: string, problem: string): Promise<void> {
  await db.updateTable('thread').set({ slack_problem: problem }).where('release', '=', release).execute();
}

/** Slack shows everything that was told, the outcome in its first message included. */
export async function slackHasAll(db: Db, release: string): Promise<boolean> {
  const state = await threadState(db, release);
  return state?.slackClosed === true && (await unposted(db, release)).length === 0;
}
