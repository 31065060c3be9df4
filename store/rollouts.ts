import { sql } from 'kysely';
import type { ClientFigures } from '../decisions/soak.ts';
import type { Digest, RolloutOrder, RolloutOutcome, TrafficAccount } from '../workflows/types.ts';
import type { Db } from './database.ts';
import type { WaveGate } from './rollout-tables.ts';

/**
 * Opens a roll-out, or goes on with the one of this id: the same attempt while it runs, the next one after it
 * ended otherwise than promoted. A promoted one stays as it is.
 */
export async function openRollout(
  db: Db,
  order: RolloutOrder,
  settings: Digest,
): Promise<{ attempt: number; outcome?: RolloutOutcome }> {
  const { candidate } = order;
  await db
    .insertInto('rollout')
    .values({
      id: order.rollout,
      release: order.release,
      candidate_number: order.candidateNumber,
      environment: order.environment,
      digest: candidate.digest,
      version: candidate.version,
      commit: candidate.commit,
      artifacts: JSON.stringify(candidate.artifacts),
      settings,
      requested_by: order.requestedBy,
      ended_at: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const reopened = await db
    .updateTable('rollout')
    .set({
      attempt: sql`attempt + 1`,
      outcome: null,
      ended_at: null,
      settings,
      traffic: null,
      baseline: null,
      before_looks: null,
      metadata_before: null,
    })
    .where('id', '=', order.rollout)
    .where(sql<boolean>`outcome is not null and outcome ->> 'kind' <> 'promoted'`)
    .returning('attempt')
    .executeTakeFirst();
  if (reopened) return { attempt: reopened.attempt };
  const row = await rolloutOf(db, order.rollout);
  return { attempt: row.attempt, ...(row.outcome && { outcome: row.outcome }) };
}

async function rolloutOf(db: Db, rollout: string) {
  return db.selectFrom('rollout').selectAll().where('id', '=', rollout).executeTakeFirstOrThrow();
}

/** What carries this artifact through another environment at this moment. */
export async function unendedElsewhere(
  db: Db,
  { environment, digest }: { environment: string; digest: Digest },
): Promise<{ id: string; environment: string }[]> {
  return db
    .selectFrom('rollout')
    .select(['id', 'environment'])
    .where('digest', '=', digest)
    .where('environment', '<>', environment)
    .where('outcome', 'is', null)
    .execute();
}

/** Where a roll-out ended, or undefined while it has not (or was never opened). */
export async function rolloutOutcome(db: Db, rollout: string): Promise<RolloutOutcome | undefined> {
  const row = await db.selectFrom('rollout').select('outcome').where('id', '=', rollout).executeTakeFirst();
  return row?.outcome ?? undefined;
}

export async function endRollout(db: Db, rollout: string, outcome: RolloutOutcome): Promise<void> {
  await db
    .updateTable('rollout')
    .set({ outcome: JSON.stringify(outcome), ended_at: new Date() })
    .where('id', '=', rollout)
    .where('outcome', 'is', null)
    .execute();
  if (outcome.kind === 'promoted') return;
  // A wave that began and never came to its gate has its verdict from what stopped it.
  const gate: WaveGate = {
    kind: outcome.kind === 'rolled-back' ? 'fail' : 'inconclusive',
    reasons: outcome.reasons,
    figures: {},
  };
  await db
    .updateTable('rollout_wave')
    .set({ gate: JSON.stringify(gate), ended_at: new Date() })
    .where('rollout', '=', rollout)
    .where('gate', 'is', null)
    .where('begun_at', 'is not', null)
    .execute();
}

export async function keepBaseline(db: Db, rollout: string, baseline: ClientFigures): Promise<void> {
  await db
    .updateTable('rollout')
    .set({ baseline: JSON.stringify(baseline) })
    .where('id', '=', rollout)
    .execute();
}

export async function baselineOf(db: Db, rollout: string): Promise<ClientFigures | undefined> {
  return (await rolloutOf(db, rollout)).baseline ?? undefined;
}

export async function keepTraffic(db: Db, rollout: string, traffic: TrafficAccount): Promise<void> {
  await db
    .updateTable('rollout')
    .set({ traffic: JSON.stringify(traffic) })
    .where('id', '=', rollout)
    .execute();
}

/** Whether a candidate of this digest was promoted in the environment: what the next one may take. */
export async function isVerifiedIn(db: Db, environment: string, digest: Digest): Promise<boolean> {
  const row = await db
    .selectFrom('rollout')
    .select('id')
    .where('environment', '=', environment)
    .where('digest', '=', digest)
    .where(sql<boolean>`outcome ->> 'kind' = 'promoted'`)
    .executeTakeFirst();
  return row !== undefined;
}

export async function openWave(db: Db, rollout: string, n: number, targets: string[]): Promise<void> {
  await db
    .insertInto('rollout_wave')
    .values({ rollout, n, targets: JSON.stringify(targets), begun_at: new Date(), ended_at: null })
    .onConflict((conflict) =>
      conflict.columns(['rollout', 'n']).doUpdateSet({ targets: JSON.stringify(targets), gate: null, ended_at: null }),
    )
    .execute();
}

export async function keepGate(db: Db, rollout: string, n: number, gate: WaveGate): Promise<void> {
  await db
    .updateTable('rollout_wave')
    .set({ gate: JSON.stringify(gate), ended_at: new Date() })
    .where('rollout', '=', rollout)
    .where('n', '=', n)
    .execute();
}
