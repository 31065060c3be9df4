import { type ColumnType, type Generated, sql } from 'kysely';
import type { RehearsalOutcome, Rehearsed } from '../workflows/rehearsal-types.ts';
import type { Db } from './database.ts';

export type RehearsalTables = {
  rehearsal: {
    release: string;
    candidate_number: number;
    environment: string;
    from_name: string;
    outcome: ColumnType<RehearsalOutcome, string, string>;
    at: Generated<Date>;
  };
};

/** Safe to repeat; a candidate that is tried again replaces what was said of it. */
export async function keepRehearsal(
  db: Db,
  { release, n, rehearsed }: { release: string; n: number; rehearsed: Rehearsed },
): Promise<void> {
  const outcome = JSON.stringify(rehearsed.outcome);
  await db
    .insertInto('rehearsal')
    .values({
      ...{ release, candidate_number: n, environment: rehearsed.environment, from_name: rehearsed.from, outcome },
    })
    .onConflict((conflict) =>
      conflict
        .columns(['release', 'candidate_number', 'environment', 'from_name'])
        .doUpdateSet({ outcome, at: sql`clock_timestamp()` }),
    )
    .execute();
}

/** Of one candidate, in the order in which they ended. */
export async function rehearsalsOf(db: Db, release: string, n: number): Promise<Rehearsed[]> {
  const rows = await db
    .selectFrom('rehearsal')
    .select(['environment', 'from_name', 'outcome'])
    .where('release', '=', release)
    .where('candidate_number', '=', n)
    .orderBy('at')
    .execute();
  return rows.map(({ environment, from_name, outcome }) => ({ environment, from: from_name, outcome }));
}
