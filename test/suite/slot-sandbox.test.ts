import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sampleClasspath } from './sample.ts';
import { openSandboxes, type Sandboxes } from './sandboxes.ts';
import { classes, endOf, javaSpec, resultsOf, slotRunner } from './slot-world.ts';

/** What tests in warm JVMs can do to us, and what they need of us. */
const dir = mkdtempSync(join(tmpdir(), 'pw-inside-'));
let classpath: string[] = [];
let sandboxes: Sandboxes;

beforeAll(async () => {
  sandboxes = await openSandboxes();
  classpath = await sampleClasspath(join(dir, 'jars'), {});
});
afterAll(() => {
  // Every runner has ended by now, and has tidied up.
  expect(sandboxes.open()).toEqual([]);
  rmSync(dir, { recursive: true, force: true });
  sandboxes.remove();
});

async function runAll(names: string[], sandbox = sandboxes.sandboxed) {
  const slot = slotRunner(sandbox);
  await slot.start();
  const events = await slot.ended(slot.hand(javaSpec(classpath), classes(...names)));
  return { events, logOf: (unit: string) => slot.logOf(endOf(events, unit)?.log ?? '') };
}

test('a test has its own loopback, a folder to write in, and nothing else of this machine', async () => {
  const { events } = await runAll(['InsideTest']);
  expect(
    events.flatMap((event) => (event.type === 'test' && event.status === 'failed' ? [event.message] : [])),
  ).toEqual([]);
  expect(resultsOf(events, 'sample.InsideTest').sort()).toEqual([
    'passed sample.InsideTest#isNobodyAndSeesNobody()',
    'passed sample.InsideTest#reachesItsOwnServers()',
    'passed sample.InsideTest#reachesNobodyElse()',
    'passed sample.InsideTest#writesInItsOwnFolderAlone()',
  ]);
});

test.each(['sandboxed', 'bare'] as const)(
  'what HotSpot says about a crash is in the log of the test (%s)',
  async (kind) => {
    const { events, logOf } = await runAll(['CrashesTest', 'QuickTest'], sandboxes[kind]);
    expect(resultsOf(events, 'sample.CrashesTest')).toEqual(['failed sample.CrashesTest#writesToNowhere()']);
    expect(endOf(events, 'sample.CrashesTest')).toMatchObject({
      ended: 'crash',
      detail: expect.stringContaining('134'),
    });
    expect(logOf('sample.CrashesTest')).toMatch(/A fatal error has been detected by the Java Runtime Environment/);
    expect(resultsOf(events, 'sample.QuickTest')).toEqual(['passed sample.QuickTest#isQuick()']);
  },
);

test.each(['sandboxed', 'bare'] as const)(
  'too much memory fails the test that took it, as a limit, and the batch goes on (%s)',
  async (kind) => {
    const { events } = await runAll(['HungryTest', 'QuickTest'], sandboxes.limited(kind, { memoryMb: 300 }));
    expect(resultsOf(events, 'sample.HungryTest')).toEqual(['failed sample.HungryTest#eats()']);
    const end = endOf(events, 'sample.HungryTest');
    expect(end).toMatchObject({
      ended: 'limit',
      complete: true,
      detail: expect.stringMatching(/^it used \d+ MB of 300 MB/),
    });
    expect(resultsOf(events, 'sample.QuickTest')).toEqual(['passed sample.QuickTest#isQuick()']);
  },
);

test('too much output ends the class that printed it and not the next one', async () => {
  const { events } = await runAll(['LoudTest', 'QuickTest'], sandboxes.limited('sandboxed', { outputMb: 1 }));
  expect(endOf(events, 'sample.LoudTest')).toMatchObject({ ended: 'limit' });
  expect(resultsOf(events, 'sample.QuickTest')).toEqual(['passed sample.QuickTest#isQuick()']);
});
