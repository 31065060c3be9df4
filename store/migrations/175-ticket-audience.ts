import { type Kysely, sql } from 'kysely';

/** Who read along in a ticket when it was answered, as persons: whoever may read it elsewhere too. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table ticket add column audience jsonb`.execute(db);
}
