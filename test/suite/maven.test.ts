import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ensureBase } from '../../activities/sandbox/bases.ts';
import { HOME } from '../../activities/sandbox/inside.ts';
import type { Sandbox } from '../../activities/sandbox/types.ts';
import { createMaven } from '../../runner/maven.ts';
import { listMavenUnits } from '../../runner/maven-units.ts';
import type { MavenSpec, TestEnd, UnitEnd, WorkItem } from '../../runner/protocol.ts';
import { fetchProject, QUICK, writeProject } from './maven-project.ts';
import { ENV } from './sample.ts';
import { openSandboxes, type Sandboxes } from './sandboxes.ts';
import { GENEROUS } from './slot-world.ts';

// A time limit only ends a test that hangs: Maven and its JVMs share the machine.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 600_000 });

const dir = mkdtempSync(join(tmpdir(), 'pw-mvn-'));
const BROKEN = { base: 'maven-broken', version: '2', commit: 'd' };
let sandboxes: Sandboxes;
let sandbox: Sandbox;

beforeAll(async () => {
  sandboxes = await openSandboxes();
  fetchProject(dir);
  const cache = { source: join(homedir(), '.m2/repository'), target: join(HOME, '.m2/repository') };
  sandbox = { ...sandboxes.sandboxed, settings: { limits: {}, readOnly: [cache], path: [] } };
  await ensureBase(sandbox, 'maven-demo', async (base) => writeProject(base));
  await ensureBase(sandbox, BROKEN.base, async (base) =>
    writeProject(base, { 'core/src/main/java/demo/Core.java': 'class' }),
  );
});
afterAll(() => {
  expect(sandboxes.open()).toEqual([]);
  sandboxes.remove();
  rmSync(dir, { recursive: true, force: true });
});

type Ran = { results: string[]; messages: string[]; end: Omit<UnitEnd, 'log'> | undefined; output: string };

/** Items through one executor, as a slot does it. */
async function run(units: (string | Partial<WorkItem>)[], given: Partial<MavenSpec> & { demo?: string } = {}) {
  const { demo = '', ...rest } = given;
  const spec: MavenSpec = {
    ...{ kind: 'maven', command: ['mvn'], arguments: [`-DargLine=${QUICK}`], plugin: 'surefire', offline: true },
    ...{ reports: 'target/surefire-reports', env: { ...ENV, MAVEN_OPTS: QUICK, DEMO: demo } },
    arms: { candidate: { base: 'maven-demo', version: '1', commit: 'c' } },
    ...rest,
  };
  const items = units.map((given, item): WorkItem => {
    const one = typeof given === 'string' ? { unit: given } : given;
    return { item, unit: '', arm: 'candidate', selector: '', limits: GENEROUS, ...one };
  });
  const ran = new Map<string, Ran>();
  let commands = 0;
  const executor = createMaven(spec, { sandbox, onProcess: () => (commands += 1), onStray: () => {} });
  const open = ({ unit }: WorkItem) => {
    expect(ran.has(unit), `${unit} is opened once`).toBe(false);
    const one: Ran = { results: [], messages: [], end: undefined, output: '' };
    ran.set(unit, one);
    return {
      test: ({ status, test: id, message = '' }: TestEnd) => {
        one.results.push(`${status} ${id}`);
        one.messages.push(message);
      },
      output: (chunk: Buffer | string) => {
        one.output += String(chunk);
      },
      end: (end: Omit<UnitEnd, 'log'>) => {
        one.end = end;
      },
    };
  };
  try {
    const [first] = items;
    expect(executor.together?.(items)).toBe(items.length);
    if (items.length > 1) await executor.runGroup?.(items, { begins: () => {}, open });
    else if (first) {
      const unit = open(first);
      unit.end(await executor.run(first, { ...unit, begins: () => {} }));
    }
  } finally {
    await executor.close();
  }
  return { of: (unit: string) => ran.get(unit), commands };
}

test('classes of several modules in one command: each has its own results, whatever the plugin makes of them', async () => {
  const units = listMavenUnits(dir, { plugin: 'surefire', sources: ['src/test/java'] });
  expect(units).toEqual(
    [
      'app:demo.AppTest',
      'app:demo.EmptyTest',
      'app:demo.TaggedTest',
      'core:demo.BeforeTest',
      'core:demo.CoreTest',
    ].concat(['core:demo.ExitTest', 'core:demo.HangTest', 'core:demo.OldTest', 'core:demo.OnlyNestedTest']),
  );
  const { of, commands } = await run(units);
  expect(of('core:demo.CoreTest')?.results.sort()).toEqual([
    'failed demo.CoreTest#isSmall(int)[3]',
    // Surefire writes repetitions under one name.
    'passed demo.CoreTest#again()',
    'passed demo.CoreTest#again()~2',
    'passed demo.CoreTest#answers()',
    'passed demo.CoreTest#isSmall(int)[1]',
    'passed demo.CoreTest#isSmall(int)[2]',
    'passed demo.CoreTest$Inner#nested()',
    'skipped demo.CoreTest#not()',
  ]);
  expect(of('core:demo.OldTest')?.results.sort()).toEqual([
    'failed demo.OldTest#counts()[1]',
    'passed demo.OldTest#counts()[0]',
  ]);
  expect(of('core:demo.BeforeTest')).toMatchObject({
    results: ['failed core:demo.BeforeTest'],
    end: { ended: 'completed' },
  });
  expect(of('core:demo.OnlyNestedTest')?.results).toEqual(['passed demo.OnlyNestedTest$Inner#nested()']);
  expect(of('app:demo.AppTest')?.results).toEqual(['passed demo.AppTest#uses()']);
  expect(of('app:demo.TaggedTest')?.results).toEqual(['skipped demo.TaggedTest#never()']);
  // A class that is in the plan and has recorded nothing did not pass.
  expect(of('app:demo.EmptyTest')).toMatchObject({
    results: ['failed app:demo.EmptyTest'],
    end: { ended: 'nothing-executed' },
  });
  // What a class took by itself, without the start of Maven: plans are made of it.
  const seconds = of('core:demo.CoreTest')?.end?.seconds ?? 0;
  expect(seconds).toBeGreaterThan(0);
  // All of them at once, and the empty one by itself.
  expect(commands).toBe(2);
});

test('what does not compile fails each class once, with Maven’s words, and is not asked for again', async () => {
  const { of, commands } = await run(['app:demo.AppTest', 'app:demo.TaggedTest'], { arms: { candidate: BROKEN } });
  for (const unit of ['app:demo.AppTest', 'app:demo.TaggedTest']) {
    expect(of(unit)).toMatchObject({
      results: [`failed ${unit}`],
      end: { ended: 'nothing-executed', complete: false },
    });
    expect(of(unit)?.messages).toEqual([expect.stringMatching(/nothing was executed.*exit code 1/)]);
  }
  expect(commands).toBe(1);
});

test('what is silent before the first sign of a test was compiling: nothing was executed, together and alone', async () => {
  const limits = { ...GENEROUS, silenceSeconds: 1 };
  const command = ['sh', '-c', 'exec sleep 60'];
  const both = ['app:demo.AppTest', 'app:demo.TaggedTest'].map((unit) => ({ unit, limits }));
  const one = { unit: 'core:demo.CoreTest', test: 'demo.CoreTest#answers()', limits };
  for (const units of [both, [one]]) {
    const { of, commands } = await run(units, { command });
    for (const { unit } of units) {
      expect(of(unit)?.end).toMatchObject({ ended: 'nothing-executed', complete: false });
      expect(of(unit)?.messages).toEqual([expect.stringMatching(/before the first test began, silence: no report/)]);
    }
    expect(commands).toBe(1);
  }
});

test('what hangs among others is ended and shown where it hangs; the others have their results', async () => {
  const hangs = { unit: 'core:demo.HangTest', limits: { ...GENEROUS, silenceSeconds: 15 } };
  const { of, commands } = await run([hangs, 'app:demo.AppTest'], { demo: 'hangs' });
  expect(of('core:demo.HangTest')?.end).toMatchObject({ ended: 'silence', complete: false });
  expect(of('core:demo.HangTest')?.messages).toEqual([expect.stringMatching(/^silence: no report and no output/)]);
  expect(of('core:demo.HangTest')?.output).toMatch(/at demo\.HangTest\.hangs/);
  expect(of('app:demo.AppTest')?.results).toEqual(['passed demo.AppTest#uses()']);
  expect(commands).toBe(2);
});

test('Failsafe runs to its verification, one test counts alone, and a JVM that exits is a crash', async () => {
  const failsafe = { plugin: 'failsafe', reports: 'target/failsafe-reports' } as const;
  const whole = await run(['app:demo.AppIT'], failsafe);
  expect(whole.of('app:demo.AppIT')?.results.sort()).toEqual([
    'failed demo.AppIT#fails()',
    'passed demo.AppIT#integrates()',
  ]);
  expect(whole.of('app:demo.AppIT')?.output).toContain(':verify');

  const one = { unit: 'core:demo.OldTest', test: 'demo.OldTest#counts()[1]', fresh: true };
  const alone = await run([one]).catch((error: Error) => error);
  expect(alone).not.toBeInstanceOf(Error);
  if (!(alone instanceof Error))
    expect(alone.of('core:demo.OldTest')?.results).toEqual(['failed demo.OldTest#counts()[1]']);

  const exits = await run(['core:demo.ExitTest'], { demo: 'exits' });
  expect(exits.of('core:demo.ExitTest')).toMatchObject({
    results: [expect.stringContaining('failed core:demo.ExitTest')],
  });
  expect(exits.of('core:demo.ExitTest')?.messages[0]).toMatch(/exit code 1/);
});
