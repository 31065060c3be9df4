import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DetachedSpec, findDetached, startDetached, stateOf, stopDetached } from '../../lib/detached.ts';
import { readJsonFile, writeJsonFile } from '../../lib/json-file.ts';
import { isAlive, selfIdentity, startTimeOf } from '../../lib/process-identity.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pw-detached-'));
});
afterEach(async () => {
  for (const dir of findDetached(root)) await stopDetached(dir, { signal: 'SIGKILL', graceMs: 0 });
  rmSync(root, { recursive: true, force: true });
});

const spec = (script: string, more: Partial<DetachedSpec> = {}): DetachedSpec => ({
  dir: join(root, 'state'),
  command: 'sh',
  args: ['-c', script],
  env: { PATH: process.env.PATH ?? '' },
  cwd: root,
  ...more,
});

async function ended(dir = join(root, 'state')) {
  for (;;) {
    const state = stateOf(dir);
    if (state.kind === 'ended') return state;
    await sleep(10);
  }
}

test('a process is itself, and nobody else of the same id', () => {
  const self = selfIdentity();
  expect(isAlive(self)).toBe(true);
  expect(isAlive({ ...self, startTime: '1' })).toBe(false);
  expect(startTimeOf(2 ** 22 + 1)).toBeUndefined();
});

test('nothing was started in a new folder', () => {
  expect(stateOf(join(root, 'state'))).toEqual({ kind: 'unknown' });
});

test('the recorded process is the command itself, and its exit code is kept', async () => {
  const started = await startDetached(spec('echo $$ > pid; echo out; echo "it\'s \\"bad\\"" >&2; exit 7'));
  expect(started.adopted).toBe(false);
  const state = await ended();
  expect(state.exitCode).toBe(7);
  expect(state.process.args[1]).toContain('it\'s \\"bad\\"');
  expect(Number(readFileSync(join(root, 'pid'), 'utf8'))).toBe(started.pid);
  expect(readFileSync(join(root, 'state/stdout.log'), 'utf8')).toBe('out\n');
  expect(readFileSync(join(root, 'state/stderr.log'), 'utf8')).toBe('it\'s "bad"\n');
});

test('only the environment that was given reaches it', async () => {
  process.env.PATCHWRIGHT_TEST_SECRET = 'hunter2';
  await startDetached(spec('env > environment', { env: { PATH: process.env.PATH ?? '', GIVEN: 'yes' } }));
  await ended();
  const environment = readFileSync(join(root, 'environment'), 'utf8');
  expect(environment).toContain('GIVEN=yes');
  expect(environment).not.toContain('hunter2');
});

test('one that runs is adopted, and twenty callers at once start one', async () => {
  const order = spec('echo started >> starts; exec sleep 600');
  const started = await Promise.all(Array.from({ length: 20 }, () => startDetached(order)));
  expect(new Set(started.map(({ pid }) => pid)).size).toBe(1);
  expect(started.filter(({ adopted }) => !adopted)).toHaveLength(1);
  expect((await startDetached(order)).adopted).toBe(true);
  expect(readFileSync(join(root, 'starts'), 'utf8')).toBe('started\n');
});

test('one that ended is started again, unless it is to run once', async () => {
  await startDetached(spec('echo started >> starts'));
  await ended();
  expect((await startDetached(spec('echo started >> starts', { once: true }))).adopted).toBe(true);
  expect((await startDetached(spec('echo started >> starts'))).adopted).toBe(false);
  await ended();
  expect(readFileSync(join(root, 'starts'), 'utf8')).toBe('started\nstarted\n');
});

test('a caller killed at any moment leaves one process or none, and the next adopts or starts it', async () => {
  const caller = join(root, 'caller.ts');
  const order = spec('echo started >> starts; exec sleep 600');
  const module = new URL('../../lib/detached.ts', import.meta.url).href;
  writeFileSync(caller, `import { startDetached } from '${module}';\nawait startDetached(${JSON.stringify(order)});\n`);
  for (const delay of [60, 80, 90, 100, 110, 120, 140]) {
    const child = spawn(process.execPath, [caller], { stdio: 'ignore' });
    await sleep(delay);
    child.kill('SIGKILL');
  }
  const { pid } = await startDetached(order);
  await sleep(200);
  expect(readFileSync(join(root, 'starts'), 'utf8')).toBe('started\n');
  expect(stateOf(order.dir)).toMatchObject({ kind: 'running', process: { pid } });
});

test('it is stopped by the signal that was asked for, with what it left behind', async () => {
  await startDetached(spec('sleep 600 & echo $! > child; trap "exit 3" TERM; wait'));
  while (!existsSync(join(root, 'child'))) await sleep(10);
  const child = Number(readFileSync(join(root, 'child'), 'utf8'));
  const state = await stopDetached(join(root, 'state'), { graceMs: 5_000 });
  expect(state).toMatchObject({ kind: 'ended', exitCode: 3 });
  while (startTimeOf(child) !== undefined) await sleep(10);
});

test('interrupt and hang-up reach it too', async () => {
  for (const signal of ['SIGINT', 'SIGHUP'] as const) {
    const dir = join(root, signal);
    await startDetached(spec('exec sleep 600', { dir }));
    const state = await stopDetached(dir, { signal, graceMs: 60_000 });
    expect(state).toMatchObject({ kind: 'ended', exitCode: signal === 'SIGINT' ? 130 : 129 });
  }
});

test('one that does not listen is killed after its grace', async () => {
  await startDetached(spec('trap "" TERM; touch ready; while :; do sleep 0.1; done'));
  while (!existsSync(join(root, 'ready'))) await sleep(10);
  expect(await stopDetached(join(root, 'state'), { graceMs: 100 })).toMatchObject({ kind: 'ended', exitCode: 137 });
});

test('it goes on when its launcher is killed, and its exit code is then unknown', async () => {
  await startDetached(spec('exec sleep 600'));
  const state = stateOf(join(root, 'state'));
  if (state.kind !== 'running') throw new Error(`is ${state.kind}`);
  process.kill(state.process.launcher.pid, 'SIGKILL');
  await sleep(100);
  expect(stateOf(join(root, 'state')).kind).toBe('running');
  process.kill(state.process.pid, 'SIGKILL');
  expect((await ended()).exitCode).toBeUndefined();
});

test.each(['', '{"launcher":12', '{"launcher":1}'])('what is left of a record of its end is none: %j', async (left) => {
  await startDetached(spec('exit 3'));
  expect((await ended()).exitCode).toBe(3);
  // The launcher has gone by then: what it writes comes before its end.
  while (isAlive((await ended()).process.launcher)) await sleep(10);
  writeFileSync(join(root, 'state', 'exit.json'), left);
  expect(stateOf(join(root, 'state'))).toMatchObject({ kind: 'ended', exitCode: undefined });
});

test('a record that cannot be written leaves nothing behind', () => {
  const launcher = join(import.meta.dirname, '../../lib/detached-launcher.sh');
  const { stderr } = spawnSync('/bin/sh', [launcher, root, join(root, 'no-description.part'), 'true']);
  expect(String(stderr)).toContain('no-description.part');
  mkdirSync(join(root, 'taken.json'));
  expect(() => writeJsonFile(join(root, 'taken.json'), {})).toThrow();
  expect(readdirSync(root)).toEqual(['taken.json']);
});

test('a record whose process id belongs to a stranger by now is an ended process', async () => {
  await startDetached(spec('exit 0'));
  await ended();
  const path = join(root, 'state/process.json');
  const record = readJsonFile<Record<string, unknown>>(path);
  writeJsonFile(path, { ...record, pid: process.pid });
  expect(stateOf(join(root, 'state')).kind).toBe('ended');
  await stopDetached(join(root, 'state'), { signal: 'SIGKILL', graceMs: 0 });
});

test('what cannot be run says so', async () => {
  await startDetached(spec('', { command: 'no-such-command', args: [] }));
  expect((await ended()).exitCode).toBe(127);
  expect(readFileSync(join(root, 'state/stderr.log'), 'utf8')).toContain('not found');
  await expect(startDetached(spec('', { cwd: join(root, 'nowhere') }))).rejects.toThrow('nowhere does not exist');
});
