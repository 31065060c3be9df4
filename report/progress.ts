import type { Db } from '../store/database.ts';
import { type SuiteFacts, suiteFacts } from '../store/suite-progress.ts';
import type { ReleaseOutcome } from '../workflows/types.ts';

/** Where a release is: what the terminal's live lines and `release show` tell. */
export type Progress = {
  release: string;
  fork: string;
  ref: string;
  startedAt: string;
  endedAt: string | null;
  outcome: ReleaseOutcome | null;
  /** Every step that the order asks for, in order. */
  steps: StepProgress[];
  /** Of the running step, where there is more to tell than its name. */
  detail: SuiteProgress | RolloutProgress | undefined;
};

export type StepProgress = { step: string; state: 'waiting' | 'running' | 'ended'; seconds: number };

export type SuiteProgress = { kind: 'suite' } & SuiteFacts;

export type RolloutProgress = {
  kind: 'rollout';
  environment: string;
  direction: 'forward' | 'back';
  targets: { name: string; state: 'planned' | 'intent' | 'changed' | 'done' | 'failed' }[];
};

/** Undefined where there is no such release. */
export async function progressOf(db: Db, release: string, now = new Date()): Promise<Progress | undefined> {
  const row = await db.selectFrom('release').selectAll().where('id', '=', release).executeTakeFirst();
  if (row === undefined) return undefined;
  const known = await db
    .selectFrom('release_step')
    .selectAll()
    .where('release', '=', release)
    .orderBy('started_at')
    .execute();
  const planned = plannedSteps(row);
  const names = [...planned, ...known.map(({ step }) => step).filter((step) => !planned.includes(step))];
  return {
    release,
    fork: row.fork,
    ref: row.ref,
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    outcome: row.outcome,
    steps: names.map((step): StepProgress => {
      const run = known.find((one) => one.step === step);
      if (!run) return { step, state: 'waiting', seconds: 0 };
      const seconds = ((run.ended_at ?? row.ended_at ?? now).getTime() - run.started_at.getTime()) / 1000;
      return { step, state: run.ended_at || row.ended_at ? 'ended' : 'running', seconds };
    }),
    detail: row.ended_at ? undefined : await detailOf(db, release, row.step, now),
  };
}

/** As `workflows/release.ts` enters them. */
function plannedSteps({ suites, environments }: { suites: string[]; environments: string[] }): string[] {
  return [
    'cut',
    'build',
    ...suites.map((name) => `suite:${name}`),
    ...environments.map((name) => `rollout:${name}`),
    'finish',
  ];
}

async function detailOf(db: Db, release: string, step: string, now: Date): Promise<Progress['detail']> {
  const [kind, name = ''] = step.split(/:(.*)/s);
  if (kind === 'suite') return suiteProgress(db, release, name, now);
  if (kind === 'rollout') return rolloutProgress(db, release, name);
  return undefined;
}

/** Of the newest candidate. */
async function suiteProgress(db: Db, release: string, suite: string, now: Date): Promise<SuiteProgress | undefined> {
  const run = await db
    .selectFrom('suite_run')
    .select('suite_run')
    .where('release', '=', release)
    .where('suite', '=', suite)
    .orderBy('candidate_number', 'desc')
    .executeTakeFirst();
  const facts = run && (await suiteFacts(db, run.suite_run, now));
  return facts && { kind: 'suite', ...facts };
}

async function rolloutProgress(db: Db, release: string, environment: string): Promise<RolloutProgress | undefined> {
  const rollout = await db
    .selectFrom('rollout')
    .select('id')
    .where('release', '=', release)
    .where('environment', '=', environment)
    .orderBy('candidate_number', 'desc')
    .executeTakeFirst();
  if (!rollout) return undefined;
  const targets = await db
    .selectFrom('rollout_target')
    .select(['target', 'state', 'direction'])
    .where('rollout', '=', rollout.id)
    .orderBy('position')
    .execute();
  // While it is rolled back, that is what happens.
  const direction = targets.some((target) => target.direction === 'back') ? 'back' : 'forward';
  return {
    kind: 'rollout',
    environment,
    direction,
    targets: targets.filter((one) => one.direction === direction).map(({ target, state }) => ({ name: target, state })),
  };
}
