import { agentTotals } from '../store/agent-spent.ts';
import { testsByAgents } from '../store/agents.ts';
import { approvalsOf } from '../store/approvals.ts';
import type { Db } from '../store/database.ts';
import { effectsOf } from '../store/journal.ts';
import { rehearsalsOf } from '../store/rehearsals.ts';
import { type RolloutReport, rolloutsOf, type TargetReport } from '../store/rollout-report.ts';
import { threadOf } from '../store/thread.ts';
import type { ReleaseOutcome, RolloutOutcome } from '../workflows/types.ts';
import type { Report, ReportCandidate, ReportOutcome, ReportRollout, ReportTarget } from './report.ts';
import { suitesOf } from './suites.ts';

/**
 * Puts a release's evidence together from the store alone: workflows forget, the store does not.
 * Works at any time of a release's life.
 *
 * @throws when there is no release of that id.
 */
export async function assembleReport(db: Db, release: string, now = new Date()): Promise<Report> {
  const row = await db.selectFrom('release').selectAll().where('id', '=', release).executeTakeFirst();
  if (row === undefined) throw new Error(`there is no release ${release}`);
  const [patches, candidates, effects, thread, seconds] = await Promise.all([
    patchesOf(db, release),
    candidatesOf(db, release),
    effectsOf(db, release),
    threadOf(db, release),
    secondsOf(db, release, { from: row.started_at, to: row.ended_at ?? now }),
  ]);
  return {
    release,
    fork: row.fork,
    base: row.base_version,
    baseCommit: row.base_commit,
    ref: row.ref,
    requestedBy: row.requested_by,
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    outcome: outcomeOf(row.outcome),
    patches,
    candidates,
    effects,
    approvals: await decisionsOf(db, release),
    agent: { ...(await agentTotals(db, release)), tests: await testsByAgents(db, release) },
    thread: thread.map(({ at, text, key, tone }) => ({ at, text, key, tone })),
    seconds,
  };
}

/** One row a question: what was decided and by whom; `waiting` while nobody has. */
async function decisionsOf(db: Db, release: string): Promise<Report['approvals']> {
  return (await approvalsOf(db, { release })).map(({ id, open, outcome }) => ({
    id,
    digest: open.digest,
    decision: outcome?.kind ?? 'waiting',
    by: outcome && 'by' in outcome ? outcome.by.join(', ') : '',
  }));
}

async function patchesOf(db: Db, release: string): Promise<Report['patches']> {
  const rows = await db
    .selectFrom('release_patch')
    .selectAll()
    .where('release', '=', release)
    .orderBy('position')
    .execute();
  return rows.map((row) => ({
    commit: row.commit,
    subject: row.subject,
    author: row.author,
    reason: row.reason,
    upstreamStatus: row.upstream_status,
    dropWhen: row.drop_when,
    ...(row.check_command !== null && { check: row.check_command }),
  }));
}

async function candidatesOf(db: Db, release: string): Promise<ReportCandidate[]> {
  const rows = await db.selectFrom('candidate').selectAll().where('release', '=', release).orderBy('n').execute();
  const rollouts = await rolloutsOf(db, release);
  return Promise.all(
    rows.map(async (row) => ({
      n: row.n,
      commit: row.commit,
      version: row.version,
      sandbox: row.sandbox,
      ...(await buildOf(db, row.build_key)),
      suites: await suitesOf(db, release, row.n),
      rollouts: rollouts.filter(({ candidateNumber }) => candidateNumber === row.n).map(rolloutOf),
      rehearsals: await rehearsalsOf(db, release, row.n),
      outcome: outcomeOf(row.outcome),
    })),
  );
}

async function buildOf(db: Db, key: string | null): Promise<Pick<ReportCandidate, 'digest' | 'artifacts' | 'build'>> {
  const row =
    key === null ? undefined : await db.selectFrom('build').selectAll().where('build_key', '=', key).executeTakeFirst();
  if (row === undefined) return { digest: null, artifacts: [], build: null };
  const artifacts = await db
    .selectFrom('build_artifact')
    .select(['name', 'sha256', 'bytes'])
    .where('build_key', '=', row.build_key)
    .orderBy('name')
    .execute();
  return {
    digest: row.digest,
    artifacts,
    build: { seconds: row.seconds, command: row.command, toolchain: row.toolchain, log: row.log },
  };
}

function rolloutOf(rollout: RolloutReport): ReportRollout {
  return {
    environment: rollout.environment,
    outcome: rollout.outcome?.kind ?? null,
    reasons: outcomeOf(rollout.outcome)?.reasons ?? [],
    startedAt: rollout.startedAt,
    endedAt: rollout.endedAt ?? null,
    waves: rollout.waves.map(({ gate, ...wave }) => ({
      ...wave,
      gate: gate ? { kind: gate.kind, reasons: 'reasons' in gate ? gate.reasons : [], figures: gate.figures } : null,
    })),
    targets: rollout.targets.map(targetOf),
    rolledBack: rollout.rolledBack.map(targetOf),
    traffic: rollout.traffic ?? null,
  };
}

function targetOf({ readBack, seconds, ...target }: TargetReport): ReportTarget {
  const { total, ...parts } = seconds;
  return {
    ...target,
    readBack: readBack ?? null,
    seconds: total ?? sum(Object.values(parts)),
    secondsBy: parts,
  };
}

function outcomeOf(outcome: ReleaseOutcome | RolloutOutcome | null | undefined): ReportOutcome | null {
  if (!outcome) return null;
  return {
    kind: outcome.kind,
    ...('at' in outcome && { at: outcome.at }),
    reasons: 'reasons' in outcome ? outcome.reasons : [],
  };
}

async function secondsOf(db: Db, release: string, whole: { from: Date; to: Date }): Promise<Record<string, number>> {
  const steps = await db
    .selectFrom('release_step')
    .selectAll()
    .where('release', '=', release)
    .orderBy('started_at')
    .execute();
  const seconds: Record<string, number> = {};
  for (const { step, started_at, ended_at } of steps) {
    const end = ended_at ?? whole.to;
    seconds[step] = tenths((end.getTime() - started_at.getTime()) / 1000);
  }
  const other = (whole.to.getTime() - whole.from.getTime()) / 1000 - sum(Object.values(seconds));
  // Steps follow each other; what is left is between them, before the first and after the last.
  return { ...seconds, other: Math.max(0, tenths(other)) };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function tenths(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
