import { sql } from 'kysely';
import type { SuiteHost } from '../decisions/host-slots.ts';
import { finishedItems, insertBatch, lockRun } from './suite-batches.ts';
import type { SuiteDb, SuiteTransaction } from './suites.ts';

/** Says that a host is there. Safe to repeat: that is what it is for. */
export async function renewHost(db: SuiteDb, { host, queue, slots }: SuiteHost): Promise<void> {
  await db
    .insertInto('suite_host')
    .values({ host, queue, slots })
    .onConflict((conflict) => conflict.column('host').doUpdateSet({ queue, slots, seen_at: sql`now()` }))
    .execute();
}

/** The hosts that were there within so many seconds by the database's clock, the one that joined first first. */
export async function liveHosts(db: SuiteDb, withinSeconds: number): Promise<SuiteHost[]> {
  return db
    .selectFrom('suite_host')
    .select(['host', 'queue', 'slots'])
    .where(sql<boolean>`seen_at > now() - make_interval(secs => ${withinSeconds})`)
    .orderBy('joined_at')
    .orderBy('host')
    .execute();
}

/** Hosts that hold unfinished batches of a suite run. */
export async function holdersOf(db: SuiteDb, suiteRun: string): Promise<string[]> {
  const rows = await db
    .selectFrom('suite_batch')
    .select('host')
    .distinct()
    .where('suite_run', '=', suiteRun)
    .where('lease', 'is not', null)
    .where('finished_at', 'is', null)
    .execute();
  return rows.flatMap(({ host }) => host ?? []);
}

/**
 * Takes back what a host has not finished, for others: from here on nothing of it is recorded, so that what runs
 * elsewhere cannot be recorded twice. What has finished stays. Returns how many batches that were; safe to repeat.
 */
export async function revokeLeases(db: SuiteDb, suiteRun: string, host: string): Promise<number> {
  return db.transaction().execute(async (tx) => {
    await lockRun(tx, suiteRun);
    const batches = await tx
      .selectFrom('suite_batch')
      .select(['batch', 'phase', 'items'])
      .where('suite_run', '=', suiteRun)
      .where('host', '=', host)
      .where('revoked_at', 'is', null)
      // One that ended because the host cannot run it has not run its units.
      .where((eb) => eb.or([eb('finished_at', 'is', null), eb('problem', 'is not', null)]))
      .forUpdate()
      .execute();
    for (const { batch, phase, items } of batches) {
      await tx
        .updateTable('suite_batch')
        .set({ revoked_at: sql`now()`, finished_at: sql`coalesce(finished_at, now())`, problem: null })
        .where('batch', '=', batch)
        .execute();
      if (phase === 'suite') await returnUnits(tx, suiteRun, batch);
      else await returnItems(tx, suiteRun, phase, batch, items);
    }
    return batches.length;
  });
}

async function returnUnits(tx: SuiteTransaction, suiteRun: string, batch: string): Promise<void> {
  await tx
    .updateTable('suite_unit')
    .set({ batch: null })
    .where('suite_run', '=', suiteRun)
    .where('batch', '=', batch)
    .where('finished', '=', false)
    .execute();
}

type Returned = Parameters<typeof insertBatch>;

async function returnItems(
  tx: SuiteTransaction,
  suiteRun: string,
  phase: Returned[2],
  batch: string,
  items: Returned[3],
) {
  const done = await finishedItems(tx, batch);
  const left = items.filter(({ item }) => !done.has(item));
  if (left.length > 0) await insertBatch(tx, suiteRun, phase, left);
}

/** Keeps the most slots that ever worked on a suite run at once: no schedule on them can be shorter than its bound. */
export async function raiseSlots(db: SuiteDb, suiteRun: string, slots: number): Promise<void> {
  await db
    .updateTable('suite_run')
    .set({ slots })
    .where('suite_run', '=', suiteRun)
    .where('slots', '<', slots)
    .where('suite_ended_at', 'is', null)
    .execute();
}
