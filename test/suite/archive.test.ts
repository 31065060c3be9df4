import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type ArchiveFor, withArchive } from '../../runner/archive.ts';
import { type JvmEvent, startJvm } from '../../runner/jvm.ts';
import type { JvmArm, JvmSpec, RunnerSpec } from '../../runner/protocol.ts';
import { ENV, sampleClasspath } from './sample.ts';
import { openSandboxes, type Sandboxes } from './sandboxes.ts';
import { classes, javaSpec, resultsOf, slotRunner } from './slot-world.ts';

// A time limit only ends a test that hangs: JVMs share the machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const ARCHIVE = fileURLToPath(new URL('../../runner/archive.ts', import.meta.url));
const ARGS = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

const dir = mkdtempSync(join(tmpdir(), 'pw-archive-'));
let sandboxes: Sandboxes;
let classpath: string[];

beforeAll(async () => {
  sandboxes = await openSandboxes();
  classpath = await sampleClasspath(join(dir, 'jars'));
});
afterAll(() => {
  expect(sandboxes.open()).toEqual([]);
  sandboxes.remove();
  rmSync(dir, { recursive: true, force: true });
});

/** All in one cache: an archive takes some seconds. */
const wanted = (more: Partial<ArchiveFor> = {}): ArchiveFor => ({
  ...{ cacheDir: join(dir, 'cache'), java: 'java', args: ARGS, env: ENV, sandbox: sandboxes.sandboxed, classpath },
  ...more,
});

const specOf = (arm: JvmArm): RunnerSpec => ({ ...(javaSpec([]) as JvmSpec), arms: { candidate: arm } });

/** Whether a JVM takes the archive of this arm: one that may not go without ends at once where it does not. */
async function takesIt(arm: JvmArm): Promise<boolean> {
  const options = { java: 'java', args: [...ARGS, '-Xshare:on'], env: ENV, sandbox: sandboxes.sandboxed };
  const jvm = await startJvm({ ...options, ...arm }).catch((error: Error) => error);
  if (jvm instanceof Error) return false;
  await jvm.close();
  return arm.archive !== undefined;
}

const archivesIn = ({ archive = '' }: JvmArm) => readdirSync(dirname(archive)).filter((name) => !name.endsWith('.jar'));

test('two workers at once end with whole archives', async () => {
  const script = `import { withArchive } from ${JSON.stringify(ARCHIVE)};
    console.log(JSON.stringify(await withArchive(JSON.parse(process.argv[1]))));`;
  const words = ['--input-type=module', '-e', script, JSON.stringify(wanted())];
  const told = await Promise.all([0, 1].map(() => promisify(execFile)(process.execPath, words)));
  for (const { stdout } of told) expect(await takesIt(JSON.parse(stdout))).toBe(true);
  // Nothing half made is left, and each has the digest that it is named by.
  const arm = await withArchive(wanted());
  for (const name of archivesIn(arm)) {
    const bytes = readFileSync(join(dirname(arm.archive ?? ''), name));
    expect(name.replace(/^[0-9a-f]{16}-/, '')).toBe(`${createHash('sha256').update(bytes).digest('hex')}.jsa`);
  }
});

test('an archive is found again, a suite’s JVMs take it, and what they run can neither change it nor what lies by it', async () => {
  const arms = await Promise.all([withArchive(wanted()), withArchive(wanted({ args: ['-Xmx200m'] }))]);
  const [arm] = arms;
  expect(arms[1]).toEqual(arm);
  expect(archivesIn(arm)).toContain(basename(arm.archive ?? ''));
  expect(arm.classpath.slice(-3).map((jar) => basename(jar))).toEqual([
    'product.jar',
    'tests.jar',
    'hamcrest-core-1.3.jar',
  ]);
  expect(await takesIt(arm)).toBe(true);

  const slot = slotRunner(sandboxes.sandboxed);
  await slot.start();
  const events = await slot.ended(slot.hand(specOf(arm), classes('InsideTest', 'LegacyTest', 'PlainTest')));
  expect(resultsOf(events, 'sample.InsideTest')).toContain('passed sample.InsideTest#writesInItsOwnFolderAlone()');
  expect(resultsOf(events, 'sample.LegacyTest').length).toBeGreaterThan(0);
  const bytes = readFileSync(arm.archive ?? '');
  expect(await withArchive(wanted({ sandbox: sandboxes.bare }))).toEqual(arm);
  expect(readFileSync(arm.archive ?? '')).toEqual(bytes);
});

test.each([
  ['other sizes of pointers', { args: [...ARGS, '-XX:-UseCompressedOops'] }],
  ['a collector that a sandbox does not let start', { args: ['-XX:+UseZGC'] }],
  ['what a JVM does not know', { args: ['-XX:NoSuchOption'] }],
  ['archives switched off', { args: ['-Xshare:off'] }],
  ['no such program', { java: 'no-such-java' }],
  ['a JVM without a word for archives', { java: 'true' }],
])('with %s everything is as it was', async (_name, more) => {
  expect(await withArchive(wanted(more))).toEqual({ classpath });
});

test('one that its JVM does not take is passed over in silence', async () => {
  const { classpath: jars } = await withArchive(wanted());
  const junk = join(dir, 'junk.jsa');
  writeFileSync(junk, 'of another JVM');
  for (const archive of [junk, join(dir, 'gone.jsa')]) {
    const printed: string[] = [];
    const ended: string[] = [];
    const onOutput = (chunk: Buffer | string) => void printed.push(String(chunk));
    const onEvent = (event: JvmEvent) => void ended.push(...(event.e === 'end' ? [`${event.s} ${event.t}`] : []));
    const options = { java: 'java', args: ARGS, env: ENV, sandbox: sandboxes.bare, onStray: onOutput };
    const jvm = await startJvm({ ...options, classpath: jars, archive });
    await jvm.command(['run', 'c:sample.QuickTest'], { onEvent, onOutput });
    await jvm.close();
    expect(ended).toEqual(['passed sample.QuickTest#isQuick()']);
    expect(printed.join('').trim()).toBe('');
  }
});

test('a damaged archive is never handed out', async () => {
  const arm = await withArchive(wanted());
  for (const name of archivesIn(arm)) truncateSync(join(dirname(arm.archive ?? ''), name), 1_000_000);
  // As a worker that starts anew.
  vi.resetModules();
  const { withArchive: anew } = await import('../../runner/archive.ts');
  const next = await anew(wanted());
  expect(next.classpath).toEqual(arm.classpath);
  expect(await takesIt(next)).toBe(true);
});

test('a cache that was restored with other dates gets an archive of its own', async () => {
  const { archive = '' } = await withArchive(wanted());
  const jars = readdirSync(dirname(archive)).filter((name) => name.endsWith('.jar'));
  for (const jar of jars) utimesSync(join(dirname(archive), jar), 1_700_000_000, 1_700_000_000);
  expect(await takesIt(await withArchive(wanted()))).toBe(false);
  vi.resetModules();
  const { withArchive: anew } = await import('../../runner/archive.ts');
  const next = await anew(wanted());
  expect(next.archive).not.toBe(archive);
  expect(await takesIt(next)).toBe(true);
});
