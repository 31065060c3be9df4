import { type Kysely, sql } from 'kysely';

/** The effect journal, and each release's thread with its outbox to Slack. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table effect (
      key text primary key,
      kind text not null,
      release text not null,
      state text not null check (state in ('intent', 'done', 'failed')),
      intent jsonb,
      result jsonb,
      -- how the result was come by: done by us now, or found done by an attempt that died
      found boolean not null default false,
      reason text,
      attempts integer not null default 1,
      -- who performs it at the moment, and until when that counts without a word from them
      holder text,
      lease_until timestamptz,
      intended_at timestamptz not null default clock_timestamp(),
      ended_at timestamptz
    )`.execute(db);
  await sql`create index effect_release on effect (release, intended_at)`.execute(db);
  await sql`
    create table thread (
      release text primary key,
      messages integer not null default 0,
      opened_at timestamptz not null default clock_timestamp(),
      closed_at timestamptz,
      -- where the thread is in Slack, once its first message is there
      channel text,
      slack_channel text,
      slack_ts text,
      slack_closed_at timestamptz,
      slack_problem text
    )`.execute(db);
  await sql`
    create table thread_message (
      release text not null references thread (release),
      seq integer not null,
      key text not null unique,
      text text not null,
      tone text not null default 'info' check (tone in ('info', 'good', 'warn', 'bad')),
      final boolean not null default false,
      at timestamptz not null default clock_timestamp(),
      slack_ts text,
      primary key (release, seq)
    )`.execute(db);
  await sql`create index thread_message_unposted on thread_message (release, seq) where slack_ts is null`.execute(db);
}
