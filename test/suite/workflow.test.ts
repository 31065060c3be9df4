import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { BatchOrder, BatchReport } from '../../activities/suite-runner/run-batch.ts';
import { findDetached, stateOf } from '../../lib/detached.ts';
import { suiteFacts } from '../../store/suite-progress.ts';
import { suiteVerdicts } from '../../store/suite-report.ts';
import { suiteId, suiteStateQuery } from '../../workflows/suite-messages.ts';
import { fetchProject, QUICK, writeProject } from './maven-project.ts';
import type { ProductVariant } from './sample.ts';
import { makeBuild, runSuite, SAMPLE_SUITE, startWorld, type World, writeSettings } from './world.ts';

// A time limit only ends a test that hangs: real servers and JVMs share the machine.
vi.setConfig({ testTimeout: 400_000 });

let world: World;

const only = (...names: string[]) => ({ ...SAMPLE_SUITE, include: names.map((name) => `sample.${name}`) });

beforeAll(async () => {
  world = await startWorld();
  const suites = {
    good: only('PlainTest', 'LegacyTest', 'AnswerTest', 'QuickTest', 'TidyTest'),
    mixed: {
      ...only('AnswerTest', 'AlwaysFailsTest', 'RaceTest', 'CoinTest', 'QuickTest', 'ExitTest'),
      jvm: [...SAMPLE_SUITE.jvm, `-Dcoin=${join(world.dataDir, 'coin')}`, `-Drace=${join(world.dataDir, 'race')}`],
    },
    own: only('QuickTest', 'AnswerTest'),
    none: only('NoSuchTest'),
    skipped: only('AbstractBaseTest', 'HelperNotATest'),
    maven: {
      ...{ runner: 'maven', include: ['demo.AppTest', 'core:demo.*NestedTest'], environment: ['PATH', 'HOME'] },
      arguments: [`-DargLine=${QUICK}`],
    },
  };
  world.startWorker(writeSettings(world, suites));
});
afterAll(() => world.stop());

test('a good candidate: every test recorded once, nothing left running', async () => {
  const base = await makeBuild(world, 'base1', {});
  const outcome = await runSuite(world, 'sample-1/1/good', 'good', base, [await makeBuild(world, 'good1', {})]);
  expect(outcome).toMatchObject({
    units: 5,
    tests: { passed: 17, failed: 0, skipped: 2 },
    executions: 5,
    repeated: 0,
    holding: [],
  });
  expect(outcome.problem).toBeUndefined();
  expect(outcome.boundSeconds).toBeGreaterThan(0);
  const folders = findDetached(join(world.dataDir, 'runs'));
  expect(folders.length).toBeGreaterThan(0);
  expect(folders.filter((dir) => stateOf(dir).kind === 'running')).toEqual([]);
  const state = await world.client.workflow.getHandle(suiteId('sample-1/1/good')).query(suiteStateQuery);
  expect(state).toMatchObject({ at: 'culprits', ran: 5, waiting: 0, hosts: [{ slots: 2 }] });
  expect(await suiteFacts(world.db, 'sample-1/1/good')).toMatchObject({ units: 5, done: 5, failures: 0, running: [] });
});

// In a fork without a sandbox, since a coin and a race that are told by counting need files that outlive a process.
test('each failure gets its verdict by counts on both arms, and what a patch broke its patch', async () => {
  const ofBare = async (...args: [string, ProductVariant]) => ({ ...(await makeBuild(world, ...args)), fork: 'bare' });
  const base = await ofBare('base2', {});
  const variants = [{}, {}, { answer: 7 }, { answer: 7, races: true }, { answer: 7, races: true, exits: true }];
  const stack = [];
  for (const [i, variant] of variants.entries()) stack.push(await ofBare(`mixed${i + 1}`, variant));
  // The second prefix does not build: the search goes around it.
  for (const build of stack)
    if (build.commit !== 'mixed2') world.prefixes.set(build.commit, { kind: 'built', build, reused: true });

  const outcome = await runSuite(world, 'sample-2/1/mixed', 'mixed', base, stack);
  const verdicts = await suiteVerdicts(world.db, 'sample-2/1/mixed');
  const of = (test: string) => verdicts.find((verdict) => verdict.test === `sample.${test}`);

  expect(of('AnswerTest#answers()')).toMatchObject({
    kind: 'regression',
    candidate: { pass: 0, fail: 8 },
    base: { pass: 5, fail: 0 },
  });
  expect(of('ExitTest#bExits()')).toMatchObject({ kind: 'regression', culprit: ['mixed5'] });
  expect(of('AlwaysFailsTest#fails()')).toMatchObject({
    kind: 'pre-existing',
    candidate: { pass: 0, fail: 5 },
    base: { pass: 0, fail: 5 },
  });
  expect(of('AlwaysFailsTest#fails()')?.message).not.toContain('ghp_');
  expect(of('CoinTest#lands()')).toMatchObject({ kind: 'flaky', candidate: { fail: 0 }, base: { fail: 0 } });
  const race = of('RaceTest#wins()');
  expect(race).toMatchObject({ kind: 'destabilised', base: { fail: 0 } });
  expect(race?.power).toBeTypeOf('number');
  expect(race!.candidate.fail).toBeGreaterThan(0);
  expect(race!.candidate.pass).toBeGreaterThan(0);
  // Patches 2 and 3: between them nothing can be told apart, since 2 does not build.
  expect(of('AnswerTest#answers()')?.culprit).toEqual(['mixed2', 'mixed3']);
  expect(outcome.holding.map(({ kind }) => kind).sort()).toEqual(['destabilised', 'regression', 'regression']);
  expect(outcome).toMatchObject({ executions: 6, repeated: 0 });
  expect(await world.artifacts.has(of('AnswerTest#answers()')?.evidence ?? '')).toBe(true);
});

test('a test that the base does not have is measured against the prefix that brought it', async () => {
  const base = await makeBuild(world, 'base3', {}, 'QuickTest.java');
  const stack = [
    await makeBuild(world, 'own1', {}, 'QuickTest.java'),
    await makeBuild(world, 'own2', {}, '{QuickTest,AnswerTest}.java'),
    await makeBuild(world, 'own3', {}, '{QuickTest,AnswerTest}.java'),
    await makeBuild(world, 'own4', { answer: 1 }, '{QuickTest,AnswerTest}.java'),
  ];
  for (const build of stack) world.prefixes.set(build.commit, { kind: 'built', build, reused: true });
  const outcome = await runSuite(world, 'sample-3/1/own', 'own', base, stack);
  expect(outcome.holding).toMatchObject([
    { test: 'sample.AnswerTest#answers()', kind: 'regression', culprit: ['own4'], base: { pass: 5, fail: 0 } },
  ]);
  // Each question of the search is one batch: of two slots one is asked.
  const asked = (await batchReports('sample-3/1/own')).filter(({ phase }) => phase === 'culprit');
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter(({ ran }) => ran === 0)).toEqual([]);
});

/** What every slot that was asked for a batch has answered, as the history of the suite has it. */
async function batchReports(suiteRun: string) {
  const { events } = await world.client.workflow.getHandle(suiteId(suiteRun)).fetchHistory();
  const decode = (payloads: { payloads?: { data?: Uint8Array | null }[] | null } | null | undefined): unknown =>
    JSON.parse(Buffer.from(payloads?.payloads?.[0]?.data ?? []).toString());
  const phases = new Map<string, string>();
  return (events ?? []).flatMap(({ eventId, activityTaskScheduledEventAttributes: due, ...event }) => {
    if (due?.activityType?.name === 'runBatch') phases.set(String(eventId), (decode(due.input) as BatchOrder).phase);
    const done = event.activityTaskCompletedEventAttributes;
    const phase = phases.get(String(done?.scheduledEventId));
    return done && phase ? [{ phase, ran: (decode(done.result) as BatchReport).ran }] : [];
  });
}

test('zero executed is not a pass', async () => {
  const base = await makeBuild(world, 'base4', {});
  const none = await runSuite(world, 'sample-4/1/none', 'none', base, [base]);
  expect(none).toMatchObject({ executions: 0, problem: expect.stringContaining('nothing to execute') });
  const skipped = await runSuite(world, 'sample-4/1/skipped', 'skipped', base, [base]);
  expect(skipped.problem).toContain('nothing to execute');
});

test('a Maven project: the classes of its modules are the plan, and their reports the record', async () => {
  fetchProject(join(world.dataDir, 'maven'));
  for (const commit of ['maven-base', 'maven-tip']) writeProject(join(world.dataDir, 'sources', commit));
  const [base, tip] = [await makeBuild(world, 'maven-base', {}), await makeBuild(world, 'maven-tip', {})];
  const outcome = await runSuite(world, 'sample-5/1/maven', 'maven', base, [tip]);
  expect(outcome).toMatchObject({ units: 2, executions: 2, repeated: 0, tests: { passed: 2, failed: 0, skipped: 0 } });
  expect(outcome.problem).toBeUndefined();
  const units = await world.db
    .selectFrom('suite_execution')
    .select(['unit', 'ended', 'complete'])
    .where('suite_run', '=', 'sample-5/1/maven')
    .orderBy('unit')
    .execute();
  expect(units).toEqual([
    { unit: 'app:demo.AppTest', ended: 'completed', complete: true },
    { unit: 'core:demo.OnlyNestedTest', ended: 'completed', complete: true },
  ]);
});
