import { type Generated, type JSONColumnType, sql } from 'kysely';
import type { GateSample } from '../decisions/gate/types.ts';
import type { Digest, GateVerdict, RolloutOutcome } from '../workflows/types.ts';
import type { Db } from './database.ts';
import type { WaveGate, WaveShape } from './rollout-tables.ts';

/** What one look hands to the next: how far the clients were counted. Looks from before offsets were watched have no `movedBack`. */
export type LookState = { clientsToMs: number; acknowledged: number; failed: number; movedBack?: number };

export interface GateTables {
  gate_look: {
    rollout: string;
    key: string;
    n: number;
    started_at_ms: number;
    sample: JSONColumnType<GateSample>;
    state: JSONColumnType<LookState>;
  };
  artifact_unhold: { digest: string; environment: string; at: Generated<Date>; by: string; reason: string };
}

export type KeptLook = { startedAtMs: number; sample: GateSample; state: LookState };

/** The looks of one window or bake so far, oldest first. */
export async function keptLooks(db: Db, rollout: string, key: string): Promise<KeptLook[]> {
  const rows = await db
    .selectFrom('gate_look')
    .selectAll()
    .where('rollout', '=', rollout)
    .where('key', '=', key)
    .orderBy('n')
    .execute();
  return rows.map(({ started_at_ms, sample, state }) => ({ startedAtMs: started_at_ms, sample, state }));
}

/** Safe to repeat: the first writer of a number holds. */
export async function keepLook(
  db: Db,
  { rollout, key, n }: { rollout: string; key: string; n: number },
  { startedAtMs, sample, state }: KeptLook,
): Promise<void> {
  await db
    .insertInto('gate_look')
    .values({
      rollout,
      key,
      n,
      started_at_ms: startedAtMs,
      sample: JSON.stringify(sample),
      state: JSON.stringify(state),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function dropLooks(db: Db, rollout: string): Promise<void> {
  await db.deleteFrom('gate_look').where('rollout', '=', rollout).execute();
}

export async function keepBeforeLooks(db: Db, rollout: string, looks: Digest): Promise<void> {
  await db.updateTable('rollout').set({ before_looks: looks }).where('id', '=', rollout).execute();
}

export async function beforeLooksOf(db: Db, rollout: string): Promise<Digest | undefined> {
  const row = await db.selectFrom('rollout').select('before_looks').where('id', '=', rollout).executeTakeFirst();
  return row?.before_looks ?? undefined;
}

export type Wave = {
  n: number;
  targets: string[];
  shape: WaveShape;
  alphaIndex: number;
  gate?: WaveGate;
  record?: Digest;
};

/**
 * Writes the waves of one attempt before the first of them begins. Their places in the release's α follow those of
 * all waves that it had before, in any environment. Safe to repeat: an attempt that has its waves keeps their places.
 */
export async function planWavesOf(
  db: Db,
  { rollout, release, attempt }: { rollout: string; release: string; attempt: number },
  waves: readonly { targets: string[]; why: string; shape: WaveShape }[],
): Promise<void> {
  await db.transaction().execute(async (on) => {
    const rows = await on
      .selectFrom('rollout_wave')
      .innerJoin('rollout', 'rollout.id', 'rollout_wave.rollout')
      .select(['rollout', 'rollout_wave.attempt', 'alpha_index'])
      .where('release', '=', release)
      .execute();
    const ours = rows.filter((row) => row.rollout === rollout && row.attempt === attempt && row.alpha_index !== null);
    const earlier = Math.max(-1, ...rows.map(({ alpha_index }) => alpha_index ?? -1)) + 1;
    const first = ours.length > 0 ? Math.min(...ours.map(({ alpha_index }) => alpha_index!)) : earlier;
    await on.deleteFrom('rollout_wave').where('rollout', '=', rollout).execute();
    for (const [index, { targets, why, shape }] of waves.entries()) {
      await on
        .insertInto('rollout_wave')
        .values({
          rollout,
          n: index + 1,
          targets: JSON.stringify(targets),
          attempt,
          why,
          shape: JSON.stringify(shape),
          alpha_index: first + index,
          ended_at: null,
        })
        .execute();
    }
  });
}

/** @throws where the roll-out has no such wave */
export async function waveOf(db: Db, rollout: string, n: number): Promise<Wave> {
  const row = await db
    .selectFrom('rollout_wave')
    .selectAll()
    .where('rollout', '=', rollout)
    .where('n', '=', n)
    .executeTakeFirst();
  if (!row) throw new Error(`${rollout} has no wave ${n}`);
  return {
    n,
    targets: row.targets,
    shape: row.shape ?? { kind: 'one node', firstServing: true },
    alphaIndex: row.alpha_index ?? 0,
    ...(row.gate && { gate: row.gate }),
    ...(row.record !== null && { record: row.record }),
  };
}

export async function beginWave(db: Db, rollout: string, n: number): Promise<void> {
  await db
    .updateTable('rollout_wave')
    .set({ begun_at: new Date() })
    .where('rollout', '=', rollout)
    .where('n', '=', n)
    .where('begun_at', 'is', null)
    .execute();
}

/** A wave whose nodes are no longer what its verdict was about: it is judged anew. Safe to repeat. */
export async function reopenWave(db: Db, rollout: string, n: number): Promise<void> {
  await db
    .updateTable('rollout_wave')
    .set({ gate: null, record: null, ended_at: null })
    .where('rollout', '=', rollout)
    .where('n', '=', n)
    .execute();
  await dropLooks(db, rollout);
}

/** The wave that has begun and has no verdict. */
export async function begunWave(db: Db, rollout: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('rollout_wave')
    .select('n')
    .where('rollout', '=', rollout)
    .where('begun_at', 'is not', null)
    .where('gate', 'is', null)
    .orderBy('n')
    .executeTakeFirst();
  return row?.n;
}

/** The verdict of a wave, with what it can be computed again from. The looks in between go. */
export async function keepVerdict(
  db: Db,
  rollout: string,
  n: number,
  { gate, record }: { gate: GateVerdict & { figures: Record<string, unknown> }; record: Digest },
): Promise<void> {
  await db
    .updateTable('rollout_wave')
    .set({ gate: JSON.stringify(gate), record, ended_at: new Date() })
    .where('rollout', '=', rollout)
    .where('n', '=', n)
    .execute();
  await dropLooks(db, rollout);
}

/**
 * A release that went through was taken back by its watch: what its roll-out and itself are said to have ended with is
 * replaced. Safe to repeat.
 */
export async function overruleOutcome(
  db: Db,
  {
    rollout,
    release,
    environment,
    outcome,
  }: { rollout: string; release: string; environment: string; outcome: Undone },
): Promise<void> {
  await db
    .updateTable('rollout')
    .set({ outcome: JSON.stringify(outcome), ended_at: new Date() })
    .where('id', '=', rollout)
    .execute();
  const ofRelease = JSON.stringify({ kind: outcome.kind, at: environment, reasons: outcome.reasons });
  await db
    .updateTable('release')
    .set({ outcome: ofRelease })
    .where('id', '=', release)
    .where(sql<boolean>`outcome ->> 'kind' = 'released'`)
    .execute();
}

type Undone = Extract<RolloutOutcome, { kind: 'rolled-back' | 'frozen' }>;

/** Watches of this release that have not ended, and how long they may last yet at most. */
export async function openWatches(db: Db, release: string): Promise<{ environment: string; begunAtMs: number }[]> {
  const rows = await db
    .selectFrom('rollout_wave')
    .innerJoin('rollout', 'rollout.id', 'rollout_wave.rollout')
    .select(['environment', 'rollout.ended_at as ended'])
    .where('release', '=', release)
    .where(sql<boolean>`shape ->> 'kind' = 'watch' and outcome ->> 'kind' = 'promoted'`)
    .where('gate', 'is', null)
    .execute();
  return rows.map(({ environment, ended }) => ({ environment, begunAtMs: ended?.getTime() ?? 0 }));
}

/** The record of a wave by what a person calls it; the newest roll-out of the release in that environment. */
export async function recordOf(
  db: Db,
  { release, environment, wave }: { release: string; environment: string; wave: number },
): Promise<{ rollout: string; record: Digest | null } | undefined> {
  return db
    .selectFrom('rollout_wave')
    .innerJoin('rollout', 'rollout.id', 'rollout_wave.rollout')
    .select(['rollout.id as rollout', 'rollout_wave.record'])
    .where('release', '=', release)
    .where('environment', '=', environment)
    .where('n', '=', wave)
    .orderBy('candidate_number', 'desc')
    .executeTakeFirst();
}
