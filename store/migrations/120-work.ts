import { type Kysely, sql } from 'kysely';

/**
 * Messages that are updated while something is under way: what one says now, how often that changed, and how much of it
 * Slack shows. Runs of agents say what they do, for the message that shows it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table thread_message add column now_text text;
    alter table thread_message add column now_n int not null default 0;
    alter table thread_message add column now_done boolean not null default false;
    alter table thread_message add column now_shown_n int not null default 0;
    alter table thread_message add column now_shown_at timestamptz;
    create index thread_message_to_show on thread_message (release) where now_n > now_shown_n;
    alter table agent_run add column board text;
    alter table agent_run add column doing text;
    create index agent_run_board on agent_run (board) where board is not null`.execute(db);
}
