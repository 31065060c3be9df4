import { type Kysely, sql } from 'kysely';

/** When a build was last asked for; when its bytes were collected: whoever needs it then builds it anew. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table build
    add column used_at timestamptz not null default now(),
    add column collected_at timestamptz`.execute(db);
}
