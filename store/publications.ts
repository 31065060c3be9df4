import type { Digest, ReleaseOutcome } from '../workflows/types.ts';
import type { Db } from './database.ts';

/** How a release has ended, as the store has it now; undefined while it runs. */
export async function outcomeOfRelease(db: Db, release: string): Promise<ReleaseOutcome | undefined> {
  const row = await db.selectFrom('release').select('outcome').where('id', '=', release).executeTakeFirst();
  return row?.outcome ?? undefined;
}

/** An artifact of the newest candidate of a release, by its name. */
export async function artifactOfRelease(db: Db, release: string, name: string): Promise<Digest | undefined> {
  const row = await db
    .selectFrom('candidate')
    .innerJoin('build_artifact', 'build_artifact.build_key', 'candidate.build_key')
    .select('sha256')
    .where('release', '=', release)
    .where('name', '=', name)
    .orderBy('n', 'desc')
    .executeTakeFirst();
  return row?.sha256;
}
