import { createHash } from 'node:crypto';
import { type ColumnType, type Generated, type JSONColumnType, sql } from 'kysely';
import type { Patch, ReleaseOrder, ReleaseOutcome } from '../workflows/types.ts';
import type { Db } from './database.ts';
import { takenBack } from './standing-releases.ts';

type Time = Generated<Date>;

export interface ReleaseTables {
  settings: { digest: string; document: JSONColumnType<object>; created_at: Time };
  release: {
    id: string;
    fork: string;
    number: number;
    ref: string;
    /** What the reference named when the release was asked for; null where that could not be told. */
    tip: string | null;
    requested_by: string;
    expedite: Generated<boolean>;
    settings: string;
    suites: JSONColumnType<string[]>;
    environments: JSONColumnType<string[]>;
    base_commit: string | null;
    base_version: string | null;
    step: Generated<string>;
    started_at: Time;
    ended_at: Date | null;
    outcome: JSONColumnType<ReleaseOutcome> | null;
  };
  release_patch: {
    release: string;
    position: number;
    commit: string;
    subject: string;
    author: string;
    reason: string;
    upstream_status: string;
    drop_when: string;
    check_command: string | null;
  };
  build: {
    build_key: string;
    fork: string;
    commit: string;
    version: string;
    digest: string;
    command: JSONColumnType<string[]>;
    toolchain: JSONColumnType<Record<string, string>>;
    seconds: number;
    log: string | null;
    sandbox: ColumnType<SandboxUse, string | undefined, string>;
    created_at: Time;
    used_at: Time;
    collected_at: Date | null;
  };
  build_artifact: { build_key: string; name: string; sha256: string; bytes: number };
  candidate: {
    release: string;
    n: number;
    commit: string;
    version: string;
    build_key: string | null;
    base_build_key: string | null;
    sandbox: ColumnType<SandboxUse, string, string>;
    outcome: JSONColumnType<ReleaseOutcome> | null;
  };
  release_step: { release: string; step: string; started_at: Time; ended_at: Date | null };
}

/** Whether the fork's own programs ran in a sandbox, and if not, why not; shown in every report. */
export type SandboxUse = 'on' | { off: string };

/** Keeps a settings document by the digest of its canonical JSON; keeping it again changes nothing. */
export async function keepSettings(db: Db, document: object): Promise<string> {
  const text = JSON.stringify(document);
  const digest = createHash('sha256').update(text).digest('hex');
  await db
    .insertInto('settings')
    .values({ digest, document: text })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return digest;
}

/** @throws when no settings of that digest were ever kept. */
export async function readSettings(db: Db, digest: string): Promise<unknown> {
  const row = await db.selectFrom('settings').select('document').where('digest', '=', digest).executeTakeFirst();
  if (row === undefined) throw new Error(`no settings with digest ${digest} are in the store`);
  return row.document;
}

/**
 * Takes the next number of the fork and records the release, in one statement: two callers at once get
 * two numbers. Returns the id, e.g. `kafka-7`.
 */
export async function openRelease(
  db: Db,
  order: Omit<ReleaseOrder, 'release' | 'expedite'> & { expedite?: boolean; tip?: string; settings: string },
): Promise<string> {
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(hashtext(${`release:${order.fork}`}))`.execute(tx);
    const last = await tx
      .selectFrom('release')
      .select((eb) => eb.fn.max('number').as('number'))
      .where('fork', '=', order.fork)
      .executeTakeFirst();
    const number = Number(last?.number ?? 0) + 1;
    const id = `${order.fork}-${number}`;
    await tx
      .insertInto('release')
      .values({
        id,
        fork: order.fork,
        number,
        ref: order.ref,
        tip: order.tip ?? null,
        requested_by: order.requestedBy,
        expedite: order.expedite ?? false,
        settings: order.settings,
        suites: JSON.stringify(order.suites),
        environments: JSON.stringify(order.environments),
      })
      .execute();
    return id;
  });
}

/** Resolves `latest` and checks that a release exists (of the fork, where one is given); the id to use, or undefined. */
export async function findRelease(db: Db, idOrLatest: string, fork?: string): Promise<string | undefined> {
  const all = db.selectFrom('release').select('id');
  const query = fork === undefined ? all : all.where('fork', '=', fork);
  const row = await (idOrLatest === 'latest'
    ? query.orderBy('started_at', 'desc').limit(1)
    : query.where('id', '=', idOrLatest)
  ).executeTakeFirst();
  return row?.id;
}

/** Records what was cut: the base and the ordered patches. Safe to repeat. */
export async function recordCut(
  db: Db,
  release: string,
  cut: { baseCommit: string; baseVersion: string; patches: Patch[] },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await tx
      .updateTable('release')
      .set({ base_commit: cut.baseCommit, base_version: cut.baseVersion })
      .where('id', '=', release)
      .execute();
    await tx.deleteFrom('release_patch').where('release', '=', release).execute();
    if (cut.patches.length === 0) return;
    await tx
      .insertInto('release_patch')
      .values(
        cut.patches.map((patch, position) => ({
          release,
          position,
          commit: patch.commit,
          subject: patch.subject,
          author: patch.author,
          reason: patch.reason,
          upstream_status: patch.upstreamStatus,
          drop_when: patch.dropWhen,
          check_command: patch.check ?? null,
        })),
      )
      .execute();
  });
}

/** Records a candidate before it is built, so that one that does not compile is in the report too. */
export async function recordCandidate(
  db: Db,
  candidate: { release: string; n: number; commit: string; version: string; sandbox: SandboxUse },
): Promise<void> {
  await db
    .insertInto('candidate')
    .values({ ...candidate, sandbox: JSON.stringify(candidate.sandbox) })
    .onConflict((conflict) => conflict.columns(['release', 'n']).doNothing())
    .execute();
}

/** Names the builds of a candidate's two arms. */
export async function recordCandidateBuilds(
  db: Db,
  { release, n, buildKey, baseBuildKey }: { release: string; n: number; buildKey: string; baseBuildKey: string },
): Promise<void> {
  const ran = await db
    .selectFrom('build')
    .select('sandbox')
    .where('build_key', 'in', [buildKey, baseBuildKey])
    .execute();
  // From now on what really ran, and no longer what was planned.
  const sandbox = ran.map((build) => build.sandbox).find((use) => use !== 'on') ?? 'on';
  await db
    .updateTable('candidate')
    .set({ build_key: buildKey, base_build_key: baseBuildKey, sandbox: JSON.stringify(sandbox) })
    .where('release', '=', release)
    .where('n', '=', n)
    .execute();
}

/** Marks that a step began; the first beginning counts, so that an interrupted step keeps its whole length. */
export async function beginStep(db: Db, release: string, step: string): Promise<void> {
  await db.updateTable('release').set({ step }).where('id', '=', release).execute();
  await db
    .insertInto('release_step')
    .values({ release, step })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function endStep(db: Db, release: string, step: string): Promise<void> {
  await db
    .updateTable('release_step')
    .set({ ended_at: new Date() })
    .where('release', '=', release)
    .where('step', '=', step)
    .where('ended_at', 'is', null)
    .execute();
}

/**
 * Records how a release, and its last candidate, ended; and says what is recorded. The first ending stands. A watch may
 * have taken back a roll-out of it before it closed: it is not released then.
 */
export async function closeRelease(db: Db, release: string, asked: ReleaseOutcome): Promise<ReleaseOutcome> {
  return db.transaction().execute(async (tx) => {
    // Before roll-outs are looked at: a watch that fires from here on waits for this, and overrules what is recorded.
    const row = await tx
      .selectFrom('release')
      .select('outcome')
      .where('id', '=', release)
      .forUpdate()
      .executeTakeFirst();
    if (row?.outcome) return row.outcome;
    const outcome = (asked.kind === 'released' && (await takenBack(tx, release))) || asked;
    const text = JSON.stringify(outcome);
    await tx
      .updateTable('release')
      .set({ outcome: text, ended_at: new Date(), step: 'ended' })
      .where('id', '=', release)
      .where('ended_at', 'is', null)
      .execute();
    const last = await tx
      .selectFrom('candidate')
      .select('n')
      .where('release', '=', release)
      .orderBy('n', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (last !== undefined) await closeCandidate(tx, { release, n: last.n, outcome });
    return outcome;
  });
}

/** Records how one candidate ended. The first ending stands. */
export async function closeCandidate(
  db: Db,
  { release, n, outcome }: { release: string; n: number; outcome: ReleaseOutcome },
): Promise<void> {
  await db
    .updateTable('candidate')
    .set({ outcome: JSON.stringify(outcome) })
    .where('release', '=', release)
    .where('n', '=', n)
    .where('outcome', 'is', null)
    .execute();
}

export type ReleaseSummary = {
  id: string;
  fork: string;
  ref: string;
  requestedBy: string;
  step: string;
  startedAt: Date;
  endedAt: Date | null;
  outcome: ReleaseOutcome | null;
};

/** The newest releases first. */
export async function listReleases(db: Db, { limit = 50, fork }: { limit?: number; fork?: string } = {}) {
  let query = db.selectFrom('release').selectAll().orderBy('started_at', 'desc').limit(limit);
  if (fork !== undefined) query = query.where('fork', '=', fork);
  const rows = await query.execute();
  return rows.map(
    (row): ReleaseSummary => ({
      id: row.id,
      fork: row.fork,
      ref: row.ref,
      requestedBy: row.requested_by,
      step: row.step,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      outcome: row.outcome,
    }),
  );
}

/** The releases of a fork that have not ended, the newest first. */
export async function runningReleases(db: Db, fork: string): Promise<RunningRelease[]> {
  return db
    .selectFrom('release')
    .select(['id', 'ref', 'tip', 'expedite', 'suites'])
    .where('fork', '=', fork)
    .where('ended_at', 'is', null)
    .orderBy('number', 'desc')
    .execute();
}

export type RunningRelease = { id: string; ref: string; tip: string | null; expedite: boolean; suites: string[] };

/** The newest release of a reference, and how it ended. */
export async function releaseOfRef(
  db: Db,
  fork: string,
  ref: string,
): Promise<{ id: string; outcome?: ReleaseOutcome } | undefined> {
  const row = await db
    .selectFrom('release')
    .select(['id', 'outcome'])
    .where('fork', '=', fork)
    .where('ref', '=', ref)
    .orderBy('number', 'desc')
    .executeTakeFirst();
  return row && { id: row.id, ...(row.outcome !== null && { outcome: row.outcome }) };
}
