import { type Kysely, sql } from 'kysely';

/** Tickets and everything that was said to them; what a message of a thread shows beside its words. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table ticket (
      id text primary key,
      -- team:channel, or cli: within it the same question joins the one that is open
      room text not null,
      settings text not null,
      asker text not null,
      text text not null,
      question text not null,
      state text not null,
      ended text,
      reason text,
      -- who has it, or was called last
      holder text,
      answers integer not null default 0,
      calls integer not null default 0,
      asked_at timestamptz not null default clock_timestamp(),
      answered_at timestamptz,
      escalated_at timestamptz,
      handed_off_at timestamptz,
      applied_at timestamptz,
      verified_at timestamptz,
      closed_at timestamptz
    );
    create index ticket_open on ticket (room, question) where closed_at is null;
    create index ticket_asked on ticket (asked_at);
    create table ticket_event (
      ticket text not null,
      -- as its source names it: a message, a click. What comes again has the same key
      key text not null,
      -- made by the workflow for each arrival: it tells a retry of ours from an event that came again
      nonce text not null,
      kind text not null,
      person text,
      text text not null default '',
      refused text,
      sent text not null,
      at timestamptz not null default clock_timestamp(),
      primary key (ticket, key)
    );
    alter table thread_message add column card jsonb;
  `.execute(db);
}
