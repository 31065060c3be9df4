import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJsonFile, writeJsonFile } from './json-file.ts';
import { isAlive, type ProcessIdentity, selfIdentity } from './process-identity.ts';

/** Who holds a lock, since when, and what for. */
export interface LockHolder extends ProcessIdentity {
  since: string;
  purpose: string;
}

export type LockAttempt = { kind: 'acquired'; release: () => void } | { kind: 'held'; by: LockHolder };

interface LockRecord extends LockHolder {
  released?: true;
}

/**
 * Takes the lock of a folder of its own, or says who holds it. A holder that died (pid and
 * start time) has lost it.
 *
 * Each holder is a file `N.json`; the highest number counts and is never deleted. A stale
 * lock is taken over by making N + 1, which only one process can do, so two that find the
 * same dead holder cannot both win, as they could with delete-and-make-again.
 */
export function tryLock(folder: string, purpose: string): LockAttempt {
  mkdirSync(folder, { recursive: true });
  const record: LockRecord = { ...selfIdentity(), since: new Date().toISOString(), purpose };
  for (;;) {
    const highest = highestIn(folder);
    const holder = highest === 0 ? undefined : readJsonFile<LockRecord>(join(folder, `${highest}.json`));
    if (holder && !holder.released && isAlive(holder)) return { kind: 'held', by: holder };
    if (claim(folder, highest + 1, record)) {
      return { kind: 'acquired', release: () => release(folder, highest + 1, record) };
    }
  }
}

/** Who holds it now, without taking it. */
export function holderOf(folder: string): LockHolder | undefined {
  if (!existsSync(folder)) return undefined;
  const holder = readJsonFile<LockRecord>(join(folder, `${highestIn(folder)}.json`));
  return holder && !holder.released && isAlive(holder) ? holder : undefined;
}

/**
 * Runs `work` while holding the lock, waiting for whoever has it. `onWait` is told once whom.
 * Throws where the lock is still held after `waitMs`.
 */
export async function withLock<T>(
  folder: string,
  options: { purpose: string; waitMs: number; onWait?: (holder: LockHolder) => void },
  work: () => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + options.waitMs;
  for (let attempt = 0; ; attempt += 1) {
    const lock = tryLock(folder, options.purpose);
    if (lock.kind === 'acquired') {
      try {
        return await work();
      } finally {
        lock.release();
      }
    }
    if (attempt === 0) options.onWait?.(lock.by);
    if (Date.now() > deadline) throw new Error(`${folder} is still locked by ${describeHolder(lock.by)}`);
    await sleep(Math.min(10 + attempt * 10, 250));
  }
}

/** "process 4711, since …, to …", for people. */
export function describeHolder({ pid, since, purpose }: LockHolder): string {
  return `process ${pid}, since ${since} (${purpose})`;
}

function claim(folder: string, number: number, record: LockRecord): boolean {
  const temporary = join(folder, `${randomUUID()}.tmp`);
  writeFileSync(temporary, JSON.stringify(record));
  try {
    // A hard link appears whole and fails where the name is taken: content and claim in one step.
    linkSync(temporary, join(folder, `${number}.json`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  // Somebody who read the folder long ago may fill a number that was since swept away.
  if (highestIn(folder) !== number) {
    rmSync(join(folder, `${number}.json`), { force: true });
    return false;
  }
  sweep(folder, number);
  return true;
}

function release(folder: string, number: number, record: LockRecord): void {
  writeJsonFile(join(folder, `${number}.json`), { ...record, released: true });
}

function sweep(folder: string, below: number): void {
  for (const number of numbersIn(folder)) {
    if (number < below) rmSync(join(folder, `${number}.json`), { force: true });
  }
}

function highestIn(folder: string): number {
  return Math.max(0, ...numbersIn(folder));
}

function numbersIn(folder: string): number[] {
  return readdirSync(folder).flatMap((name) => (/^\d+\.json$/.test(name) ? [Number.parseInt(name, 10)] : []));
}
