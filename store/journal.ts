import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { type ColumnType, type Generated, sql } from 'kysely';
import { logger } from '../lib/log.ts';
import { oneLine } from '../lib/plain-text.ts';
import { isAlive, selfIdentity } from '../lib/process-identity.ts';
import { redact, redactJson } from '../lib/redact.ts';
import type { Db } from './database.ts';

/**
 * The effect journal: every change of the outside world goes through it (design.md, *Effects*).
 *
 *   1. The intent is written, and durable, before anything is done.
 *   2. The effect is performed by exactly one caller at a time, under a lease.
 *   3. The result is written. Whoever asks again gets it, and nothing is done.
 *
 * An intent without a result means that somebody died in between: the outside world is read back
 * first, and only what is not there is performed.
 */
export type EffectState = 'intent' | 'done' | 'failed';

export type JournalTables = {
  effect: {
    key: string;
    kind: string;
    release: string;
    state: EffectState;
    intent: ColumnType<unknown, string, never>;
    result: ColumnType<unknown, never, string>;
    found: Generated<boolean>;
    reason: string | null;
    attempts: Generated<number>;
    holder: string | null;
    lease_until: Date | null;
    intended_at: Generated<Date>;
    ended_at: Date | null;
  };
};

/** `key` is made in the workflow: `<release>/<step>/<target>`. `intent` says what will be done; it is stored redacted. */
export type EffectOrder = { key: string; kind: string; release: string; intent: unknown };

export type EffectSteps<R> = {
  /** What an earlier attempt left in the outside world, or undefined where there is nothing of it. Never changes anything. */
  readBack: () => Promise<R | undefined>;
  /** Does it. Must end within bounds of its own: while it runs, nobody else may. */
  perform: () => Promise<R>;
};

export type EffectOptions = {
  /** How long to wait for another caller that performs the same key. Then `EffectBusy`, which may be retried. */
  waitMs?: number;
  /** How long a silent holder on another machine is believed to live; a dead process on this one is seen at once. */
  leaseMs?: number;
};

/** Somebody else performs this effect and has not ended. Nothing was done here; ask again. */
export class EffectBusy extends Error {
  override name = 'EffectBusy';
}

/**
 * Runs one effect under its key and returns its result. JSON in, JSON out: what is returned is what was
 * stored (redacted), at the first call and at every later one alike; `undefined` is stored as null.
 * An error of `perform` leaves the intent for the next attempt; one marked `nonRetryable` (Temporal's
 * permanent failure) is also recorded as `failed`, which an explicit retry may still overcome.
 */
export async function runEffect<R>(
  db: Db,
  order: EffectOrder,
  steps: EffectSteps<R>,
  { waitMs = 30_000, leaseMs = 20_000 }: EffectOptions = {},
): Promise<R> {
  const turn: Turn = { db, order, holder: `${self()}#${randomUUID()}`, leaseMs };
  // Before the claim: another caller in this process must never see a claim of ours that is not yet known here.
  active.add(turn.holder);
  try {
    return (await takeTurns(turn, steps, Date.now() + waitMs)) as R;
  } finally {
    active.delete(turn.holder);
  }
}

async function takeTurns<R>(turn: Turn, steps: EffectSteps<R>, deadline: number): Promise<unknown> {
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    const claim = await claimEffect(turn);
    if (claim.kind === 'done') return claim.result;
    if (claim.kind === 'ours') {
      const ended = await performClaimed(turn, steps, claim.fresh);
      if (ended.kind === 'done') return ended.result;
    } else if (Date.now() > deadline) {
      throw new EffectBusy(`${turn.order.key} is being performed by ${claim.holder}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

type Turn = { db: Db; order: EffectOrder; holder: string; leaseMs: number };
type Claim = { kind: 'done'; result: unknown } | { kind: 'ours'; fresh: boolean } | { kind: 'held'; holder: string };
type Ended = { kind: 'done'; result: unknown } | { kind: 'lost' };

async function claimEffect({ db, order, holder, leaseMs }: Turn): Promise<Claim> {
  const intent = toStored(order.intent);
  const inserted = await sql<{ key: string }>`
    insert into effect (key, kind, release, state, intent, holder, lease_until)
    values (${order.key}, ${order.kind}, ${order.release}, 'intent', ${intent}::jsonb, ${holder}, ${until(leaseMs)})
    on conflict (key) do nothing returning key`.execute(db);
  if (inserted.rows.length > 0) return { kind: 'ours', fresh: true };

  const { rows } = await sql<{
    state: EffectState;
    result: unknown;
    holder: string | null;
    expired: boolean;
    same: boolean;
  }>`
    select state, result, holder, coalesce(lease_until < now(), true) as expired,
      kind = ${order.kind} and release = ${order.release} and intent = ${intent}::jsonb as same
    from effect where key = ${order.key}`.execute(db);
  const known = rows[0];
  if (!known) throw new Error(`the journal lost ${order.key} between two statements`);
  // Keys are made in workflows; two meanings of one key is an error of ours that a reader should find.
  if (!known.same)
    logger('journal', { release: order.release, key: order.key }).warn('asked again with another intent');
  if (known.state === 'done') return { kind: 'done', result: known.result };
  if (known.holder !== null && isHeld(known.holder, known.expired)) return { kind: 'held', holder: known.holder };

  const { numAffectedRows } = await sql`
    update effect set state = 'intent', holder = ${holder}, lease_until = ${until(leaseMs)}, attempts = attempts + 1
    where key = ${order.key} and state <> 'done' and holder is not distinct from ${known.holder}`.execute(db);
  return numAffectedRows === 1n ? { kind: 'ours', fresh: false } : { kind: 'held', holder: 'another caller' };
}

async function performClaimed<R>(turn: Turn, { readBack, perform }: EffectSteps<R>, fresh: boolean): Promise<Ended> {
  const stopRenewing = keepLease(turn);
  try {
    const left = fresh ? undefined : await readBack();
    if (left !== undefined) return await storeResult(turn, left, { found: true });
    return await storeResult(turn, await perform(), { found: false });
  } catch (error) {
    await letGo(turn, error);
    throw error;
  } finally {
    stopRenewing();
  }
}

/** Lost: our lease ran out (a machine that slept) and another caller took over; its word counts. */
async function storeResult(
  { db, order, holder }: Turn,
  result: unknown,
  { found }: { found: boolean },
): Promise<Ended> {
  const { rows } = await sql<{ result: unknown }>`
    update effect set state = 'done', result = ${toStored(result)}::jsonb, found = ${found}, reason = null,
      holder = null, lease_until = null, ended_at = clock_timestamp()
    where key = ${order.key} and state <> 'done' and holder = ${holder} returning result`.execute(db);
  return rows[0] ? { kind: 'done', result: rows[0].result } : { kind: 'lost' };
}

/** Frees the key for the next attempt. Where even that fails, the lease runs out or our death is seen. */
async function letGo({ db, order, holder }: Turn, error: unknown): Promise<void> {
  const permanent = (error as { nonRetryable?: unknown } | undefined)?.nonRetryable === true;
  const reason = oneLine(redact(error instanceof Error ? error.message : String(error)), 1000);
  try {
    await sql`
      update effect set state = ${permanent ? 'failed' : 'intent'}, reason = ${reason}, holder = null, lease_until = null,
        ended_at = case when ${permanent} then clock_timestamp() end
      where key = ${order.key} and state <> 'done' and holder = ${holder}`.execute(db);
  } catch (storeError) {
    logger('journal', { release: order.release, key: order.key }).warn(
      { err: storeError, reason },
      'could not let go of an effect',
    );
  }
}

function keepLease({ db, order, holder, leaseMs }: Turn): () => void {
  const renew = () => {
    sql`update effect set lease_until = ${until(leaseMs)} where key = ${order.key} and holder = ${holder}`
      .execute(db)
      .catch((error) => {
        logger('journal', { release: order.release, key: order.key }).warn({ err: error }, 'could not renew a lease');
      });
  };
  const timer = setInterval(renew, leaseMs / 4);
  timer.unref();
  return () => clearInterval(timer);
}

// By the database's clock alone: machines disagree.
const until = (leaseMs: number) => sql<Date>`now() + ${leaseMs} * interval '1 millisecond'`;

function toStored(value: unknown): string {
  return JSON.stringify(storable(redactJson(value ?? null)));
}

/** PostgreSQL's jsonb takes neither NUL nor half a surrogate pair, and test output has both. */
function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('\u0000', '\ufffd').toWellFormed();
  if (Array.isArray(value)) return value.map(storable);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [storable(name), storable(item)]));
}

// The calls under way in this process. A claim of ours that is none of theirs was left by a database that went away.
const active = new Set<string>();
let knownSelf: string | undefined;

/** `machine|pid|start`: enough for another process on this machine to see that we died. */
function self(): string {
  if (knownSelf === undefined) {
    const { pid, startTime } = selfIdentity();
    knownSelf = [machine(), pid, startTime].join('|');
  }
  return knownSelf;
}

/** Two containers may share a name, yet not see each other's processes: the process namespace is part of the machine. */
function machine(): string {
  return process.platform === 'linux' ? `${hostname()}/${readlinkSync('/proc/self/ns/pid')}` : hostname();
}

/**
 * Whether a claim still counts. Of this process we know it; of another one on this machine we know whether it is
 * dead, and of any other only whether it goes on renewing its lease.
 */
function isHeld(holder: string, expired: boolean): boolean {
  if (holder.startsWith(`${self()}#`)) return active.has(holder);
  if (expired) return false;
  const [where, pid, startTime] = (holder.split('#')[0] ?? '').split('|');
  if (where !== machine() || pid === undefined || startTime === undefined) return true;
  return isAlive({ pid: Number(pid), startTime });
}

export type EffectRecord = {
  key: string;
  kind: string;
  state: EffectState;
  /** The result was found in the outside world, left by an attempt that died. */
  found: boolean;
  attempts: number;
  reason?: string;
  intendedAt: string;
  endedAt?: string;
};

/** All effects of a release in the order of their intents. */
export async function effectsOf(db: Db, release: string): Promise<EffectRecord[]> {
  const rows = await db
    .selectFrom('effect')
    .select(['key', 'kind', 'state', 'found', 'attempts', 'reason', 'intended_at', 'ended_at'])
    .where('release', '=', release)
    .orderBy('intended_at')
    .orderBy('key')
    .execute();
  return rows.map(({ reason, intended_at, ended_at, ...row }) => ({
    ...row,
    ...(reason !== null && { reason }),
    intendedAt: intended_at.toISOString(),
    ...(ended_at !== null && { endedAt: ended_at.toISOString() }),
  }));
}

/** What whoever performed an effect said of it; undefined where it is not done. */
export async function effectWords(db: Db, key: string): Promise<string | undefined> {
  const done = await effectResult<{ words?: string } | null>(db, key);
  return done && (done.result?.words ?? '');
}

/** What whoever performed an effect kept of it; undefined where it is not done. */
export async function effectResult<R>(db: Db, key: string): Promise<{ result: R } | undefined> {
  const row = await db.selectFrom('effect').select(['state', 'result']).where('key', '=', key).executeTakeFirst();
  return row?.state === 'done' ? { result: row.result as R } : undefined;
}
