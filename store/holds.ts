import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { PastRollout } from '../decisions/artifact-hold.ts';
import type { Digest } from '../workflows/types.ts';
import { appendAudit } from './audit.ts';
import type { Db } from './database.ts';

/** Every roll-out of this artifact that ended, anywhere, with who lifted the hold since (G5). */
export async function pastRolloutsOf(db: Db, digest: Digest): Promise<PastRollout[]> {
  const rows = await db
    .selectFrom('rollout')
    .select(['environment', 'digest', 'outcome', 'ended_at'])
    .where('digest', '=', digest)
    .where('outcome', 'is not', null)
    .execute();
  const lifted = await db
    .selectFrom('artifact_unhold')
    .selectAll()
    .where('digest', '=', digest)
    .orderBy('at')
    .execute();
  return rows.map(({ environment, outcome, ended_at }) => {
    const unheld = lifted.findLast((one) => one.environment === environment);
    return {
      environment,
      digest,
      outcome: outcome!.kind,
      reasons: 'reasons' in outcome! ? outcome!.reasons : [],
      endedAtMs: ended_at?.getTime() ?? 0,
      ...(unheld && { unheld: { by: unheld.by, atMs: unheld.at.getTime() } }),
    };
  });
}

/** Artifacts that were rolled back or froze anywhere, the last ones first: each may be held, or let go since. */
export async function stoppedDigests(db: Db, limit: number): Promise<Digest[]> {
  const rows = await db
    .selectFrom('rollout')
    .select('digest')
    .where(sql<boolean>`outcome ->> 'kind' in ('rolled-back', 'frozen')`)
    .groupBy('digest')
    .orderBy((eb) => eb.fn.max('ended_at'), 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ digest }) => digest);
}

/** One person's word that an artifact may be rolled out again which was rolled back or frozen in an environment. */
export type Lifting = { digest: Digest; environment: string; by: string; reason: string };

/**
 * Keeps such a word in the audit, and lifts the hold where so many people have said so since the artifact last failed
 * there, each within `expiresHours`. Whoever may no longer decide does not count.
 *
 * @param policy.deciders those who may say so now.
 * @returns who has, and whether that is enough.
 */
export async function liftHold(
  db: Db,
  { digest, environment, by, reason }: Lifting,
  policy: { needed: number; expiresHours: number; deciders: readonly string[] },
): Promise<{ by: string[]; lifted: boolean }> {
  return db.transaction().execute(async (tx) => {
    await appendAudit(tx, { key: randomUUID(), kind: 'unhold', about: environment, by, entry: { digest, reason } });
    const last = await tx
      .selectFrom('rollout')
      .select((eb) => eb.fn.max('ended_at').as('at'))
      .where('digest', '=', digest)
      .where('environment', '=', environment)
      .executeTakeFirst();
    const since = Math.max(last?.at?.getTime() ?? 0, Date.now() - policy.expiresHours * 3_600_000);
    const said = await tx
      .selectFrom('audit')
      .select('by')
      .distinct()
      .where('kind', '=', 'unhold')
      .where('about', '=', environment)
      .where(sql<boolean>`entry ->> 'digest' = ${digest}`)
      .where(sql<boolean>`at::timestamptz >= ${new Date(since)}`)
      .orderBy('by')
      .execute();
    const people = said.map((one) => one.by).filter((person) => policy.deciders.includes(person));
    const lifted = people.length >= policy.needed;
    if (lifted)
      await tx
        .insertInto('artifact_unhold')
        .values({ digest, environment, by: people.join(', '), reason })
        .execute();
    return { by: people, lifted };
  });
}

/** Digests of this environment's roll-outs that begin so. */
export async function digestsLike(db: Db, environment: string, prefix: string): Promise<string[]> {
  const rows = await db
    .selectFrom('rollout')
    .select('digest')
    .distinct()
    .where('environment', '=', environment)
    .where(sql<boolean>`digest like ${`${prefix}%`}`)
    .execute();
  return rows.map(({ digest }) => digest);
}
