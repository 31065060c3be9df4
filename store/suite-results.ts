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
  return db.transaction().execute(async (tx) => {
    const { offset, held } = await holdBatches(tx, recording);
    if (offset !== recording.from) return false;
    const inserted = await insertExecutions(tx, recording, held);
    await insertResults(tx, recording, held, inserted);
    await endUnits(tx, recording, held);
    return true;
  });
}

/**
 * How far the slot's log was read, and the batches that it holds, with their phase: those that it has not finished and
 * those of these events, each under the lease that its events name. All locked, so that nobody else records, and none
 * is revoked before this is committed.
 */
async function holdBatches(
  tx: SuiteTransaction,
  { suiteRun, slot, events }: Recording,
): Promise<{ offset: number; held: Held }> {
  const leases = new Map<string, string>();
  for (const event of events) if ('lease' in event) leases.set(event.batch, event.lease);
  type Row = { offset: number; batch: string | null; phase: SuitePhase | null; lease: string | null };
  const { rows } = await sql<Row>`
    with here as (
      select events_offset from suite_slot where suite_run = ${suiteRun} and slot = ${slot} for update
    ), batches as (
      select batch, phase, lease from suite_batch where suite_run = ${suiteRun} and slot = ${slot}
        and revoked_at is null and (finished_at is null or batch = any(${sql.val([...leases.keys()])})) for update
    )
    select events_offset as "offset", batch, phase, lease from here left join batches on true`.execute(tx);
  const [first] = rows;
  if (!first) throw new Error(`slot ${slot} of ${suiteRun} is not in the store: nothing can be recorded of it`);
  const held = rows.flatMap(({ batch, phase, lease }): [string, SuitePhase][] =>
    batch !== null && phase !== null && (leases.get(batch) ?? lease) === lease ? [[batch, phase]] : [],
  );
  return { offset: first.offset, held: new Map(held) };
}

type Held = ReadonlyMap<string, SuitePhase>;

/** Those that began. Says which of them are new. */
async function insertExecutions(
  tx: SuiteTransaction,
  { suiteRun, slot, events }: Recording,
  held: Held,
): Promise<Set<string>> {
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
  return new Set(rows.map(({ exec }) => exec));
}

/** Of executions that count: those that began in these events, and those that are known to be of a batch that is held. */
async function insertResults(
  tx: SuiteTransaction,
  { suiteRun, slot, events }: Recording,
  held: Held,
  begun: ReadonlySet<string>,
): Promise<void> {
  const tests = events.filter((event) => event.type === 'test');
  if (tests.length === 0 || held.size === 0) return;
  const earlier = [...new Set(tests.map(({ exec }) => exec))].filter((exec) => !begun.has(exec));
  const known = earlier.length === 0 ? [] : await countedOf(tx, { suiteRun, slot }, earlier, held);
  const counted = new Set([...begun, ...known]);
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

async function countedOf(
  tx: SuiteTransaction,
  { suiteRun, slot }: { suiteRun: string; slot: number },
  execs: string[],
  held: Held,
): Promise<string[]> {
  const rows = await tx
    .selectFrom('suite_execution')
    .select('exec')
    .where('suite_run', '=', suiteRun)
    .where('slot', '=', slot)
    .where(sql<boolean>`exec = any(${sql.val(execs)})`)
    .where('batch', 'in', [...held.keys()])
    .execute();
  return rows.map(({ exec }) => exec);
}

/**
 * What ended: executions, their units, batches; and how far the log was read. One statement, whatever it holds: a
 * megabyte of events ends hundreds of units, and each statement is a round trip.
 */
async function endUnits(tx: SuiteTransaction, { suiteRun, slot, to, events }: Recording, held: Held): Promise<void> {
  const ends = events.flatMap((event) => {
    if (event.type !== 'end' || !held.has(event.batch)) return [];
    const { exec, at, seconds, ended, complete, detail, stored } = event;
    return [{ exec, at, seconds, ended, complete, detail, log: stored?.sha256, log_bytes: stored?.bytes }];
  });
  const batches = events.flatMap((event) => {
    if (event.type !== 'batch-end') return [];
    const { batch, lease, at, problem = null } = event;
    return [{ batch, lease, at, problem }];
  });
  await sql`
    with ended as (
      update suite_execution e set ended_at = n.at, seconds = n.seconds, ended = n.ended, complete = n.complete,
        detail = n.detail, log = n.log, log_bytes = n.log_bytes
      from jsonb_to_recordset(${JSON.stringify(ends)}::jsonb) as n(exec text, at timestamptz, seconds float8, ended text,
        complete boolean, detail text, log text, log_bytes bigint)
      where e.suite_run = ${suiteRun} and e.slot = ${slot} and e.exec = n.exec
      returning e.unit, e.phase
    ), units as (
      update suite_unit set finished = true where suite_run = ${suiteRun}
        and unit in (select unit from ended where phase = 'suite')
    ), batches as (
      update suite_batch b set finished_at = n.at, problem = n.problem
      from jsonb_to_recordset(${JSON.stringify(batches)}::jsonb) as n(batch text, lease text, at timestamptz, problem text)
      where b.batch = n.batch and b.lease = n.lease and b.finished_at is null
    )
    update suite_slot set events_offset = ${to} where suite_run = ${suiteRun} and slot = ${slot}`.execute(tx);
}
