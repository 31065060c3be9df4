import { sql } from 'kysely';
import type { Limits, WorkItem } from '../runner/protocol.ts';
import type { SuiteDb, SuitePhase, SuiteTransaction } from './suites.ts';

export type ClaimedBatch = { batch: string; number: number; lease: string; items: WorkItem[] };
/** How many units from the head of the queue make the next batch (decisions/batch-plan.ts). */
export type SizeOfBatch = (queue: { estimates: readonly number[]; remainingSeconds: number; slots: number }) => number;

/** The head of the queue that a batch is cut from. */
const HEAD_UNITS = 500;

export type Claimant = { suiteRun: string; phase: SuitePhase; slot: number; host: string; lease: string };

/**
 * The batch that this slot is at, or else the next one that waits; nothing when the phase has none left. Safe to
 * repeat: a slot that asks again while its batch is unfinished gets the same batch under the same lease.
 */
export async function claimBatch(
  db: SuiteDb,
  claimant: Claimant,
  { limits, sizeOf }: Cut,
): Promise<ClaimedBatch | undefined> {
  const { suiteRun, phase, slot, host, lease } = claimant;
  return db.transaction().execute(async (tx) => {
    // One slot at a time: the queue's order and the numbers depend on it.
    const run = await tx
      .selectFrom('suite_run')
      .select('slots')
      .where('suite_run', '=', suiteRun)
      .forUpdate()
      .executeTakeFirstOrThrow();
    await tx
      .insertInto('suite_slot')
      .values({ suite_run: suiteRun, slot, host })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const own = await tx
      .selectFrom('suite_batch')
      .selectAll()
      .where('suite_run', '=', suiteRun)
      .where('slot', '=', slot)
      .where('finished_at', 'is', null)
      .executeTakeFirst();
    if (own?.lease) return { batch: own.batch, number: own.number, lease: own.lease, items: own.items };
    const claim = { slot, host, lease, claimed_at: new Date() };
    return phase === 'suite'
      ? cutBatch(tx, suiteRun, run.slots, claim, { limits, sizeOf })
      : takeWaitingBatch(tx, suiteRun, phase, claim);
  });
}

type Cut = { limits: Limits; sizeOf: SizeOfBatch };
type Claim = { slot: number; host: string; lease: string; claimed_at: Date };

async function cutBatch(
  tx: SuiteTransaction,
  suiteRun: string,
  slots: number,
  claim: Claim,
  { limits, sizeOf }: Cut,
): Promise<ClaimedBatch | undefined> {
  const waiting = tx.selectFrom('suite_unit').where('suite_run', '=', suiteRun).where('batch', 'is', null);
  const { remaining } = await waiting
    .select(({ fn }) => fn.coalesce(fn.sum<number>('estimate'), sql.lit(0)).as('remaining'))
    .executeTakeFirstOrThrow();
  const head = await waiting
    .select(['unit', 'selector', 'estimate'])
    .orderBy('estimate', 'desc')
    .orderBy('unit')
    .limit(HEAD_UNITS)
    .execute();
  const size = sizeOf({ estimates: head.map(({ estimate }) => estimate), remainingSeconds: remaining, slots });
  const units = head.slice(0, size);
  if (units.length === 0) return undefined;
  const items: WorkItem[] = units.map(({ unit, selector }, item) => ({
    item,
    unit,
    arm: 'candidate',
    selector,
    limits,
  }));
  const { batch, number } = await insertBatch(tx, suiteRun, 'suite', items, claim);
  await tx
    .updateTable('suite_unit')
    .set({ batch })
    .where('suite_run', '=', suiteRun)
    .where(
      'unit',
      'in',
      units.map(({ unit }) => unit),
    )
    .execute();
  return { batch, number, lease: claim.lease, items };
}

async function takeWaitingBatch(
  tx: SuiteTransaction,
  suiteRun: string,
  phase: SuitePhase,
  claim: Claim,
): Promise<ClaimedBatch | undefined> {
  const next = await tx
    .selectFrom('suite_batch')
    .select(['batch', 'number', 'items'])
    .where('suite_run', '=', suiteRun)
    .where('phase', '=', phase)
    .where('lease', 'is', null)
    .orderBy('number')
    .limit(1)
    .executeTakeFirst();
  if (!next) return undefined;
  await tx.updateTable('suite_batch').set(claim).where('batch', '=', next.batch).execute();
  return { ...next, lease: claim.lease };
}

async function insertBatch(
  tx: SuiteTransaction,
  suiteRun: string,
  phase: SuitePhase,
  items: readonly WorkItem[],
  claim?: Claim,
): Promise<{ batch: string; number: number }> {
  const { count } = await tx
    .selectFrom('suite_batch')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('suite_run', '=', suiteRun)
    .executeTakeFirstOrThrow();
  const number = count + 1;
  const batch = `${suiteRun}/b${number}`;
  await tx
    .insertInto('suite_batch')
    .values({ batch, suite_run: suiteRun, number, phase, items: JSON.stringify(items), ...claim })
    .execute();
  return { batch, number };
}

/** Puts planned batches into the queue of a phase. The caller's transaction holds the suite run's row. */
export async function queueBatches(
  tx: SuiteTransaction,
  suiteRun: string,
  phase: SuitePhase,
  batches: readonly (readonly WorkItem[])[],
): Promise<void> {
  for (const items of batches) await insertBatch(tx, suiteRun, phase, items);
}

/** How many batches (or units not yet in one) of a phase nobody has taken. */
export async function waitingCount(db: SuiteDb, suiteRun: string, phase: SuitePhase): Promise<number> {
  const table =
    phase === 'suite' ? sql`suite_unit where batch is null` : sql`suite_batch where lease is null and phase = ${phase}`;
  const { rows } = await sql<{
    count: number;
  }>`select count(*) as count from ${table} and suite_run = ${suiteRun}`.execute(db);
  return rows[0]?.count ?? 0;
}

/** Where the batch stands: unfinished, or finished with what stopped it. */
export async function batchEnd(db: SuiteDb, batch: string): Promise<{ finished: boolean; problem?: string }> {
  const row = await db
    .selectFrom('suite_batch')
    .select(['finished_at', 'problem'])
    .where('batch', '=', batch)
    .executeTakeFirstOrThrow();
  return { finished: row.finished_at !== null, ...(row.problem === null ? {} : { problem: row.problem }) };
}

/** The items of a batch whose end is in the store: they are never run again. */
export async function finishedItems(db: SuiteDb, batch: string): Promise<Set<number>> {
  const rows = await db
    .selectFrom('suite_execution')
    .select('item')
    .where('batch', '=', batch)
    .where('ended_at', 'is not', null)
    .execute();
  return new Set(rows.map(({ item }) => item));
}
