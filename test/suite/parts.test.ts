import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { suitesOf } from '../../report/suites.ts';
import { discoverMethods } from '../../runner/discover.ts';
import { methodHistory, unitHistory } from '../../store/suite-history.ts';
import { suiteVerdicts } from '../../store/suite-report.ts';
import { ENV, sampleClasspath } from './sample.ts';
import { openSandboxes, type Sandboxes } from './sandboxes.ts';
import { classes, javaSpec, resultsOf, slotRunner } from './slot-world.ts';
import { makeBuild, runSuite, SAMPLE_SUITE, startWorld, type World, writeSettings } from './world.ts';

// A time limit only ends a test that hangs: real servers and JVMs share the machine.
vi.setConfig({ testTimeout: 400_000 });

const PARTS = 'sample.PartsTest';

describe('parts of a class', () => {
  const dir = mkdtempSync(join(tmpdir(), 'pw-parts-'));
  let sandboxes: Sandboxes;
  beforeAll(async () => {
    sandboxes = await openSandboxes();
  });
  afterAll(() => {
    sandboxes.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  test('together run what the class runs, each test once, under the same ids', async () => {
    const classpath = await sampleClasspath(join(dir, 'jars'));
    const names = ['sample.PlainTest', 'sample.LegacyTest', 'sample.InheritingTest'];
    const options = { java: 'java', args: ['-Xmx256m'], classpath, env: ENV, sandbox: sandboxes.sandboxed };
    const found = await discoverMethods(options, [...names, 'sample.OrderedTest', 'sample.NoSuchTest']);
    expect(found.get('sample.OrderedTest')).toMatchObject({ whole: '@TestMethodOrder' });
    expect(found.get('sample.NoSuchTest')).toMatchObject({ methods: [] });
    expect(found.get('sample.PlainTest')?.methods).toContain('sample.PlainTest$Inner#nested()');

    const items = names.flatMap((unit) => {
      const methods = (found.get(unit)?.methods ?? []).map((id) =>
        id.startsWith(`${unit}#`) ? id.slice(unit.length + 1) : id,
      );
      // All but the last two by name: those are for the rest to find.
      const named = methods.slice(0, -2).map((name) => ({ unit: `${unit}#${name}`, selector: `s:${unit};${name}` }));
      const rest = {
        unit: `${unit}#rest`,
        selector: ['x:', unit, ...methods.slice(0, -2).map((name) => `;${name}`)].join(''),
      };
      return [{ unit, selector: `c:${unit}` }, ...named, rest];
    });
    const slot = slotRunner(sandboxes.sandboxed);
    await slot.start();
    items.push({ unit: 'sample.SlowArgumentsTest', selector: 'c:sample.SlowArgumentsTest' });
    const events = await slot.ended(slot.hand(javaSpec(classpath), classes(...items)));
    // What a method did before its invocations is its own time, not its class's: a part pays it with the method.
    const [first, second] = events.filter((event) => event.type === 'test' && event.test.includes('#isQuick'));
    expect(first).toMatchObject({ test: 'sample.SlowArgumentsTest#isQuick(int)[1]' });
    expect((first as { seconds: number }).seconds).toBeGreaterThan(0.5);
    expect(second).toMatchObject({ test: 'sample.SlowArgumentsTest#isQuick(int)[2]' });
    for (const name of names) {
      const parts = items.map(({ unit }) => unit).filter((unit) => unit.startsWith(`${name}#`));
      const whole = resultsOf(events, name).sort();
      expect(whole.length).toBeGreaterThan(0);
      expect(parts.flatMap((part) => resultsOf(events, part)).sort()).toEqual(whole);
    }
  });
});

describe('a suite with a long class', () => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld();
    const only = (...include: string[]) => ({ ...SAMPLE_SUITE, include, reruns: { perArm: 3 } });
    world.startWorker(
      writeSettings(world, {
        parts: {
          ...only(PARTS, 'sample.AnswerTest'),
          quarantine: [
            { test: `${PARTS}#answers`, ticket: 'OPS-1', until: '2999-12-31' },
            { test: 'sample.AnswerTest', ticket: 'OPS-2', until: '2020-01-01' },
          ],
        },
        some: { ...only(PARTS), exclude: [`${PARTS}#long2`, `${PARTS}#counted(int)`] },
        kept: { ...only(PARTS), whole: [PARTS] },
        divided: only(PARTS),
      }),
    );
    // As a first run leaves it, with the times that the class was written for.
    const methods = { 'long1()': 0.9, 'long2()': 0.7, 'counted(int)': 0.2, 'answers()': 0 };
    await sql`insert into unit_history (fork, unit, seconds, overhead, runs) values ('sample', ${PARTS}, 1.85, 0.05, 1)`.execute(
      world.db,
    );
    for (const [name, seconds] of Object.entries(methods)) {
      await sql`insert into method_history (fork, unit, method, seconds, runs, failures, failure_rate)
        values ('sample', ${PARTS}, ${`${PARTS}#${name}`}, ${seconds}, 1, 0, 0)`.execute(world.db);
    }
  });
  afterAll(() => world.stop());

  const unitsOf = async (suiteRun: string) =>
    (
      await world.db.selectFrom('suite_unit').select('unit').where('suite_run', '=', suiteRun).orderBy('unit').execute()
    ).map(({ unit }) => unit);

  test('is divided, counted as ever, judged and learned from; what is in quarantine does not gate while it holds', async () => {
    const base = await makeBuild(world, 'base', {});
    const outcome = await runSuite(world, 'sample-1/1/parts', 'parts', base, [
      await makeBuild(world, 'bad', { answer: 7 }),
    ]);
    expect(await unitsOf('sample-1/1/parts')).toEqual([
      'sample.AnswerTest',
      `${PARTS}#long1()`,
      `${PARTS}#long2()`,
      `${PARTS}#rest`,
    ]);
    expect(outcome).toMatchObject({
      units: 4,
      executions: 4,
      repeated: 0,
      tests: { passed: 6, failed: 2, skipped: 0 },
    });
    expect(outcome.problem).toBeUndefined();
    expect(outcome.holding).toMatchObject([
      { test: 'sample.AnswerTest#answers()', kind: 'regression', quarantine: { ticket: 'OPS-2', expired: true } },
    ]);
    expect(outcome.quarantined).toBe(1);
    const verdicts = await suiteVerdicts(world.db, 'sample-1/1/parts');
    expect(verdicts.find(({ unit }) => unit === PARTS)).toMatchObject({
      test: `${PARTS}#answers()`,
      kind: 'regression',
      candidate: { pass: 0 },
      base: { fail: 0 },
      quarantine: { ticket: 'OPS-1', until: '2999-12-31' },
    });
    const [report] = await suitesOf(world.db, 'sample-1', 1);
    expect(report?.efficiency).toBeGreaterThan(0);

    const past = await unitHistory(world.db, 'sample');
    expect([...past.keys()].sort()).toEqual(['sample.AnswerTest', PARTS]);
    const methods = await methodHistory(world.db, 'sample', [PARTS, 'sample.AnswerTest']);
    expect(methods.find(({ method }) => method === `${PARTS}#long1()`)).toMatchObject({ runs: 2, failureRate: 0 });
    expect(methods.find(({ method }) => method === `${PARTS}#answers()`)).toMatchObject({ runs: 2, failureRate: 0.5 });
    expect(methods.find(({ method }) => method === 'sample.AnswerTest#answers()')?.failureRate).toBe(1);
  });

  test('leaves out methods by name, and stays whole where the configuration says so', async () => {
    const base = await makeBuild(world, 'base', {});
    const some = await runSuite(world, 'sample-2/1/some', 'some', base, [base]);
    expect(some.tests).toEqual({ passed: 2, failed: 0, skipped: 0 });
    const kept = await runSuite(world, 'sample-2/1/kept', 'kept', base, [base]);
    expect(kept).toMatchObject({ units: 1, tests: { passed: 5, failed: 0, skipped: 0 } });
  });

  test('what befalls the class as a whole in each of its parts is one failure', async () => {
    const base = await makeBuild(world, 'base', {});
    const outcome = await runSuite(world, 'sample-3/1/divided', 'divided', base, [
      await makeBuild(world, 'none', { answer: 13 }),
    ]);
    expect(outcome.units).toBe(3);
    expect(outcome.tests.failed).toBe(1);
    expect(outcome.holding).toMatchObject([{ unit: PARTS, test: PARTS, kind: 'regression', base: { fail: 0 } }]);
  });
});
