import { type Kysely, sql } from 'kysely';

/** Whether a release takes the expedited lane: whoever starts its workflow anew has to know. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table release add column expedite boolean not null default false`.execute(db);
}
