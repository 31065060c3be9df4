import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ensureBase } from '../../activities/sandbox/bases.ts';
import { ENV, hostileClasspath } from './sample.ts';
import { openSandboxes, type Sandboxes } from './sandboxes.ts';
import { classes, endOf, GENEROUS, javaSpec, resultsOf, slotRunner } from './slot-world.ts';

// A time limit only ends a test that hangs: real JVMs share the machine.
vi.setConfig({ testTimeout: 400_000 });

/** What tests may do to whoever runs them: each is its own failure, or nobody's, and the rest of the batch goes on. */
const dir = mkdtempSync(join(tmpdir(), 'pw-hostile-'));
// A number of seconds that nothing else sleeps for.
const marker = `9${process.pid}${Date.now() % 1_000}`;
let jars: Awaited<ReturnType<typeof hostileClasspath>>;
let sandboxes: Sandboxes;

beforeAll(async () => {
  sandboxes = await openSandboxes();
  jars = await hostileClasspath(join(dir, 'jars'));
});
afterAll(() => {
  expect(sandboxes.open()).toEqual([]);
  rmSync(dir, { recursive: true, force: true });
  sandboxes.remove();
});

const hostile = (...names: string[]) => classes(...names.map((name) => ({ unit: `hostile.${name}` })));

async function runAll(names: string[], sandbox = sandboxes.sandboxed) {
  const slot = slotRunner(sandbox);
  await slot.start();
  const events = await slot.ended(slot.hand(javaSpec(jars.classpath, [`-Dmarker=${marker}`]), hostile(...names)));
  const messages = events.flatMap((event) => (event.type === 'test' ? [event.message ?? ''] : []));
  return { slot, events, messages, of: (name: string) => resultsOf(events, `hostile.${name}`) };
}

test('names and messages of any kind and length leave every result readable, and one a line', async () => {
  const { events, messages, of, slot } = await runAll(['NamesTest', 'LongNamesTest', 'CalmTest']);
  expect(messages.filter((words) => words.includes('named'))).toEqual([]);
  expect(of('NamesTest')).toEqual([
    'failed hostile.NamesTest#named()[1]',
    'failed hostile.NamesTest#named()[2]',
    'passed hostile.NamesTest#named()[3]',
  ]);
  expect(of('LongNamesTest')).toEqual([
    'passed hostile.LongNamesTest#isLong()[0]',
    'failed hostile.LongNamesTest#isLong()[1]',
  ]);
  expect(of('CalmTest')).toEqual(['passed hostile.CalmTest#prints()']);
  expect(Math.max(...messages.map(({ length }) => length))).toBeLessThan(3_000);
  // A unique id that is too long to tell selects nothing: such a test is judged with its class.
  expect(events.flatMap((e) => (e.type === 'test' && e.test.includes('LongNames') ? [e.uniqueId] : []))).toEqual([
    '',
    '',
  ]);
  expect(statSync(join(slot.dir, 'events.jsonl')).size).toBeLessThan(200_000);
});

test('default streams that throw and threads that print on after the end are not the next class’s failure', async () => {
  const { events, of } = await runAll(['StreamsTest', 'CalmTest', 'ClosesTest']);
  expect(of('StreamsTest')).toEqual(['passed hostile.StreamsTest#leavesThem()']);
  expect(of('CalmTest')).toEqual(['passed hostile.CalmTest#prints()']);
  // A closed stream is a program's habit; the descriptor below it is the way that events take.
  expect(of('ClosesTest')).toEqual([
    'passed hostile.ClosesTest#aClosesTheStreams()',
    'failed hostile.ClosesTest#bClosesTheDescriptor()',
    'passed hostile.ClosesTest#cAfter()',
  ]);
  expect(endOf(events, 'hostile.ClosesTest')).toMatchObject({ ended: 'crash', complete: true });
});

test.each(['sandboxed', 'bare'] as const)(
  'a JVM that is halted with success, and a daemon that is left behind, cost nothing else (%s)',
  async (kind) => {
    const { events, of, slot } = await runAll(['DaemonTest', 'HaltTest', 'CalmTest'], sandboxes[kind]);
    expect(of('DaemonTest')).toEqual(['passed hostile.DaemonTest#leavesOne()']);
    expect(of('HaltTest')).toEqual([
      'passed hostile.HaltTest#aBefore()',
      'failed hostile.HaltTest#bHalts()',
      'passed hostile.HaltTest#cAfter()',
    ]);
    expect(endOf(events, 'hostile.HaltTest')).toMatchObject({ ended: 'crash', complete: true });
    expect(of('CalmTest')).toEqual(['passed hostile.CalmTest#prints()']);
    // The daemon's JVM was halted: what it had started ended with it.
    expect(execFileSync('ps', ['-eo', 'args']).toString()).not.toContain(`sleep ${marker}`);
    expect(slot.events().some((event) => event.type === 'batch-end' && event.problem !== undefined)).toBe(false);
  },
);

test('a full disk and a flood are the limit’s, each ends its own test, and the log stays small', async () => {
  const sandbox = sandboxes.limited('sandboxed', { diskMb: 64, outputMb: 64 });
  const { events, of, slot } = await runAll(['DiskTest', 'FloodTest', 'CalmTest'], sandbox);
  expect(of('DiskTest')).toEqual(['failed hostile.DiskTest#fillsIt()']);
  expect(of('FloodTest')).toEqual(['failed hostile.FloodTest#prints()']);
  expect(endOf(events, 'hostile.DiskTest')).toMatchObject({ ended: 'limit', detail: expect.stringContaining('MB') });
  expect(endOf(events, 'hostile.FloodTest')).toMatchObject({
    ended: 'limit',
    detail: expect.stringContaining('printed'),
  });
  expect(of('CalmTest')).toEqual(['passed hostile.CalmTest#prints()']);
  const logs = readdirSync(join(slot.dir, 'logs')).map((name) => statSync(join(slot.dir, 'logs', name)).size);
  expect(logs.length).toBeGreaterThan(0);
  expect(Math.max(...logs)).toBeLessThan(600_000);
});

test('a JVM that never begins ends its batch by the limit of the batch, with its threads; the next batch runs', async () => {
  const slot = slotRunner(sandboxes.sandboxed);
  await slot.start();
  const limits = { ...GENEROUS, batchSeconds: 8 };
  // On the class path its folder is shown in the sandbox.
  const stuck = javaSpec([...jars.classpath, jars.stuckAgent], [`-javaagent:${jars.stuckAgent}`]);
  const events = await slot.ended(
    slot.hand(
      stuck,
      hostile('CalmTest').map((item) => ({ ...item, limits })),
    ),
  );
  const end = events.find((event) => event.type === 'batch-end');
  expect(end).toMatchObject({ problem: expect.stringMatching(/no unit was running for 8 s .*limits\.batchSeconds/) });
  const log = /logs\/(\S+)/.exec(end?.type === 'batch-end' ? (end.problem ?? '') : '')?.[1] ?? '';
  expect(readFileSync(join(slot.dir, 'logs', log), 'utf8')).toMatch(/at hostile\.Stuck\.premain/);
  expect(events.filter(({ type }) => type === 'test' || type === 'end')).toEqual([]);

  const next = await slot.ended(slot.hand(javaSpec(jars.classpath), hostile('CalmTest')));
  expect(next.flatMap((event) => (event.type === 'test' ? [`${event.status} ${event.test}`] : []))).toEqual([
    'passed hostile.CalmTest#prints()',
  ]);
});

test('two gigabytes of output go by: the log keeps both ends, the runner no more than it had', async () => {
  const sandbox = sandboxes.limited('sandboxed', { outputMb: 4096 });
  const script = [
    'echo the first line',
    'head -c 2147483648 /dev/zero',
    'echo; echo the last line',
    'mkdir -p out; echo \'<testsuite><testcase classname="C" name="t"><failure/></testcase></testsuite>\' >out/r.xml',
  ].join('; ');
  await ensureBase(sandbox, 'flood', async (base) => writeFileSync(join(base, 'flood.sh'), script));
  const command = ['sh', 'flood.sh'];
  const arms = { candidate: { base: 'flood', version: '1', commit: 'c' } };
  const spec = { kind: 'junit-xml' as const, command, rerun: command, reports: ['out'], env: ENV, arms };
  const slot = slotRunner(sandbox);
  const { pid } = await slot.start();
  const events = await slot.ended(slot.hand(spec, classes({ unit: 'all' })));
  expect(resultsOf(events, 'all')).toEqual(['failed C#t()']);
  const log = slot.logOf(endOf(events, 'all')?.log ?? '');
  expect(log.startsWith('the first line\n')).toBe(true);
  expect(log.trimEnd().endsWith('the last line')).toBe(true);
  expect(log).toMatch(/\[… 21\d{8} bytes were cut here …\]/);
  expect(log.length).toBeLessThan(600_000);
  const peakKb = Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  expect(peakKb).toBeLessThan(400 * 1024);
});
