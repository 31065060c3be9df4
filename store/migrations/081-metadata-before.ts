import { type Kysely, sql } from 'kysely';

/** What the cluster's metadata was at before the first node of a roll-out: {level, knows} (K17). */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table rollout add column metadata_before jsonb`.execute(db);
}
