import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { stateOf } from '../../lib/detached.ts';
import { signalProcess } from '../../lib/process-identity.ts';
import { parseEvents } from '../../runner/event-log.ts';
import { claimBatch } from '../../store/suite-batches.ts';
import { suiteFigures } from '../../store/suite-report.ts';
import { type RecordedEvent, recordEvents } from '../../store/suite-results.ts';
import { markEnded, reopenSuiteRun, savePlan } from '../../store/suites.ts';
import { GENEROUS } from './slot-world.ts';
import { makeBuild, SAMPLE_SUITE, startSuite, startWorld, type World, writeSettings } from './world.ts';

// A time limit only ends a test that hangs: real servers and JVMs share the machine.
vi.setConfig({ testTimeout: 400_000 });

let world: World;
let settings: string;

beforeAll(async () => {
  world = await startWorld();
  const include = ['sample.SlowTest', 'sample.QuickTest', 'sample.PlainTest', 'sample.TidyTest'];
  settings = writeSettings(world, { slow: { ...SAMPLE_SUITE, include } });
});
afterAll(() => world.stop());

const slotOf = (suiteRun: string, slot: number) => join(world.dataDir, 'runs', suiteRun, `slot-${slot}`);
const eventsOf = (suiteRun: string, slot: number) =>
  parseEvents(readFileSync(join(slotOf(suiteRun, slot), 'events.jsonl'), 'utf8'));

/** Until the slow class is in the middle of its tests. */
async function inTheMiddle(suiteRun: string): Promise<void> {
  for (;;) {
    const row = await world.db
      .selectFrom('test_result')
      .select('test')
      .where('suite_run', '=', suiteRun)
      .where('test', 'like', 'sample.SlowTest%')
      .limit(1)
      .execute();
    if (row.length > 0) return;
    await sleep(30);
  }
}

test('kill -9 of the worker: the next one adopts the same runner and the same JVM, and no unit runs twice', async () => {
  const suiteRun = 'sample-1/1/slow';
  const worker = world.startWorker(settings, 1);
  const base = await makeBuild(world, 'base', {});
  const handle = await startSuite(world, suiteRun, 'slow', base, [base]);
  await inTheMiddle(suiteRun);
  const before = stateOf(slotOf(suiteRun, 0));
  worker.kill('SIGKILL');
  await sleep(300);
  const successor = world.startWorker(settings, 1);
  const outcome = await handle.result();
  successor.kill('SIGKILL');

  expect(before.kind).toBe('running');
  const runners = eventsOf(suiteRun, 0).flatMap((event) => (event.type === 'runner' ? [event.pid] : []));
  expect(runners).toEqual(before.kind === 'running' ? [before.process.pid] : []);
  expect(eventsOf(suiteRun, 0).filter(({ type }) => type === 'process')).toHaveLength(1);
  expect(outcome).toMatchObject({ units: 4, executions: 4, repeated: 0, tests: { failed: 0 }, holding: [] });
  expect(outcome.problem).toBeUndefined();
});

test('a worker that is told to stop leaves the runner to the next one', async () => {
  const suiteRun = 'sample-3/1/slow';
  const worker = world.startWorker(settings, 1);
  const base = await makeBuild(world, 'base', {});
  const handle = await startSuite(world, suiteRun, 'slow', base, [base]);
  await inTheMiddle(suiteRun);
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGTERM');
  await ended;
  const successor = world.startWorker(settings, 1);
  const outcome = await handle.result();
  successor.kill('SIGKILL');
  expect(eventsOf(suiteRun, 0).filter(({ type }) => type === 'runner')).toHaveLength(1);
  expect(outcome).toMatchObject({ units: 4, executions: 4, repeated: 0, tests: { failed: 0 } });
});

test('a suite that is cancelled ends its runner', async () => {
  const suiteRun = 'sample-4/1/slow';
  const worker = world.startWorker(settings, 1);
  const base = await makeBuild(world, 'base', {});
  const handle = await startSuite(world, suiteRun, 'slow', base, [base]);
  await inTheMiddle(suiteRun);
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
  worker.kill('SIGKILL');
  expect(stateOf(slotOf(suiteRun, 0)).kind).toBe('ended');
});

test('kill -9 of the runner too: only what had not finished runs again', async () => {
  const suiteRun = 'sample-2/1/slow';
  const worker = world.startWorker(settings, 1);
  const base = await makeBuild(world, 'base', {});
  const handle = await startSuite(world, suiteRun, 'slow', base, [base]);
  await inTheMiddle(suiteRun);
  const state = stateOf(slotOf(suiteRun, 0));
  if (state.kind === 'running') signalProcess(state.process, 'SIGKILL');
  const outcome = await handle.result();
  worker.kill('SIGKILL');

  expect(eventsOf(suiteRun, 0).filter(({ type }) => type === 'runner')).toHaveLength(2);
  expect(outcome).toMatchObject({ units: 4, executions: 5, repeated: 0, tests: { failed: 0 }, holding: [] });
  expect(outcome.tests.passed).toBe(20 + 1 + 1 + 10);
});

test('a unit that did run again after it had finished is counted as repeated', async () => {
  const suiteRun = 'sample-1/1/slow';
  const row = await world.db
    .selectFrom('suite_execution')
    .selectAll()
    .where('suite_run', '=', suiteRun)
    .where('unit', '=', 'sample.QuickTest')
    .executeTakeFirstOrThrow();
  const again = { ...row, exec: 'zz.1', started_at: new Date(), ended_at: new Date() };
  await world.db.insertInto('suite_execution').values(again).execute();
  expect(await suiteFigures(world.db, suiteRun)).toMatchObject({ executions: 5, repeated: 1 });
});

test('results are recorded once, however often they are brought, and never under a slot that lost its batch', async () => {
  const suiteRun = 'sample-9/1/store';
  const run = {
    suiteRun,
    release: 'sample-9',
    candidateNumber: 1,
    fork: 'sample',
    suite: 'slow',
    settings: '0',
    slots: 2,
  };
  await savePlan(world.db, { ...run, arms: {} }, [{ unit: 'A', selector: 'c:A', estimate: 1 }]);
  const claim = { limits: GENEROUS, sizeOf: () => 1 };
  const claimant = { suiteRun, phase: 'suite', host: 'h', number: 0 } as const;
  const first = await claimBatch(world.db, { ...claimant, lease: 'one' }, claim);
  // A retry of the same slot gets the same batch under the same lease; another slot gets nothing.
  expect(await claimBatch(world.db, { ...claimant, lease: 'two' }, claim)).toEqual(first);
  expect(await claimBatch(world.db, { ...claimant, number: 1, lease: 'three' }, claim)).toBeUndefined();

  const at = new Date().toISOString();
  const events: RecordedEvent[] = [
    { type: 'unit', at, exec: 'x.1', batch: first?.batch ?? '', lease: 'one', item: 0, unit: 'A', arm: 'candidate' },
    { type: 'test', exec: 'x.1', seq: 1, test: 'A#a()', uniqueId: '""', status: 'passed', seconds: 1 },
    {
      type: 'end',
      at,
      exec: 'x.1',
      batch: first?.batch ?? '',
      lease: 'one',
      item: 0,
      seconds: 1,
      ended: 'completed',
      complete: true,
    },
  ];
  const bring = (slot: number, from: number, to: number) =>
    recordEvents(world.db, { suiteRun, slot, from, to, events });
  expect(await bring(1, 0, 500)).toBe(true);
  expect(await suiteFigures(world.db, suiteRun)).toMatchObject({ executions: 0, tests: { passed: 0 } });
  expect(await Promise.all([bring(0, 0, 500), bring(0, 0, 500)])).toEqual(expect.arrayContaining([true, false]));
  expect(await bring(0, 500, 900)).toBe(true);
  expect(await suiteFigures(world.db, suiteRun)).toMatchObject({ executions: 1, repeated: 0, tests: { passed: 1 } });
});

test('a suite that ended before its time goes on with what had not finished', async () => {
  const suiteRun = 'sample-8/1/store';
  const run = {
    suiteRun,
    release: 'sample-8',
    candidateNumber: 1,
    fork: 'sample',
    suite: 'slow',
    settings: '0',
    slots: 1,
  };
  const units = ['A', 'B'].map((unit) => ({ unit, selector: `c:${unit}`, estimate: 1 }));
  await savePlan(world.db, { ...run, arms: {} }, units);
  const claim = () =>
    claimBatch(
      world.db,
      { suiteRun, phase: 'suite', host: 'h', number: 0, lease: 'l' },
      { limits: GENEROUS, sizeOf: () => 2 },
    );
  const batch = (await claim())?.batch ?? '';
  const at = new Date().toISOString();
  const events: RecordedEvent[] = [
    { type: 'unit', at, exec: 'x.1', batch, lease: 'l', item: 0, unit: 'A', arm: 'candidate' },
    { type: 'end', at, exec: 'x.1', batch, lease: 'l', item: 0, seconds: 1, ended: 'completed', complete: true },
    { type: 'batch-end', at, batch, lease: 'l', problem: 'no java' },
  ];
  await recordEvents(world.db, { suiteRun, slot: 0, from: 0, to: 9, events });
  expect(await claim()).toBeUndefined();
  await markEnded(world.db, suiteRun, 'no java');
  await reopenSuiteRun(world.db, suiteRun);
  expect((await claim())?.items.map(({ unit }) => unit)).toEqual(['B']);
});
