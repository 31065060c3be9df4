import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { hostIdentity } from '../../activities/suite-runner.ts';
import { findDetached, stateOf, stopDetached } from '../../lib/detached.ts';
import { createS3ArtifactStore } from '../../store/artifacts-s3.ts';
import { suiteFigures, suiteVerdicts } from '../../store/suite-report.ts';
import { S3_BUCKET, S3_KEYS, startS3 } from '../servers/s3.ts';
import {
  type HostOptions,
  makeBuild,
  SAMPLE_SUITE,
  startSuite,
  startWorld,
  type World,
  writeSettings,
} from './world.ts';

// A time limit only ends a test that hangs: real servers and JVMs share the machine.
vi.setConfig({ testTimeout: 400_000 });

/** Short for a test, long for a machine under load that is not lost. */
const LOST = { lostAfterSeconds: 8 };

let world: World;
let settings: string;
let shared: { artifacts: { folder: string } };

beforeAll(async () => {
  world = await startWorld();
  const only = (...names: string[]) => ({ ...SAMPLE_SUITE, include: names.map((name) => `sample.${name}`) });
  settings = writeSettings(world, {
    mixed: only('SlowTest', 'PlainTest', 'QuickTest', 'TidyTest', 'WordyFailsTest'),
    slow: only('SlowTest', 'SlowerTest', 'QuickTest', 'TidyTest'),
  });
  shared = { artifacts: { folder: join(world.dataDir, 'artifacts') } };
});
afterAll(() => world.stop());

type Running = ReturnType<World['startWorker']>;
const running = new Map<string, Running>();
afterEach(async () => {
  for (const host of running.keys()) await loseWorker(host);
  // The next test's plan counts the slots that there are: it does not wait until these are taken for lost.
  await world.db.deleteFrom('suite_host').execute();
});

/** A suite worker on a host with a data folder of its own; returns when it has joined. */
async function startHost(host: string, slots = 1, where: Pick<HostOptions, 'artifacts'> = shared): Promise<void> {
  const begun = new Date();
  running.set(host, world.startWorker(settings, slots, { host, ...where, ...LOST }));
  await until(async () => {
    const id = existsSync(join(world.root, host, 'host')) ? hostIdentity(join(world.root, host)) : '';
    const since = sql<boolean>`seen_at > ${begun}`;
    const joined = world.db.selectFrom('suite_host').select('host').where('host', '=', id).where(since);
    return (await joined.execute()).length > 0;
  });
}

async function loseWorker(host: string): Promise<void> {
  const worker = running.get(host);
  running.delete(host);
  if (!worker || worker.exitCode !== null) return;
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGKILL');
  await ended;
}

/** With its machine: the worker, its runners, and what these run. */
async function loseMachine(host: string): Promise<void> {
  await loseWorker(host);
  for (const dir of findDetached(join(world.root, host, 'runs'))) {
    await stopDetached(dir, { signal: 'SIGKILL', graceMs: 10_000 });
  }
}

async function until(fact: () => Promise<boolean>): Promise<void> {
  while (!(await fact())) await sleep(50);
}

async function start(suiteRun: string, suite: string, eventsARun?: number) {
  const base = await makeBuild(world, 'base', {});
  return startSuite(world, suiteRun, suite, base, [base], eventsARun === undefined ? {} : { eventsARun });
}

/** Which host ran what, as the store has it. */
async function executions(suiteRun: string) {
  return world.db
    .selectFrom('suite_execution as e')
    .innerJoin('suite_slot as s', (join) =>
      join.onRef('s.suite_run', '=', 'e.suite_run').onRef('s.slot', '=', 'e.slot'),
    )
    .select(['e.unit', 'e.exec', 'e.phase', 'e.ended_at', 's.host'])
    .where('e.suite_run', '=', suiteRun)
    .execute();
}

const idOf = (host: string) => hostIdentity(join(world.root, host));

/** The host that is in the middle of a class, once it is: a test of it is recorded, its end is not. */
async function whoRuns(suiteRun: string, unit: string): Promise<string> {
  let found: string | undefined;
  await until(async () => {
    const rows = await world.db
      .selectFrom('test_result as r')
      .innerJoin('suite_slot as s', (join) =>
        join.onRef('s.suite_run', '=', 'r.suite_run').onRef('s.slot', '=', 'r.slot'),
      )
      .select('s.host')
      .where('r.suite_run', '=', suiteRun)
      .where('r.test', 'like', `${unit}%`)
      .limit(1)
      .execute();
    found = [...running.keys()].find((host) => idOf(host) === rows[0]?.host);
    return found !== undefined;
  });
  return found ?? '';
}

test('two hosts share a suite, each from jars that came by the artifact store; evidence is there for both', async () => {
  const suiteRun = 'hosts-1/1/mixed';
  await startHost('a');
  await startHost('b');
  const outcome = await (await start(suiteRun, 'mixed')).result();
  expect(outcome).toMatchObject({ units: 5, slots: 2, executions: 5, repeated: 0 });
  expect(outcome.problem).toBeUndefined();
  const suiteRuns = (await executions(suiteRun)).filter(({ phase }) => phase === 'suite');
  expect(new Set(suiteRuns.map(({ host }) => host))).toEqual(new Set([idOf('a'), idOf('b')]));
  const [verdict] = await suiteVerdicts(world.db, suiteRun);
  expect(verdict).toMatchObject({ kind: 'pre-existing' });
  expect((await world.artifacts.read(verdict?.evidence ?? '')).toString()).toContain('looking for a name server');
  const alive = ['a', 'b']
    .flatMap((host) => findDetached(join(world.root, host, 'runs')))
    .filter((dir) => stateOf(dir).kind === 'running');
  expect(alive).toEqual([]);
});

test('the same where jars, logs and evidence travel through a bucket', async () => {
  const suiteRun = 'hosts-6/1/mixed';
  const server = await startS3();
  onTestFinished(() => server.stop());
  const store = createS3ArtifactStore(server.place(join(world.root, 'incoming'), 'team/'));
  const artifacts = bucketSettings(server.endpoint);
  await startHost('c', 1, { artifacts });
  await startHost('d', 1, { artifacts });
  const base = await makeBuild({ artifacts: store, dataDir: join(world.root, 'made') }, 'base', {});
  const outcome = await (await startSuite(world, suiteRun, 'mixed', base, [base])).result();
  expect(outcome).toMatchObject({ units: 5, slots: 2, executions: 5, repeated: 0 });
  expect(outcome.problem).toBeUndefined();
  const hosts = (await executions(suiteRun)).filter(({ phase }) => phase === 'suite').map(({ host }) => host);
  expect(new Set(hosts)).toEqual(new Set([idOf('c'), idOf('d')]));
  const [verdict] = await suiteVerdicts(world.db, suiteRun);
  expect((await store.read(verdict?.evidence ?? '')).toString()).toContain('looking for a name server');
});

/** The bucket as a configuration names it, its keys by reference. */
function bucketSettings(endpoint: string) {
  const reference = (name: keyof typeof S3_KEYS) => {
    const file = join(world.root, name);
    writeFileSync(file, S3_KEYS[name], { mode: 0o600 });
    return { file };
  };
  const keys = { accessKeyId: reference('accessKeyId'), secretAccessKey: reference('secretAccessKey') };
  return { s3: { bucket: S3_BUCKET, region: 'us-east-1', prefix: 'team/', endpoint, ...keys } };
}

test('a host that joins in the middle takes its part', async () => {
  const suiteRun = 'hosts-2/1/slow';
  await startHost('a');
  const handle = await start(suiteRun, 'slow');
  await whoRuns(suiteRun, 'sample.Slow');
  await startHost('b');
  const outcome = await handle.result();
  expect(outcome).toMatchObject({ units: 4, slots: 2, executions: 4, repeated: 0, tests: { failed: 0 } });
  expect((await executions(suiteRun)).filter(({ host }) => host === idOf('b')).length).toBeGreaterThan(0);
});

test('a host that is lost with its machine: what it had not finished runs elsewhere, what had finished does not', async () => {
  const suiteRun = 'hosts-3/1/slow';
  await startHost('a');
  await startHost('b');
  const handle = await start(suiteRun, 'slow');
  const lost = await whoRuns(suiteRun, 'sample.SlowerTest');
  await loseMachine(lost);
  const outcome = await handle.result();
  expect(outcome).toMatchObject({ units: 4, executions: 5, repeated: 0, tests: { failed: 0 }, holding: [] });
  expect(outcome.problem).toBeUndefined();
  const slower = (await executions(suiteRun)).filter(({ unit }) => unit === 'sample.SlowerTest');
  expect(slower.map(({ host, ended_at }) => [host === idOf(lost), ended_at !== null]).sort()).toEqual([
    [false, true],
    [true, false],
  ]);
});

test('a host that comes back late records nothing under its old lease, and works again', async () => {
  const suiteRun = 'hosts-4/1/slow';
  await startHost('a');
  await startHost('b');
  const handle = await start(suiteRun, 'slow');
  const lost = await whoRuns(suiteRun, 'sample.SlowerTest');
  const other = lost === 'a' ? 'b' : 'a';
  // Its runner works on and finishes the class.
  await loseWorker(lost);
  await until(async () => {
    const rows = await executions(suiteRun);
    return rows.some(({ unit, host }) => unit === 'sample.SlowerTest' && host === idOf(other));
  });
  await startHost(lost);
  const outcome = await handle.result();
  expect(outcome).toMatchObject({ units: 4, repeated: 0, tests: { failed: 0 }, holding: [] });
  const slower = (await executions(suiteRun)).filter(({ unit }) => unit === 'sample.SlowerTest');
  expect(slower.filter(({ ended_at }) => ended_at !== null).map(({ host }) => host)).toEqual([idOf(other)]);
  expect(await suiteFigures(world.db, suiteRun)).toMatchObject({ unitsFinished: 4, repeated: 0 });
});

test('a history that has grown too long begins anew: the same runners go on, nothing runs twice', async () => {
  const suiteRun = 'hosts-5/1/mixed';
  await startHost('a', 2);
  const handle = await start(suiteRun, 'mixed', 15);
  const outcome = await handle.result();
  expect(outcome).toMatchObject({ units: 5, executions: 5, repeated: 0 });
  expect(outcome.problem).toBeUndefined();
  expect((await suiteVerdicts(world.db, suiteRun)).map(({ kind }) => kind)).toEqual(['pre-existing']);
  const last = await world.client.workflow.getHandle(`suite:${suiteRun}`).describe();
  expect(last.runId).not.toBe(handle.firstExecutionRunId);
  expect(last.historyLength).toBeLessThan(15 + 60);
});

test('one that is too long before a batch could end is left once one has, and not before', async () => {
  const suiteRun = 'hosts-6/1/slow';
  await startHost('a', 2);
  const handle = await start(suiteRun, 'slow', 3);
  const outcome = await handle.result();
  expect(outcome).toMatchObject({ units: 4, executions: 4, repeated: 0 });
  expect(outcome.problem).toBeUndefined();
  const last = await world.client.workflow.getHandle(`suite:${suiteRun}`).describe();
  expect(last.runId).not.toBe(handle.firstExecutionRunId);
});
