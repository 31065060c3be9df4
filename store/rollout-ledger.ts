import { type Selectable, sql } from 'kysely';
import type { ReadBack } from '../workflows/types.ts';
import type { Db } from './database.ts';
import type {
  Direction,
  LedgerEntry,
  RolloutTables,
  SeenProcess,
  TargetSeconds,
  TargetState,
} from './rollout-tables.ts';

/** The ledger of a roll-out: an entry a node and direction, and in which step of its change that node is. */

/**
 * Writes the plan of a node. One that this roll-out has planned already keeps its entry, unless `anew`: then
 * the entry of an earlier attempt is replaced.
 */
export async function planTarget(
  db: Db,
  entry: Pick<LedgerEntry, 'rollout' | 'target' | 'direction' | 'position' | 'key' | 'from' | 'to' | 'seen'> &
    Partial<Pick<LedgerEntry, 'leaders'>>,
  { anew }: { anew: boolean },
): Promise<void> {
  const values = {
    position: entry.position,
    effect_key: entry.key,
    state: 'planned' as const,
    from_build: JSON.stringify(entry.from),
    to_build: JSON.stringify(entry.to),
    seen: JSON.stringify(entry.seen),
    before: null,
    leaders: entry.leaders ? JSON.stringify(entry.leaders) : null,
    read_back: null,
    seconds: null,
    failure: null,
    intended_at: null,
    changed_at: null,
    ended_at: null,
  };
  const key = { rollout: entry.rollout, target: entry.target, direction: entry.direction };
  await db
    .insertInto('rollout_target')
    .values({ ...key, ...values })
    .onConflict((conflict) => {
      const known = conflict.columns(['rollout', 'target', 'direction']);
      return anew ? known.doUpdateSet(values) : known.doNothing();
    })
    .execute();
}

/** A new attempt starts without the roll-back of the one before. */
export async function forgetRollBack(db: Db, rollout: string): Promise<void> {
  await db.deleteFrom('rollout_target').where('rollout', '=', rollout).where('direction', '=', 'back').execute();
}

/** Of a node to which nothing was done, and nothing will be. */
export async function takeBackPlan(db: Db, { rollout, target }: Pick<TargetKey, 'rollout' | 'target'>): Promise<void> {
  await db
    .deleteFrom('rollout_target')
    .where('rollout', '=', rollout)
    .where('target', '=', target)
    .where('state', '=', 'planned')
    .execute();
}

/** The ledger of a roll-out, in planned order, forward before back. */
export async function ledgerOf(db: Db, rollout: string): Promise<LedgerEntry[]> {
  const rows = await entriesOf(db, rollout).orderBy('direction', 'desc').orderBy('position').execute();
  return rows.map(toEntry);
}

const entriesOf = (db: Db, rollout: string) =>
  db.selectFrom('rollout_target').selectAll().where('rollout', '=', rollout);

function toEntry(row: Selectable<RolloutTables['rollout_target']>): LedgerEntry {
  return {
    rollout: row.rollout,
    target: row.target,
    direction: row.direction,
    position: row.position,
    key: row.effect_key,
    state: row.state,
    from: row.from_build,
    to: row.to_build,
    seen: row.seen,
    leaders: row.leaders ?? [],
    seconds: row.seconds ?? {},
    ...(row.before && { before: row.before }),
    ...(row.read_back && { readBack: row.read_back }),
    ...(row.failure !== null && { failure: row.failure }),
    ...(row.intended_at && { intendedAt: row.intended_at.toISOString() }),
    ...(row.changed_at && { changedAt: row.changed_at.toISOString() }),
  };
}

export type TargetKey = { rollout: string; target: string; direction: Direction };

/** @throws where the node was never planned: nothing may be done to it. */
export async function ledgerEntry(db: Db, key: TargetKey): Promise<LedgerEntry> {
  const row = await entriesOf(db, key.rollout)
    .where('target', '=', key.target)
    .where('direction', '=', key.direction)
    .executeTakeFirst();
  if (!row) throw new Error(`${key.target} (${key.direction}) is not in the ledger of ${key.rollout}`);
  return toEntry(row);
}

/** K20: the intent, before anything is done to the node. An intent that is there stays as it was. */
export async function intendTarget(
  db: Db,
  key: TargetKey,
  intent: { before: SeenProcess; leaders: { topic: string; partition: number }[] },
): Promise<LedgerEntry> {
  await updateTarget(db, key, ['planned'], {
    state: 'intent',
    before: JSON.stringify(intent.before),
    leaders: JSON.stringify(intent.leaders),
    intended_at: new Date(),
  });
  return ledgerEntry(db, key);
}

/** A rule kept the node from being stopped, and nothing was done: the intent is closed again. */
export async function withdrawIntent(db: Db, key: TargetKey, why: string): Promise<void> {
  await updateTarget(db, key, ['intent'], { state: 'planned', before: null, failure: why });
}

/** K20: the result of the change itself: the node's new process. */
export async function markChanged(
  db: Db,
  key: TargetKey,
  seen: SeenProcess,
  seconds: Partial<TargetSeconds>,
): Promise<void> {
  await updateTarget(db, key, ['intent'], {
    state: 'changed',
    seen: JSON.stringify(seen),
    changed_at: new Date(),
    failure: null,
    seconds: withSeconds(seconds),
  });
}

const withSeconds = (seconds: Partial<TargetSeconds>) =>
  sql`coalesce(seconds, '{}'::jsonb) || ${JSON.stringify(seconds)}::jsonb`;

export async function addSeconds(db: Db, key: TargetKey, seconds: Partial<TargetSeconds>): Promise<void> {
  await sql`update rollout_target set seconds = ${withSeconds(seconds)}
    where rollout = ${key.rollout} and target = ${key.target} and direction = ${key.direction}`.execute(db);
}

/**
 * How long the nodes of an environment took before: of its last changes that went through, the newest first. Of
 * roll-outs that were promoted alone, and never of this one: a candidate that makes nodes slow would lengthen the
 * deadline that is to find it.
 */
export async function measuredSeconds(
  db: Db,
  { environment, rollout }: { environment: string; rollout: string },
  part: 'return' | 'inSync',
): Promise<number[]> {
  const rows = await db
    .selectFrom('rollout_target')
    .innerJoin('rollout', 'rollout.id', 'rollout_target.rollout')
    .select('seconds')
    .where('rollout.environment', '=', environment)
    .where('rollout.id', '<>', rollout)
    .where(sql<boolean>`rollout.outcome ->> 'kind' = 'promoted'`)
    .where('rollout_target.direction', '=', 'forward')
    .where('rollout_target.state', '=', 'done')
    .where('rollout_target.ended_at', 'is not', null)
    .orderBy('rollout_target.ended_at', 'desc')
    .limit(500)
    .execute();
  return rows.flatMap(({ seconds }) => seconds?.[part] ?? []);
}

export async function markDone(
  db: Db,
  key: TargetKey,
  readBack: ReadBack,
  seconds: Partial<TargetSeconds> = {},
): Promise<void> {
  await updateTarget(db, key, ['changed', 'planned'], {
    state: 'done',
    seconds: withSeconds(seconds),
    read_back: JSON.stringify(readBack),
    ended_at: new Date(),
    failure: null,
  });
}

/** The node did not stop, did not return, or does not run what was installed: K13 keeps all others untouched. */
export async function markFailed(db: Db, key: TargetKey, why: string): Promise<void> {
  await updateTarget(db, key, ['intent', 'changed'], { state: 'failed', failure: why, ended_at: new Date() });
}

async function updateTarget(
  db: Db,
  { rollout, target, direction }: TargetKey,
  from: TargetState[],
  change: Record<string, unknown>,
): Promise<void> {
  await db
    .updateTable('rollout_target')
    .set(change)
    .where('rollout', '=', rollout)
    .where('target', '=', target)
    .where('direction', '=', direction)
    .where('state', 'in', from)
    .execute();
}

/** A node that died and was started again by `env up` is known by its new process from here on. */
export async function adoptProcess(
  db: Db,
  { rollout, target, direction }: TargetKey,
  seen: SeenProcess,
): Promise<void> {
  await db
    .updateTable('rollout_target')
    .set({ seen: JSON.stringify(seen) })
    .where('rollout', '=', rollout)
    .where('target', '=', target)
    .where('direction', '=', direction)
    .execute();
}
