import { type Kysely, sql } from 'kysely';

/** Failures that another CI has found, as they were read. What they turn out to be is in `suite_failure`. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table triage (
      id text primary key,
      fork text not null,
      number integer not null,
      requested_by text not null,
      settings text not null references settings (digest),
      started_at timestamptz not null default now(),
      unique (fork, number)
    );
    create table triage_failure (
      triage text not null references triage (id) on delete cascade,
      test text not null,
      message text not null,
      trace text not null,
      seconds double precision not null,
      suite text,
      unit text,
      placed_test text,
      primary key (triage, test)
    );
  `.execute(db);
}
