import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tryLock, withLock } from '../../lib/lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pw-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a second taker is told who holds it, until it is released', () => {
  const first = tryLock(folder, 'up');
  const second = tryLock(folder, 'another up');
  expect(second).toMatchObject({ kind: 'held', by: { pid: process.pid, purpose: 'up' } });
  if (first.kind !== 'acquired') throw new Error('the first was refused');
  first.release();
  expect(tryLock(folder, 'another up').kind).toBe('acquired');
});

test('the lock of a dead process, or of one whose id is a stranger’s by now, is taken over', () => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, '7.json'),
    JSON.stringify({ pid: process.pid, startTime: '1', since: '', purpose: 'old' }),
  );
  expect(tryLock(folder, 'new').kind).toBe('acquired');
});

test('it waits, says once for whom, and gives up', async () => {
  tryLock(folder, 'forever');
  const told: number[] = [];
  const waiting = withLock(folder, { purpose: 'me', waitMs: 100, onWait: ({ pid }) => told.push(pid) }, async () => 1);
  await expect(waiting).rejects.toThrow(`still locked by process ${process.pid}`);
  expect(told).toEqual([process.pid]);
});

test('processes that are killed while they hold it never let two in', async () => {
  const file = join(folder, 'worker.ts');
  const journal = join(folder, 'journal');
  const module = new URL('../../lib/lock.ts', import.meta.url).href;
  writeFileSync(
    file,
    `import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { withLock } from '${module}';
const say = (what) => appendFileSync(${JSON.stringify(journal)}, process.pid + ' ' + what + '\\n');
for (;;) await withLock(${JSON.stringify(join(folder, 'lock'))}, { purpose: 'test', waitMs: 60000 }, async () => { say('in'); await sleep(3); say('out'); });`,
  );
  appendFileSync(journal, '');
  const start = () => spawn(process.execPath, [file], { stdio: 'ignore' });
  const killed = new Set<number>();
  const children = [start(), start(), start()];
  for (let n = 0; n < 12; n += 1) {
    await sleep(100);
    const victim = children.shift();
    victim?.kill('SIGKILL');
    killed.add(victim?.pid ?? 0);
    children.push(start());
  }
  for (const child of children) child.kill('SIGKILL');
  let inside: number | undefined;
  for (const line of readFileSync(journal, 'utf8').trim().split('\n')) {
    const [pid = 0, what] = [Number(line.split(' ')[0]), line.split(' ')[1]];
    if (what === 'out') expect(pid).toBe(inside);
    // Whoever was inside when another came in must have been killed there.
    else expect(inside === undefined || killed.has(inside), line).toBe(true);
    inside = what === 'in' ? pid : undefined;
  }
});
