import { type Kysely, sql } from 'kysely';

/** How code tries a change of a fix, for the message of the thread that shows what is done: in its place among the runs. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table fix_proof (
      run text primary key,
      board text not null,
      doing text not null,
      started_at timestamptz not null default clock_timestamp(),
      ended_at timestamptz,
      taken boolean
    );
    create index fix_proof_board on fix_proof (board)`.execute(db);
}
