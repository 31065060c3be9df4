import { type Kysely, sql } from 'kysely';

/** A click in a direct message is looked up by where it was made. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index thread_slack_place on thread (slack_ts, slack_channel) where slack_ts is not null`.execute(db);
}
