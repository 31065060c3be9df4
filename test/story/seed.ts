import { sql } from 'kysely';
import { recordBuild } from '../../store/builds.ts';
import type { Db } from '../../store/database.ts';
import {
  beginStep,
  closeRelease,
  endStep,
  keepSettings,
  openRelease,
  recordCandidate,
  recordCandidateBuilds,
  recordCut,
} from '../../store/releases.ts';
import { intendTarget, markChanged, markDone, planTarget } from '../../store/rollout-ledger.ts';
import { endRollout, keepGate, keepTraffic, openRollout, openWave } from '../../store/rollouts.ts';
import type { Build } from '../../workflows/types.ts';

export const BUILD: Build = {
  fork: 'kafka',
  commit: 'c'.repeat(40),
  version: '3.6.2-fork.2.gccccccc',
  digest: 'd'.repeat(64),
  buildKey: 'key-1',
  artifacts: [{ name: 'kafka-clients.jar', sha256: 'e'.repeat(64), bytes: 5_217_024 }],
};

/** A release that was just asked for. */
export async function seedRelease(db: Db): Promise<string> {
  const settings = await keepSettings(db, { forks: {} });
  return openRelease(db, {
    fork: 'kafka',
    ref: 'main',
    requestedBy: 'anna',
    suites: ['fast'],
    environments: ['staging', 'production'],
    settings,
  });
}

export async function seedCut(db: Db, release: string): Promise<void> {
  await beginStep(db, release, 'cut');
  const patch = { author: 'Anna', reason: 'KAFKA-1', upstreamStatus: 'sent', dropWhen: '3.7.0' };
  await recordCut(db, release, {
    baseCommit: 'b'.repeat(40),
    baseVersion: '3.6.2',
    patches: [
      {
        ...patch,
        commit: '1'.repeat(40),
        subject: 'Bound the retry of | a <b>metadata</b> refresh',
        check: 'mvn -q test',
      },
      { ...patch, commit: '2'.repeat(40), subject: 'Say ![which](http://evil.example/x.png) broker' },
    ],
  });
  await recordCandidate(db, {
    release,
    n: 1,
    commit: BUILD.commit,
    version: BUILD.version,
    sandbox: { off: 'no bubblewrap' },
  });
  await endStep(db, release, 'cut');
}

export async function seedBuild(db: Db, release: string): Promise<void> {
  await beginStep(db, release, 'build');
  await recordBuild(db, {
    ...BUILD,
    command: ['mvn', '-q', 'package'],
    toolchain: { jdk: '17.0.9', maven: '3.9.6' },
    seconds: 41.5,
    log: 'f'.repeat(64),
    sandbox: { off: 'no bubblewrap' },
  });
  await recordCandidateBuilds(db, { release, n: 1, buildKey: BUILD.buildKey, baseBuildKey: BUILD.buildKey });
  await endStep(db, release, 'build');
}

/** A roll-out through two targets; `upTo` leaves the second one where it then is. */
export async function seedRollout(
  db: Db,
  release: string,
  environment: string,
  upTo: 'changing' | 'promoted',
): Promise<void> {
  const rollout = `${release}/1/${environment}`;
  await beginStep(db, release, `rollout:${environment}`);
  await openRollout(
    db,
    { rollout, release, candidateNumber: 1, environment, candidate: BUILD, requestedBy: 'anna' },
    'settings',
  );
  const names = ['broker-1', 'broker-2'];
  const from = { artifacts: [], version: '3.6.2', commit: 'b'.repeat(40) };
  const to = {
    artifacts: [{ name: 'kafka-clients.jar', sha256: 'e'.repeat(64) }],
    version: BUILD.version,
    commit: BUILD.commit,
  };
  await openWave(db, rollout, 1, names);
  for (const [position, target] of names.entries()) {
    await planTarget(
      db,
      {
        rollout,
        target,
        key: `${rollout}/${target}`,
        direction: 'forward',
        position,
        from,
        to,
        seen: { state: 'running', pid: 7 },
      },
      { anew: false },
    );
  }
  for (const target of names) {
    const key = { rollout, target, direction: 'forward' as const };
    await intendTarget(db, key, { before: { state: 'running', pid: 7 }, leaders: [] });
    if (upTo === 'changing' && target === 'broker-2') return;
    await markChanged(db, key, { state: 'running', pid: 8 }, { total: 12.5, stop: 3, return: 8 });
    await markDone(db, key, { artifacts: to.artifacts, commit: BUILD.commit });
  }
  await keepGate(db, rollout, 1, { kind: 'pass', figures: { p99Ms: 4 } });
  await keepTraffic(db, rollout, {
    acknowledged: 12_345,
    read: 12_345,
    lost: 0,
    offsetsMovedBack: 0,
    longestUnwritableMs: 87,
    stuckConsumers: 0,
  });
  await endRollout(db, rollout, { kind: 'promoted' });
  await endStep(db, release, `rollout:${environment}`);
}

/** Moves all times of the release's steps, so that the figures of a report are known. */
export async function setTimes(
  db: Db,
  release: string,
  from: string,
  to: string,
  steps: Record<string, [string, string]>,
): Promise<void> {
  await sql`update release set started_at = ${from}, ended_at = ${to} where id = ${release}`.execute(db);
  for (const [step, [began, ended]] of Object.entries(steps)) {
    await sql`update release_step set started_at = ${began}, ended_at = ${ended} where release = ${release} and step = ${step}`.execute(
      db,
    );
  }
}

export { closeRelease };

/** A suite run of two units on two slots: one passed, one failed, was run again on both sides and judged. */
export async function seedSuite(db: Db, release: string): Promise<void> {
  const run = `${release}/1/fast`;
  await beginStep(db, release, 'suite:fast');
  await sql`insert into suite_run (suite_run, release, candidate_number, fork, suite, settings, slots, units, started_at, suite_ended_at)
    values (${run}, ${release}, 1, 'kafka', 'fast', 's', 2, 2, '2026-01-01T00:00:00Z', '2026-01-01T00:00:40Z')`.execute(
    db,
  );
  const executions = [
    {
      exec: 'e1',
      slot: 0,
      phase: 'suite',
      arm: 'candidate',
      unit: 'org.x.ATest',
      from: 0,
      seconds: 40,
      status: 'passed',
    },
    {
      exec: 'e2',
      slot: 1,
      phase: 'suite',
      arm: 'candidate',
      unit: 'org.x.BTest',
      from: 0,
      seconds: 10,
      status: 'failed',
    },
    {
      exec: 'e3',
      slot: 1,
      phase: 'rerun',
      arm: 'candidate',
      unit: 'org.x.BTest',
      from: 40,
      seconds: 2,
      status: 'failed',
    },
    { exec: 'e4', slot: 1, phase: 'rerun', arm: 'base', unit: 'org.x.BTest', from: 42, seconds: 3, status: 'passed' },
  ];
  for (const { exec, slot, phase, arm, unit, from, seconds, status } of executions) {
    const began = new Date(Date.UTC(2026, 0, 1, 0, 0, from));
    await sql`insert into suite_unit (suite_run, unit, selector, estimate, finished) values (${run}, ${unit}, ${unit}, ${seconds}, true)
      on conflict do nothing`.execute(db);
    await sql`insert into suite_execution (suite_run, slot, exec, batch, item, phase, arm, unit, started_at, ended_at, seconds, complete)
      values (${run}, ${slot}, ${exec}, 'b', 0, ${phase}, ${arm}, ${unit}, ${began}, ${new Date(began.getTime() + seconds * 1000)}, ${seconds}, true)`.execute(
      db,
    );
    await sql`insert into test_result (suite_run, slot, exec, seq, test, unique_id, status, seconds)
      values (${run}, ${slot}, ${exec}, 0, 'works', 'works', ${status}, ${seconds})`.execute(db);
  }
  const verdict = {
    ...{
      unit: 'org.x.BTest',
      test: 'works',
      kind: 'regression',
      candidate: { pass: 0, fail: 3 },
      base: { pass: 3, fail: 0 },
    },
    ...{ message: 'expected | 1\nbut was 2', culprit: ['1'.repeat(40)], power: 0.97, evidence: run },
  };
  await sql`insert into suite_failure (suite_run, unit, test, unique_id, cluster, message, seconds, verdict)
    values (${run}, 'org.x.BTest', 'works', 'works', 'c', 'expected', 10, ${JSON.stringify(verdict)}::jsonb)`.execute(
    db,
  );
}
