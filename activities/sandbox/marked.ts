import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { sendSignal } from './process-tree.ts';

const NAME = 'PATCHWRIGHT_PROGRAM';
/** A process that is killed may have had a child a moment before. */
const ROUNDS = 5;

/**
 * A mark in the environment of a program without a sandbox, and so of all that it starts: by it a daemon is found
 * that has left its group, its session and its parent. Nothing for one that clears its environment; a sandbox is.
 */
export function markProgram(): { env: Record<string, string>; endAll(): void } {
  const value = randomUUID();
  return {
    env: { [NAME]: value },
    endAll() {
      for (let round = 0; round < ROUNDS; round += 1) {
        const found = carriers(`${NAME}=${value}`);
        if (found.length === 0) return;
        for (const pid of found) sendSignal(pid, 'SIGKILL');
      }
    },
  };
}

function carriers(entry: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => environmentOf(pid).split('\0').includes(entry));
}

/** Empty for whoever has ended, and for other people's processes: they are none of ours. */
function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
