import { type Kysely, sql } from 'kysely';

/** Whom a message calls: ids of Slack users, beside the text and never in it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table thread_message add column mentions jsonb`.execute(db);
}
