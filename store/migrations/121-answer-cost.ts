import { type Kysely, sql } from 'kysely';

/** What a model was paid for the answers of a ticket; `agent_run` has what its agents cost. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table ticket add column answer_questions int not null default 0;
    alter table ticket add column answer_tokens bigint not null default 0;
    alter table ticket add column answer_money numeric not null default 0`.execute(db);
}
