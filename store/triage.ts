import { type Generated, type Kysely, sql } from 'kysely';
import type { FoundTest, PlacedFailure } from '../decisions/found-failures.ts';
import type { Db } from './database.ts';
import type { SuiteDb } from './suites.ts';

export interface TriageTables {
  triage: {
    id: string;
    fork: string;
    number: number;
    requested_by: string;
    settings: string;
    started_at: Generated<Date>;
  };
  triage_failure: {
    triage: string;
    /** As the report names it. */
    test: string;
    message: string;
    trace: string;
    seconds: number;
    /** The suite that has it, the unit there, and the name under which our own runs report it; null while unknown. */
    suite: string | null;
    unit: string | null;
    placed_test: string | null;
  };
}

/** Keeps what was read under the fork's next number. Returns the id, e.g. `kafka-triage-3`. */
export async function openTriage(
  db: Db,
  triage: { fork: string; requestedBy: string; settings: string; found: readonly FoundTest[] },
): Promise<string> {
  const { fork, requestedBy, settings, found } = triage;
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(hashtext(${`triage:${fork}`}))`.execute(tx);
    const last = await tx
      .selectFrom('triage')
      .select((eb) => eb.fn.max('number').as('number'))
      .where('fork', '=', fork)
      .executeTakeFirst();
    const number = Number(last?.number ?? 0) + 1;
    const id = `${fork}-triage-${number}`;
    await tx.insertInto('triage').values({ id, fork, number, requested_by: requestedBy, settings }).execute();
    for (let at = 0; at < found.length; at += 1_000) {
      const rows = found.slice(at, at + 1_000).map(({ test, message, trace, seconds }) => ({
        ...{ triage: id, test, message, trace, seconds },
        ...{ suite: null, unit: null, placed_test: null },
      }));
      // Retries, and reports that were collected twice, name one test several times: the first is what failed.
      await tx
        .insertInto('triage_failure')
        .values(rows)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
    return id;
  });
}

/** What this suite may judge: whatever no other suite has taken. */
export async function failuresFor(db: SuiteDb, triage: string, suite: string): Promise<FoundTest[]> {
  return tables(db)
    .selectFrom('triage_failure')
    .select(['test', 'message', 'trace', 'seconds'])
    .where('triage', '=', triage)
    .where((eb) => eb.or([eb('suite', 'is', null), eb('suite', '=', suite)]))
    .orderBy('test')
    .execute();
}

/** Safe to repeat. */
export async function savePlaces(
  db: SuiteDb,
  triage: string,
  suite: string,
  placed: readonly PlacedFailure[],
): Promise<void> {
  await tables(db)
    .transaction()
    .execute(async (tx) => {
      for (const { found, unit, test } of placed) {
        await tx
          .updateTable('triage_failure')
          .set({ suite, unit, placed_test: test })
          .where('triage', '=', triage)
          .where('test', '=', found.test)
          .execute();
      }
    });
}

/** Every failure that was read, and where it went. */
export async function placesOf(db: SuiteDb, triage: string) {
  return tables(db)
    .selectFrom('triage_failure')
    .select(['test', 'message', 'suite', 'unit', 'placed_test'])
    .where('triage', '=', triage)
    .orderBy('test')
    .execute();
}

/** The suite's activities know their own tables alone; these lie in the same database. */
const tables = (db: SuiteDb) => db as unknown as Kysely<TriageTables>;
