import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * Process ids of `root` and everything below it. Inside a sandbox nothing leaves this tree: whoever
 * loses its parent gets the namespace's first process for one.
 */
export function processTree(root: number): number[] {
  const found = [root];
  for (const pid of found) found.push(...childrenOf(pid));
  return found;
}

function childrenOf(pid: number): number[] {
  return gone(
    () =>
      readdirSync(`/proc/${pid}/task`).flatMap((task) => {
        // Of a thread that has just ended there is nothing to read.
        const list = gone(() => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8'), '');
        return list.split(' ').filter(Boolean).map(Number);
      }),
    [] as number[],
  );
}

export interface TreeUsage {
  processes: number;
  threads: number;
  /** RSS, which counts what is shared once for each, so never less than PSS. */
  residentBytes: number;
}

const PAGE_BYTES = 4096;

/** Cheap: what can be known without walking page tables. */
export function usageOf(pids: readonly number[]): TreeUsage {
  const usage = { processes: 0, threads: 0, residentBytes: 0 };
  for (const pid of pids) {
    const stat = gone(() => readFileSync(`/proc/${pid}/stat`, 'utf8'), '');
    if (stat === '') continue;
    // proc(5): 20 is the number of threads, 24 the resident pages; the name (2) may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    usage.processes += 1;
    usage.threads += Number(fields[17] ?? 1);
    usage.residentBytes += Number(fields[21] ?? 0) * PAGE_BYTES;
  }
  return usage;
}

/** Proportional memory of all of them; shared pages count once. Milliseconds for a large heap. */
export async function proportionalBytes(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      try {
        const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
        return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024;
      } catch (error) {
        if (isGone(error)) return 0;
        throw error;
      }
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The name that a process has now, or '' where it has ended. */
export function nameOf(pid: number): string {
  return gone(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim(), '');
}

/** False where there is no such process any more. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

function gone<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (isGone(error)) return otherwise;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');
}
