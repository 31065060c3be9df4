import type { Transaction } from 'kysely';
import type { Artifact, Build } from '../workflows/types.ts';
import type { Database, Db } from './database.ts';
import type { SandboxUse } from './releases.ts';

export type BuildRecord = Omit<Build, 'artifacts'> & {
  artifacts: Artifact[];
  command: string[];
  toolchain: Record<string, string>;
  seconds: number;
  log: string;
  sandbox: SandboxUse;
};

/** Records a finished build under its key; the first one wins, unless its bytes were collected since. */
export async function recordBuild(db: Db, build: BuildRecord): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const added = await tx
      .insertInto('build')
      .values({
        build_key: build.buildKey,
        fork: build.fork,
        commit: build.commit,
        version: build.version,
        digest: build.digest,
        command: JSON.stringify(build.command),
        toolchain: JSON.stringify(build.toolchain),
        seconds: build.seconds,
        log: build.log,
        sandbox: JSON.stringify(build.sandbox),
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    if (Number(added.numInsertedOrUpdatedRows ?? 0) === 0 && !(await replaceCollected(tx, build))) return;
    await tx
      .insertInto('build_artifact')
      .values(build.artifacts.map((artifact) => ({ build_key: build.buildKey, ...artifact })))
      .execute();
  });
}

async function replaceCollected(tx: Transaction<Database>, build: BuildRecord): Promise<boolean> {
  const { digest, seconds, log, buildKey } = build;
  const replaced = await tx
    .updateTable('build')
    .set({ digest, seconds, log, used_at: new Date(), collected_at: null })
    .where('build_key', '=', buildKey)
    .where('collected_at', 'is not', null)
    .executeTakeFirst();
  if (Number(replaced.numUpdatedRows) === 0) return false;
  await tx.deleteFrom('build_artifact').where('build_key', '=', buildKey).execute();
  return true;
}

/** As `findBuild`, and from now on its bytes stay as if it had been built today. Undefined where they were collected. */
export async function useBuild(db: Db, buildKey: string): Promise<Build | undefined> {
  const used = await db
    .updateTable('build')
    .set({ used_at: new Date() })
    .where('build_key', '=', buildKey)
    .where('collected_at', 'is', null)
    .executeTakeFirst();
  return Number(used.numUpdatedRows) === 0 ? undefined : findBuild(db, buildKey);
}

/** The build under that key, or undefined when it was never made. */
export async function findBuild(db: Db, buildKey: string): Promise<Build | undefined> {
  const row = await db.selectFrom('build').selectAll().where('build_key', '=', buildKey).executeTakeFirst();
  if (row === undefined) return undefined;
  const artifacts = await db
    .selectFrom('build_artifact')
    .select(['name', 'sha256', 'bytes'])
    .where('build_key', '=', buildKey)
    .orderBy('name')
    .execute();
  return { fork: row.fork, commit: row.commit, version: row.version, digest: row.digest, buildKey, artifacts };
}
