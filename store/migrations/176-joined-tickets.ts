import { type Kysely, sql } from 'kysely';

/** Which ticket one has joined that asks the same: whoever asked again is told how it ends. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table ticket add column joined text`.execute(db);
  await sql`create index ticket_joined on ticket (joined) where joined is not null`.execute(db);
}
