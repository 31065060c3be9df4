import { type Kysely, sql } from 'kysely';

/** Downgrade rehearsals: what a candidate was tried to be gone back from, and how that ended. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table rehearsal (
      release text not null,
      candidate_number integer not null,
      environment text not null,
      -- what was gone back to, for a person
      from_name text not null,
      outcome jsonb not null,
      at timestamptz not null default clock_timestamp(),
      primary key (release, candidate_number, environment, from_name)
    )`.execute(db);
}
