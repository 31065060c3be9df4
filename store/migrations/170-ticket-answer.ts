import { type Kysely, sql } from 'kysely';

/** What a ticket was answered with and what that rests on, and by what it was settled: closed tickets are indexed by it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table ticket add column answer jsonb;
    alter table ticket add column settled text`.execute(db);
}
