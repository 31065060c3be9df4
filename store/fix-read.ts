import { sql } from 'kysely';
import type { RepositoryRead } from '../decisions/ticket-access.ts';
import type { Db } from './database.ts';

export type FixReadTables = {
  /** Kept as long as approvals are: what a question says stays to be read. `closed`: it had readers of its own. */
  fix_read: { fix: string; repository: string; closed: boolean };
};

/** Safe to repeat: what was once closed stays so, whatever the configuration says later. */
export async function keepFixRead(db: Db, fix: string, { repository, closed }: RepositoryRead): Promise<void> {
  await db
    .insertInto('fix_read')
    .values({ fix, repository, closed })
    .onConflict((conflict) =>
      conflict.columns(['fix', 'repository']).doUpdateSet({ closed: sql`fix_read.closed or excluded.closed` }),
    )
    .execute();
}

/** What agents have read for each of these, by fix. Reads only. */
export async function fixesRead(db: Db, fixes: readonly string[]): Promise<Map<string, RepositoryRead[]>> {
  const read = new Map<string, RepositoryRead[]>();
  if (fixes.length === 0) return read;
  const rows = await db
    .selectFrom('fix_read')
    .selectAll()
    .where('fix', 'in', [...new Set(fixes)])
    .orderBy('repository')
    .execute();
  for (const { fix, ...one } of rows) read.set(fix, [...(read.get(fix) ?? []), one]);
  return read;
}
