import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nameOf, processTree } from '../../activities/sandbox/process-tree.ts';
import { stateOf } from '../../lib/detached.ts';
import { signalProcess, startTimeOf } from '../../lib/process-identity.ts';
import { discoverUnits } from '../../runner/discover.ts';
import { ENV, sampleClasspath } from './sample.ts';
import { openSandboxes, type Sandboxes } from './sandboxes.ts';
import { classes, endOf, GENEROUS, javaSpec, resultsOf, slotRunner } from './slot-world.ts';

const dir = mkdtempSync(join(tmpdir(), 'pw-sample-'));
let classpath: string[] = [];
let sandboxes: Sandboxes;

beforeAll(async () => {
  sandboxes = await openSandboxes();
  classpath = await sampleClasspath(join(dir, 'jars'), { exits: true });
});
afterAll(() => {
  // Every runner has ended by now, and has tidied up; after the one that was killed the next one did.
  expect(sandboxes.open()).toEqual([]);
  rmSync(dir, { recursive: true, force: true });
  sandboxes.remove();
});

test('lists the classes that have tests, and nothing else', async () => {
  const found = await discoverUnits(
    { java: 'java', args: ['-Xmx256m'], classpath, env: ENV, sandbox: sandboxes.sandboxed },
    classpath.filter((file) => file.endsWith('tests.jar')),
  );
  const names = found.map(({ unit }) => unit);
  expect(names).toContain('sample.LegacyTest');
  expect(names).toContain('sample.InheritingTest');
  expect(names).not.toContain('sample.AbstractBaseTest');
  expect(names).not.toContain('sample.HelperNotATest');
  expect(names.filter((name) => name.includes('$'))).toEqual([]);
});

test('every kind of test has an id that does not depend on its name', async () => {
  const slot = slotRunner(sandboxes.sandboxed);
  await slot.start();
  const events = await slot.ended(slot.hand(javaSpec(classpath), classes('PlainTest', 'LegacyTest', 'InheritingTest')));
  expect(resultsOf(events, 'sample.PlainTest').sort()).toEqual([
    'passed sample.PlainTest#hostileNames(java.lang.String)[1]',
    'passed sample.PlainTest#hostileNames(java.lang.String)[2]',
    'passed sample.PlainTest#hostileNames(java.lang.String)[3]',
    'passed sample.PlainTest#hostileNames(java.lang.String)[4]',
    'passed sample.PlainTest#made()[1]',
    'passed sample.PlainTest#made()[2]',
    'passed sample.PlainTest#passes()',
    'passed sample.PlainTest#repeated()[1]',
    'passed sample.PlainTest#repeated()[2]',
    'passed sample.PlainTest$Inner#nested()',
    'skipped sample.PlainTest#assumes()',
    'skipped sample.PlainTest#disabled()',
  ]);
  expect(resultsOf(events, 'sample.LegacyTest')).toEqual([
    'passed sample.LegacyTest#counts()[0]',
    'passed sample.LegacyTest#counts()[1]',
  ]);
  expect(resultsOf(events, 'sample.InheritingTest')).toEqual(['passed sample.InheritingTest#inherited()']);
  // One warm process for all of them.
  expect(events.filter(({ type }) => type === 'process')).toHaveLength(1);
});

test('System.exit in a test loses nothing: it is the failure, what came before counts, what comes after runs', async () => {
  const slot = slotRunner(sandboxes.sandboxed);
  await slot.start();
  const events = await slot.ended(slot.hand(javaSpec(classpath), classes('ExitTest', 'QuickTest')));
  expect(resultsOf(events, 'sample.ExitTest')).toEqual([
    'passed sample.ExitTest#aBefore()',
    'failed sample.ExitTest#bExits()',
    'passed sample.ExitTest#cAfter()',
  ]);
  const end = endOf(events, 'sample.ExitTest');
  expect(end).toMatchObject({ ended: 'crash', complete: true });
  expect(slot.logOf(end?.log ?? '')).toContain('goodbye');
  expect(resultsOf(events, 'sample.QuickTest')).toEqual(['passed sample.QuickTest#isQuick()']);
});

test('a test that hangs is ended with a thread dump in its log, and the rest goes on', async () => {
  const slot = slotRunner(sandboxes.sandboxed);
  await slot.start();
  const [hang, quick] = classes('HangTest', 'QuickTest');
  const items = [{ ...hang!, limits: { ...GENEROUS, methodSeconds: 1 } }, quick!];
  const events = await slot.ended(slot.hand(javaSpec(classpath), items));
  expect(resultsOf(events, 'sample.HangTest')).toEqual([
    'passed sample.HangTest#aBefore()',
    'failed sample.HangTest#bHangs()',
    'passed sample.HangTest#cAfter()',
  ]);
  const end = endOf(events, 'sample.HangTest');
  expect(end).toMatchObject({ ended: 'timeout', complete: true });
  expect(slot.logOf(end?.log ?? '')).toMatch(/at sample\.HangTest\.bHangs/);
  expect(resultsOf(events, 'sample.QuickTest')).toEqual(['passed sample.QuickTest#isQuick()']);
});

test('silence outside of any test fails the class as a whole', async () => {
  const slot = slotRunner(sandboxes.sandboxed);
  await slot.start();
  const [silent] = classes('SilentTest');
  const events = await slot.ended(
    slot.hand(javaSpec(classpath), [{ ...silent!, limits: { ...GENEROUS, silenceSeconds: 1 } }]),
  );
  expect(resultsOf(events, 'sample.SilentTest')).toEqual(['failed sample.SilentTest']);
  expect(endOf(events, 'sample.SilentTest')).toMatchObject({ ended: 'silence', complete: false });
});

test('what a test prints is not an event, what it changes does not reach the next class', async () => {
  const slot = slotRunner(sandboxes.sandboxed);
  await slot.start();
  const events = await slot.ended(slot.hand(javaSpec(classpath), classes('LiarTest', 'TidyTest', 'InitialiserTest')));
  expect(resultsOf(events, 'sample.LiarTest').sort()).toEqual([
    'failed sample.LiarTest#failsReally()',
    'passed sample.LiarTest#lies()',
  ]);
  expect(slot.logOf(endOf(events, 'sample.LiarTest')?.log ?? '')).toContain('no line end');
  expect(resultsOf(events, 'sample.TidyTest')).toEqual(['passed sample.TidyTest#findsNothingLeftBehind()']);
  expect(resultsOf(events, 'sample.InitialiserTest')).toEqual(['failed sample.InitialiserTest']);
});

test('a log keeps its head and its tail, and only where something failed', async () => {
  const slot = slotRunner(sandboxes.sandboxed);
  await slot.start();
  const events = await slot.ended(slot.hand(javaSpec(classpath), classes('LoudTest', 'PlainTest')));
  const log = slot.logOf(endOf(events, 'sample.LoudTest')?.log ?? '');
  expect(log.length).toBeLessThan(600_000);
  expect(log.startsWith('the first line\n')).toBe(true);
  expect(log.trimEnd().endsWith('the last line')).toBe(true);
  expect(log).toMatch(/\[… \d+ bytes were cut here …\]/);
  expect(endOf(events, 'sample.PlainTest')?.log).toBeUndefined();
});

test('one test alone by its unique id, in a process of its own; one that is not there is missing, not failed', async () => {
  const slot = slotRunner(sandboxes.sandboxed);
  await slot.start();
  const uniqueId = (method: string) => `u:[engine:junit-jupiter]/[class:sample.AnswerTest]/[${method}]`;
  const isNot = 'test-template:isNot(int)]/[test-template-invocation:#2';
  const item = { unit: 'sample.AnswerTest', fresh: true, limits: GENEROUS };
  const items = classes(
    { ...item, selector: uniqueId(isNot), test: 'sample.AnswerTest#isNot(int)[2]' },
    { ...item, selector: uniqueId('method:invented()'), test: 'sample.AnswerTest#invented()' },
  );
  const events = await slot.ended(slot.hand(javaSpec(classpath), items));
  expect(resultsOf(events, 'sample.AnswerTest')).toEqual(['passed sample.AnswerTest#isNot(int)[2]']);
  expect(events.filter(({ type }) => type === 'process')).toHaveLength(2);
  expect(events.filter((event) => event.type === 'end').map((event) => event.ended)).toEqual([
    'completed',
    'nothing-executed',
  ]);
});

test.each(['sandboxed', 'bare'] as const)(
  'a runner that is killed goes on where it was; its JVM and what tests left behind die with it (%s)',
  async (kind) => {
    const slot = slotRunner(sandboxes[kind]);
    const first = await slot.start();
    const batch = slot.hand(javaSpec(classpath), classes('LeavesProcessTest', 'SlowTest', 'QuickTest'));
    const before = await slot.until((seen) => seen.filter(({ type }) => type === 'test').length >= 4);
    const jvm = before.find(({ type }) => type === 'process');
    const tree = jvm?.type === 'process' ? processTree(jvm.pid) : [];
    expect(tree.map(nameOf)).toEqual(expect.arrayContaining(['java', 'sleep']));
    signalProcess(first, 'SIGKILL');
    await slot.until(() => stateOf(slot.dir).kind === 'ended' && tree.every((pid) => startTimeOf(pid) === undefined));

    const second = await slot.start();
    expect(second).toMatchObject({ adopted: false });
    const events = await slot.ended(batch);
    const started = events.flatMap((event) => (event.type === 'unit' ? [event.unit] : []));
    expect(started).toEqual(['sample.LeavesProcessTest', 'sample.SlowTest', 'sample.SlowTest', 'sample.QuickTest']);
    // The first execution has no end: it was cut off by us, and is no result.
    expect(events.filter((event) => event.type === 'end').map((event) => event.ended)).toEqual([
      'completed',
      'completed',
      'completed',
    ]);
  },
);

test('a runner that cannot work says so for the batch instead of failing tests', async () => {
  const slot = slotRunner(sandboxes.sandboxed);
  await slot.start();
  const events = await slot.ended(slot.hand(javaSpec(classpath, ['-XX:NoSuchOption']), classes('QuickTest')));
  const end = events.find((event) => event.type === 'batch-end');
  expect(end).toMatchObject({ problem: expect.stringContaining('NoSuchOption') });
  expect(events.filter(({ type }) => type === 'test')).toEqual([]);
});

test('a stop file ends the runner and records nothing of what it cut off', async () => {
  const slot = slotRunner(sandboxes.sandboxed);
  await slot.start();
  slot.hand(javaSpec(classpath), classes('SlowTest'));
  await slot.until((seen) => seen.some(({ type }) => type === 'test'));
  const { writeFileSync } = await import('node:fs');
  writeFileSync(join(slot.dir, 'stop'), '');
  await slot.until(() => stateOf(slot.dir).kind === 'ended');
  expect(slot.events().filter(({ type }) => type === 'end')).toEqual([]);
  expect(slot.events().filter((event) => event.type === 'test' && event.status === 'failed')).toEqual([]);
});
