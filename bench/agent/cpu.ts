import { readFileSync } from 'node:fs';

/** The kernel counts in hundredths of a second (USER_HZ), on every architecture that we run on. */
const MS_A_TICK = 10;

/** Milliseconds of CPU that a process has had by now, and those of its children that have ended; undefined without /proc. */
export function cpuOf(pid: number): { own: number; children: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [utime, stime, cutime, cstime] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15)
      .map(Number);
    return {
      own: ((utime ?? 0) + (stime ?? 0)) * MS_A_TICK,
      children: ((cutime ?? 0) + (cstime ?? 0)) * MS_A_TICK,
    };
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
