import type { BakedWave } from '../decisions/finalise.ts';
import type { Digest } from '../workflows/types.ts';
import type { Db } from './database.ts';

export type PromotedRollout = {
  release: string;
  environment: string;
  candidate: { digest: Digest; version: string; commit: string; artifacts: { name: string; sha256: Digest }[] };
  endedAtMs: number;
  waves: BakedWave[];
  /** Of the patches that it carries. */
  authors: string[];
};

/** A roll-out as long as it is promoted: undefined for one that ended otherwise, or was taken back by its watch. */
export async function promotedRollout(db: Db, id: string): Promise<PromotedRollout | undefined> {
  const row = await db.selectFrom('rollout').selectAll().where('id', '=', id).executeTakeFirst();
  if (row?.outcome?.kind !== 'promoted') return undefined;
  const { release, environment, digest, version, commit, artifacts, ended_at } = row;
  const waves = await db.selectFrom('rollout_wave').select(['shape', 'gate']).where('rollout', '=', id).execute();
  const patches = await db.selectFrom('release_patch').select('author').where('release', '=', release).execute();
  return {
    release,
    environment,
    candidate: { digest, version, commit, artifacts },
    endedAtMs: ended_at?.getTime() ?? 0,
    waves: waves.map(({ shape, gate }) => ({ watch: shape?.kind === 'watch', gate: gate?.kind })),
    authors: patches.map(({ author }) => author),
  };
}
