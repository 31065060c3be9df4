import type { Digest, ReadBack, RolloutOutcome, TrafficAccount } from '../workflows/types.ts';
import type { Db } from './database.ts';
import type { Installed, TargetSeconds, WaveGate } from './rollout-tables.ts';

/** One roll-out as `report --json` shows it (design.md, *Interfaces that hold*); `rolledBack` is added. */
export type RolloutReport = {
  rollout: string;
  environment: string;
  candidateNumber: number;
  attempt: number;
  startedAt: string;
  endedAt?: string;
  outcome?: RolloutOutcome;
  waves: { targets: string[]; why?: string; record?: string; gate?: WaveGate }[];
  targets: TargetReport[];
  rolledBack: TargetReport[];
  traffic?: TrafficAccount;
};

/** `from` and `to` for a person: version and commit where the store knows them, else digests. */
export type TargetReport = {
  name: string;
  from: string;
  to: string;
  state: string;
  readBack?: ReadBack;
  seconds: Partial<TargetSeconds>;
  failure?: string;
};

/** Every roll-out of a release, in the order in which they started. */
export async function rolloutsOf(db: Db, release: string): Promise<RolloutReport[]> {
  const rollouts = await db
    .selectFrom('rollout')
    .selectAll()
    .where('release', '=', release)
    .orderBy('started_at')
    .execute();
  return Promise.all(
    rollouts.map(async (row) => {
      const targets = await db
        .selectFrom('rollout_target')
        .selectAll()
        .where('rollout', '=', row.id)
        .orderBy('position')
        .execute();
      const waves = await db
        .selectFrom('rollout_wave')
        .selectAll()
        .where('rollout', '=', row.id)
        .orderBy('n')
        .execute();
      const of = (direction: string) =>
        targets
          .filter((target) => target.direction === direction)
          .map(
            (target): TargetReport => ({
              name: target.target,
              from: nameBuild(target.from_build),
              to: nameBuild(target.to_build),
              state: target.state,
              seconds: target.seconds ?? {},
              ...(target.read_back && { readBack: target.read_back }),
              ...(target.failure !== null && { failure: target.failure }),
            }),
          );
      return {
        rollout: row.id,
        environment: row.environment,
        candidateNumber: row.candidate_number,
        attempt: row.attempt,
        startedAt: row.started_at.toISOString(),
        ...(row.ended_at && { endedAt: row.ended_at.toISOString() }),
        ...(row.outcome && { outcome: row.outcome }),
        waves: waves.map(({ targets, why, record, gate }) => ({
          targets,
          ...(why !== null && { why }),
          ...(record !== null && { record }),
          ...(gate && { gate }),
        })),
        targets: of('forward'),
        rolledBack: of('back'),
        ...(row.traffic && { traffic: row.traffic }),
      };
    }),
  );
}

/** `3.6.2-fork.4 (abc1234)`, the version alone where it names the commit, or the files' digests. */
export function nameBuild({ version, commit, artifacts }: Installed): string {
  if (version) return commit && !version.includes(commit.slice(0, 7)) ? `${version} (${commit.slice(0, 7)})` : version;
  return artifacts.map(({ name, sha256 }) => `${name} ${sha256.slice(0, 12)}`).join(', ') || 'nothing';
}

/** What runs on a target, as it was last read back. */
export type RunningTarget = Installed & { target: string; rollout?: string; since: string };

export async function whatRuns(db: Db, environment: string): Promise<RunningTarget[]> {
  const rows = await db
    .selectFrom('environment_target')
    .selectAll()
    .where('environment', '=', environment)
    .orderBy('target')
    .execute();
  return rows.map((row) => ({
    target: row.target,
    artifacts: row.artifacts,
    since: row.since.toISOString(),
    ...(row.version !== null && { version: row.version }),
    ...(row.commit !== null && { commit: row.commit }),
    ...(row.rollout !== null && { rollout: row.rollout }),
  }));
}

/** Keeps what was read back from a target: by a roll-out, or by `env up` (without one). */
export async function keepRunning(
  db: Db,
  environment: string,
  target: string,
  runs: Installed & { rollout?: string },
): Promise<void> {
  const values = {
    version: runs.version ?? null,
    commit: runs.commit ?? null,
    artifacts: JSON.stringify(runs.artifacts),
    rollout: runs.rollout ?? null,
    since: new Date(),
  };
  await db
    .insertInto('environment_target')
    .values({ environment, target, ...values })
    .onConflict((conflict) => conflict.columns(['environment', 'target']).doUpdateSet(values))
    .execute();
}

/** The build that made these files, where the store knows one that has them all. */
export async function buildOf(
  db: Db,
  artifacts: readonly { name: string; sha256: Digest }[],
): Promise<{ version: string; commit: string } | undefined> {
  if (artifacts.length === 0) return undefined;
  const rows = await db
    .selectFrom('build_artifact')
    .innerJoin('build', 'build.build_key', 'build_artifact.build_key')
    .select(['build.build_key', 'build.version', 'build.commit', 'build_artifact.name', 'build_artifact.sha256'])
    .where(
      'build_artifact.sha256',
      'in',
      artifacts.map(({ sha256 }) => sha256),
    )
    .orderBy('build.created_at', 'desc')
    .execute();
  const complete = rows.find(({ build_key }) =>
    artifacts.every(({ name, sha256 }) =>
      rows.some((row) => row.build_key === build_key && row.name === name && row.sha256 === sha256),
    ),
  );
  return complete && { version: complete.version, commit: complete.commit };
}

/** The last roll-outs of an environment, newest first. */
export async function recentRollouts(
  db: Db,
  environment: string,
  limit = 10,
): Promise<{ rollout: string; release: string; version: string; outcome?: RolloutOutcome; startedAt: string }[]> {
  const rows = await db
    .selectFrom('rollout')
    .select(['id', 'release', 'version', 'outcome', 'started_at'])
    .where('environment', '=', environment)
    .orderBy('started_at', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    rollout: row.id,
    release: row.release,
    version: row.version,
    startedAt: row.started_at.toISOString(),
    ...(row.outcome && { outcome: row.outcome }),
  }));
}
