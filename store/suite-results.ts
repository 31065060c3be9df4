import { sql } from 'kysely';
import type { SlotEvent } from '../runner/protocol.ts';
import type { SuiteDb, SuitePhase, SuiteTransaction } from './suites.ts';

/** An event whose texts PostgreSQL can hold, and whose log has its digest. */
export type RecordedEvent = SlotEvent & { stored?: { sha256: string; bytes: number } };

export type Recording = {
  suiteRun: string;
  /** The store's number of the slot. */
  slot: number;
  /** The event log's bytes from `from` to `to` hold these events. */
  from: number;
  to: number;
  events: readonly RecordedEvent[];
};

const ROWS = 1_000;

/** Up to which byte of a slot's event log the store has everything. */
export async function recordedOffset(db: SuiteDb, suiteRun: string, slot: number): Promise<number> {
  const row = await db
    .selectFrom('suite_slot')
    .select('events_offset')
    .where('suite_run', '=', suiteRun)
    .where('slot', '=', slot)
    .executeTakeFirst();
  return row?.events_offset ?? 0;
}

/**
 * The slot's log is shorter than what was read of it: the folder was lost, and this is another log. Its executions
 * have names of their own.
 */
export async function forgetOffset(db: SuiteDb, suiteRun: string, slot: number, offset: number): Promise<void> {
  await db
    .updateTable('suite_slot')
    .set({ events_offset: 0 })
    .where('suite_run', '=', suiteRun)
    .where('slot', '=', slot)
    .where('events_offset', '=', offset)
    .execute();
}

/**
 * Records what a slot's event log says, and that it was recorded, in one commit. False where somebody else was
 * faster (two attempts of one activity may overlap after a heartbeat was lost): nothing was changed, read again.
 *
 * Only what was run under a lease that still holds is recorded: a host that was thought lost, and comes back with
 * results of a batch that went to another, changes nothing (its own log still counts as read).
 */
export async function recordEvents(db: SuiteDb, recording: Recording): Promise<boolean> {
  const { suiteRun, slot, from, to } = recording;
  return db.transaction().execute(async (tx) => {
    const row = await tx
      .selectFrom('suite_slot')
      .select('events_offset')
      .where('suite_run', '=', suiteRun)
      .where('slot', '=', slot)
      .forUpdate()
      .executeTakeFirstOrThrow();
    if (row.events_offset !== from) return false;
    const held = await holdBatches(tx, recording);
    await insertExecutions(tx, recording, held);
    await insertResults(tx, recording, held);
    await endExecutions(tx, recording, endsOf(recording, held));
    for (const event of recording.events) if (event.type === 'batch-end') await endBatch(tx, event);
    await tx
      .updateTable('suite_slot')
      .set({ events_offset: to })
      .where('suite_run', '=', suiteRun)
      .where('slot', '=', slot)
      .execute();
    return true;
  });
}

/**
 * The batches that this slot holds, with their phase: those that it has not finished and those of these events, each
 * under the lease that its events name. Locked, so that none is revoked before this is committed.
 */
async function holdBatches(tx: SuiteTransaction, { suiteRun, slot, events }: Recording): Promise<Held> {
  const leases = new Map<string, string>();
  for (const event of events) if ('lease' in event) leases.set(event.batch, event.lease);
  const rows = await tx
    .selectFrom('suite_batch')
    .select(['batch', 'phase', 'lease'])
    .where('suite_run', '=', suiteRun)
    .where('slot', '=', slot)
    .where('revoked_at', 'is', null)
    .where((eb) =>
      eb.or([eb('finished_at', 'is', null), ...(leases.size === 0 ? [] : [eb('batch', 'in', [...leases.keys()])])]),
    )
    .forUpdate()
    .execute();
  return new Map(
    rows.flatMap(({ batch, phase, lease }) => ((leases.get(batch) ?? lease) === lease ? [[batch, phase]] : [])),
  );
}

type Held = ReadonlyMap<string, SuitePhase>;

async function insertExecutions(
  tx: SuiteTransaction,
  { suiteRun, slot, events }: Recording,
  held: Held,
): Promise<void> {
  const rows = events.flatMap((event) => {
    const phase = event.type === 'unit' ? held.get(event.batch) : undefined;
    if (event.type !== 'unit' || phase === undefined) return [];
    const { exec, batch, item, arm, unit, test = null, at } = event;
    return [{ suite_run: suiteRun, slot, exec, batch, item, phase, arm, unit, test, started_at: at }];
  });
  for (let at = 0; at < rows.length; at += ROWS) {
    await tx
      .insertInto('suite_execution')
      .values(rows.slice(at, at + ROWS))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

async function insertResults(tx: SuiteTransaction, { suiteRun, slot, events }: Recording, held: Held): Promise<void> {
  const tests = events.filter((event) => event.type === 'test');
  if (tests.length === 0 || held.size === 0) return;
  const execs = [...new Set(tests.map(({ exec }) => exec))];
  const known = await tx
    .selectFrom('suite_execution')
    .select('exec')
    .where('suite_run', '=', suiteRun)
    .where('slot', '=', slot)
    .where('exec', 'in', execs)
    .where('batch', 'in', [...held.keys()])
    .execute();
  const counted = new Set(known.map(({ exec }) => exec));
  const rows = tests
    .filter(({ exec }) => counted.has(exec))
    .map(({ exec, seq, test, uniqueId, status, seconds, message = null, trace = null }) => ({
      suite_run: suiteRun,
      slot,
      exec,
      seq,
      test,
      unique_id: uniqueId,
      status,
      seconds,
      message,
      trace,
    }));
  for (let at = 0; at < rows.length; at += ROWS) {
    await tx
      .insertInto('test_result')
      .values(rows.slice(at, at + ROWS))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

type UnitEnded = Extract<RecordedEvent, { type: 'end' }>;

const endsOf = ({ events }: Recording, held: Held) =>
  events.filter((event): event is UnitEnded => event.type === 'end' && held.has(event.batch));

/** All of them in two statements: a megabyte of events ends hundreds of units, and each statement is a round trip. */
async function endExecutions(
  tx: SuiteTransaction,
  { suiteRun, slot }: Recording,
  ends: readonly UnitEnded[],
): Promise<void> {
  if (ends.length === 0) return;
  const rows = ends.map(({ exec, at, seconds, ended, complete, detail, stored }) => ({
    ...{ exec, at, seconds, ended, complete, detail, log: stored?.sha256, log_bytes: stored?.bytes },
  }));
  const { rows: known } = await sql<{ unit: string; phase: SuitePhase }>`
    update suite_execution e set ended_at = n.at, seconds = n.seconds, ended = n.ended, complete = n.complete,
      detail = n.detail, log = n.log, log_bytes = n.log_bytes
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as n(exec text, at timestamptz, seconds float8, ended text,
      complete boolean, detail text, log text, log_bytes bigint)
    where e.suite_run = ${suiteRun} and e.slot = ${slot} and e.exec = n.exec
    returning e.unit, e.phase`.execute(tx);
  const finished = known.filter(({ phase }) => phase === 'suite').map(({ unit }) => unit);
  if (finished.length === 0) return;
  await tx
    .updateTable('suite_unit')
    .set({ finished: true })
    .where('suite_run', '=', suiteRun)
    .where(sql<boolean>`unit = any(${sql.val(finished)})`)
    .execute();
}

async function endBatch(tx: SuiteTransaction, event: Extract<SlotEvent, { type: 'batch-end' }>): Promise<void> {
  await tx
    .updateTable('suite_batch')
    .set({ finished_at: event.at, problem: event.problem ?? null })
    .where('batch', '=', event.batch)
    .where('lease', '=', event.lease)
    .where('finished_at', 'is', null)
    .execute();
}
