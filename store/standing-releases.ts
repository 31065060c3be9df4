import { sql } from 'kysely';
import type { Db } from './database.ts';

export type StandingRelease = { id: string; commit: string };

/** The releases of a fork that are released and were not taken back, the newest first, each with its last candidate. */
export async function standingReleases(db: Db, fork: string): Promise<StandingRelease[]> {
  return db
    .selectFrom('release')
    .innerJoin('candidate', 'candidate.release', 'release.id')
    .distinctOn('release.number')
    .select(['release.id', 'candidate.commit'])
    .where('release.fork', '=', fork)
    .where(sql<boolean>`release.outcome ->> 'kind' = 'released'`)
    .orderBy('release.number', 'desc')
    .orderBy('candidate.n', 'desc')
    .execute();
}

/** What a watch made of a roll-out of this release, whose own outcome may not be recorded yet. */
export async function takenBack(
  db: Db,
  release: string,
): Promise<{ kind: 'rolled-back' | 'frozen'; at: string; reasons: string[] } | undefined> {
  const rows = await db
    .selectFrom('rollout')
    .select(['environment', 'outcome'])
    .where('release', '=', release)
    .orderBy('ended_at', 'desc')
    .execute();
  for (const { environment, outcome } of rows) {
    if (outcome?.kind !== 'rolled-back' && outcome?.kind !== 'frozen') continue;
    return { kind: outcome.kind, at: environment, reasons: outcome.reasons };
  }
  return undefined;
}

/** Whether a newer release of the fork has named itself the released one, and was not taken back since. */
export async function newerNamed(db: Db, fork: string, release: string): Promise<boolean> {
  const number = Number(release.slice(fork.length + 1));
  const row = await db
    .selectFrom('release')
    .innerJoin('effect', (join) => join.on('effect.key', '=', sql<string>`release.id || '/released'`))
    .select('release.id')
    .where('release.fork', '=', fork)
    .where('release.number', '>', number)
    .where('effect.state', '=', 'done')
    .where(sql<boolean>`coalesce(release.outcome ->> 'kind', 'released') = 'released'`)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
