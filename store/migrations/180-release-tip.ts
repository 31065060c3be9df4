import { type Kysely, sql } from 'kysely';

/** What a release's reference named when it was asked for: whoever asks again joins it, or releases what came since. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table release add column tip text`.execute(db);
}
