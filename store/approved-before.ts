import { sql } from 'kysely';
import type { ApprovedBefore } from '../decisions/approval-difference.ts';
import type { ApprovalKind } from '../workflows/approval-types.ts';
import type { Db } from './database.ts';

/** What people said yes to last of this kind, for this fork; undefined before the first. */
export async function approvedBefore(
  db: Db,
  { kind, fork }: { kind: ApprovalKind; fork: string },
): Promise<ApprovedBefore | undefined> {
  const row = await db
    .selectFrom('approval')
    .innerJoin('release', 'release.id', 'approval.release')
    .select(['approval.id', 'question', 'approval.outcome as outcome', 'approval.ended_at as ended'])
    .select(['base_commit', 'base_version'])
    .where('kind', '=', kind)
    .where('fork', '=', fork)
    .where(sql<boolean>`approval.outcome ->> 'kind' = 'approved'`)
    .orderBy('approval.opened_at', 'desc')
    .executeTakeFirst();
  const outcome = row?.outcome;
  if (!row || outcome?.kind !== 'approved' || row.base_commit === null) return undefined;
  const { version = '', commit = '', reasons = '' } = row.question.binds;
  return {
    ...{ id: row.id, by: outcome.by, at: row.ended?.toISOString() ?? '', version, commit, reasons },
    base: { commit: row.base_commit, version: row.base_version ?? row.base_commit.slice(0, 12) },
  };
}
