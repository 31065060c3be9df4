import { type Kysely, sql } from 'kysely';

/** What a message says in the end, in place of its words and buttons; it is in Slack once `slack_ended_at` is set. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table thread_message add column ended_text text;
    alter table thread_message add column slack_ended_at timestamptz;
    create index thread_message_to_end on thread_message (release)
      where ended_text is not null and slack_ended_at is null`.execute(db);
}
