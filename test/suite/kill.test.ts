import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { stateOf } from '../../lib/detached.ts';
import { signalProcess } from '../../lib/process-identity.ts';
import { parseEvents } from '../../runner/event-log.ts';
import { suiteFigures } from '../../store/suite-report.ts';
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
