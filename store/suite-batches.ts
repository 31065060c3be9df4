import { sql } from 'kysely';
import type { Limits, WorkItem } from '../runner/protocol.ts';
import type { Build } from '../workflows/types.ts';
import type { SuiteDb, SuitePhase, SuiteTransaction } from './suites.ts';

type Arms = Record<string, Build>;

/**
 * `slot`: the store's number of the slot, over all hosts. `offset`: up to which byte of its event log the store has
 * everything. `arms`: the builds of the suite run.
 */
export type ClaimedBatch = {
  batch: string;
  number: number;
  lease: string;
  slot: number;
  offset: number;
  items: WorkItem[];
  arms: Arms;
};
/** How many units from the head of the queue make the next batch (decisions/batch-plan.ts). */
export type SizeOfBatch = (queue: { estimates: readonly number[]; remainingSeconds: number; slots: number }) => number;

/** The head of the queue that a batch is cut from. */
const HEAD_UNITS = 500;

/** `number`: the slot's number on its host. */
export type Claimant = {
  suiteRun: string;
  phase: SuitePhase;
  host: string;
  number: number;
  lease: string;
  /** Takes what was to run elsewhere as well: there is nobody else. */
  takesAvoided?: boolean;
};

/**
 * The batch that this slot is at, or else the next one that waits; nothing when the phase has none left. Safe to
 * repeat: a slot that asks again while its batch is unfinished gets the same batch under the same lease.
 *
 * Few statements, since every batch makes them: the lock, one look, one change. The look is a statement of its own,
 * after the lock, so that it sees what those before this one had taken.
 */
export async function claimBatch(
  db: SuiteDb,
  claimant: Claimant,
  { limits, sizeOf }: Cut,
): Promise<ClaimedBatch | undefined> {
  const { suiteRun, phase, host, lease } = claimant;
  return db.transaction().execute(async (tx) => {
    const { slots, arms } = await lockRun(tx, suiteRun);
    const look = await lookAt(tx, claimant);
    const slot = look.slot ?? (await giveSlot(tx, claimant, look.slots));
    const from = { lease, slot, offset: look.offset ?? 0, arms };
    if (look.own) return { ...from, ...look.own };
    const claim = { slot, host, lease, claimed_at: new Date() };
    const cut =
      phase === 'suite'
        ? await cutBatch(tx, suiteRun, sizeOf({ ...look.queue, slots }), { look, claim, limits })
        : await takeWaitingBatch(tx, claimant, claim);
    return cut && { ...from, ...cut };
  });
}

/**
 * One at a time: the queue's order and the numbers of batches and slots depend on it. Not against the rows that
 * refer to the suite run: results are recorded meanwhile.
 */
export async function lockRun(tx: SuiteTransaction, suiteRun: string): Promise<{ slots: number; arms: Arms }> {
  return tx
    .selectFrom('suite_run')
    .select(['slots', 'arms'])
    .where('suite_run', '=', suiteRun)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow();
}

type Waiting = { unit: string; selector: string; estimate: number };
type Look = {
  /** The store's number of the claimant's slot, and how far its event log was read; null before it first asks. */
  slot: number | null;
  offset: number | null;
  slots: number;
  batches: number;
  own: { batch: string; number: number; lease: string; items: WorkItem[] } | null;
  head: Waiting[];
  queue: { estimates: number[]; remainingSeconds: number };
};

/** Where the claimant's slot is, and (of the suite proper) what waits. */
async function lookAt(tx: SuiteTransaction, { suiteRun, phase, host, number }: Claimant): Promise<Look> {
  const waits = sql`suite_run = ${suiteRun} and batch is null and ${phase === 'suite'}`;
  const { rows } = await sql<Omit<Look, 'queue'> & { remaining: number }>`
    select s.slot, s.events_offset as "offset",
      (select count(*) from suite_slot where suite_run = ${suiteRun}) as slots,
      (select count(*) from suite_batch where suite_run = ${suiteRun}) as batches,
      (select jsonb_build_object('batch', batch, 'number', number, 'lease', lease, 'items', items) from suite_batch
        where suite_run = ${suiteRun} and slot = s.slot and finished_at is null and lease is not null limit 1) as own,
      (select coalesce(sum(estimate), 0) from suite_unit where ${waits}) as remaining,
      (select coalesce(jsonb_agg(to_jsonb(h) order by h.estimate desc, h.unit), '[]') from
        (select unit, selector, estimate from suite_unit where ${waits}
          order by estimate desc, unit limit ${sql.lit(HEAD_UNITS)}) h) as head
    from (select 1) as one left join suite_slot s
      on s.suite_run = ${suiteRun} and s.host = ${host} and s.number = ${number}`.execute(tx);
  const [row] = rows;
  if (!row) throw new Error('a look at one slot gave no row');
  const { remaining, ...look } = row;
  return { ...look, queue: { estimates: look.head.map(({ estimate }) => estimate), remainingSeconds: remaining } };
}

/** The store's number of a host's slot, given when it first asks. */
async function giveSlot(tx: SuiteTransaction, { suiteRun, host, number }: Claimant, next: number): Promise<number> {
  await tx.insertInto('suite_slot').values({ suite_run: suiteRun, slot: next, host, number }).execute();
  return next;
}

type Cut = { limits: Limits; sizeOf: SizeOfBatch };
type Taken = Pick<ClaimedBatch, 'batch' | 'number' | 'items'>;
type Claim = { slot: number; host: string; lease: string; claimed_at: Date };

async function cutBatch(
  tx: SuiteTransaction,
  suiteRun: string,
  size: number,
  { look, claim, limits }: { look: Look; claim: Claim; limits: Limits },
): Promise<Taken | undefined> {
  const units = look.head.slice(0, size);
  if (units.length === 0) return undefined;
  const items: WorkItem[] = units.map(({ unit, selector }, item) => ({
    ...{ item, unit, arm: 'candidate', selector, limits },
  }));
  const number = look.batches + 1;
  const batch = nameOf(suiteRun, number);
  const names = units.map(({ unit }) => unit);
  await sql`
    with taken as (update suite_unit set batch = ${batch}
      where suite_run = ${suiteRun} and unit = any(${sql.val(names)}))
    insert into suite_batch (batch, suite_run, number, phase, items, slot, host, lease, claimed_at)
    values (${batch}, ${suiteRun}, ${number}, 'suite', ${JSON.stringify(items)}::jsonb, ${claim.slot}, ${claim.host},
      ${claim.lease}, ${claim.claimed_at})`.execute(tx);
  return { batch, number, items };
}

const nameOf = (suiteRun: string, number: number) => `${suiteRun}/b${number}`;

async function takeWaitingBatch(
  tx: SuiteTransaction,
  { suiteRun, phase, host, takesAvoided = false }: Claimant,
  claim: Claim,
): Promise<Taken | undefined> {
  let waiting = tx
    .selectFrom('suite_batch')
    .select(['batch', 'number', 'items'])
    .where('suite_run', '=', suiteRun)
    .where('phase', '=', phase)
    .where('lease', 'is', null)
    .where('finished_at', 'is', null);
  if (!takesAvoided)
    waiting = waiting.where((eb) => eb.or([eb('avoid_host', 'is', null), eb('avoid_host', '<>', host)]));
  const next = await waiting.orderBy('number').limit(1).executeTakeFirst();
  if (!next) return undefined;
  await tx.updateTable('suite_batch').set(claim).where('batch', '=', next.batch).execute();
  return next;
}

export async function insertBatch(
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
  const batch = nameOf(suiteRun, number);
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

/**
 * `left`: batches (or units not yet in one) of a phase that nobody has taken. `open`: batches that somebody has taken
 * and not finished. At one moment: a batch that is taken, or taken back, is in one of them.
 */
export async function phaseCounts(
  db: SuiteDb,
  suiteRun: string,
  phase: SuitePhase,
): Promise<{ left: number; open: number }> {
  const waiting =
    phase === 'suite'
      ? sql`suite_unit where batch is null`
      : sql`suite_batch where lease is null and finished_at is null and phase = ${phase}`;
  const { rows } = await sql<{ left: number; open: number }>`
    select (select count(*) from ${waiting} and suite_run = ${suiteRun}) as left,
      (select count(*) from suite_batch
        where suite_run = ${suiteRun} and phase = ${phase} and lease is not null and finished_at is null) as open`.execute(
    db,
  );
  return rows[0] ?? { left: 0, open: 0 };
}

export type BatchEnd = { kind: 'unfinished' } | { kind: 'finished'; problem?: string } | { kind: 'revoked' };

/** Where the batch stands: unfinished, finished with what stopped it, or taken from its slot. */
export async function batchEnd(db: SuiteDb, batch: string): Promise<BatchEnd> {
  const row = await db
    .selectFrom('suite_batch')
    .select(['finished_at', 'revoked_at', 'problem'])
    .where('batch', '=', batch)
    .executeTakeFirstOrThrow();
  if (row.revoked_at !== null) return { kind: 'revoked' };
  if (row.finished_at === null) return { kind: 'unfinished' };
  return { kind: 'finished', ...(row.problem === null ? {} : { problem: row.problem }) };
}

/** Those of these batches whose lease was taken back. */
export async function revokedOf(db: SuiteDb, batches: readonly string[]): Promise<Set<string>> {
  if (batches.length === 0) return new Set();
  const rows = await db
    .selectFrom('suite_batch')
    .select('batch')
    .where('batch', 'in', batches)
    .where('revoked_at', 'is not', null)
    .execute();
  return new Set(rows.map(({ batch }) => batch));
}

/** The items of a batch whose end is in the store: they are never run again. */
export async function finishedItems(db: SuiteDb | SuiteTransaction, batch: string): Promise<Set<number>> {
  const rows = await db
    .selectFrom('suite_execution')
    .select('item')
    .where('batch', '=', batch)
    .where('ended_at', 'is not', null)
    .execute();
  return new Set(rows.map(({ item }) => item));
}
