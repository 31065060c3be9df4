import { type Kysely, sql } from 'kysely';

/** Which fix a ticket was handed to last: an earlier one of the same ticket may no longer do anything. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table ticket add column fix text`.execute(db);
}
