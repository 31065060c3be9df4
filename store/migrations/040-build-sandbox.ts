import { type Kysely, sql } from 'kysely';

/** What a build really ran in. Those from before ran without; none of their keys is asked for any more. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table build
    add column sandbox jsonb not null default '{"off": "built by a version that had no sandbox"}'
  `.execute(db);
}
