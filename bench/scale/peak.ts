import { readFileSync } from 'node:fs';

/** The most memory that a process ever had, in MiB, as the system counted it; undefined where it does not. */
export function peakMib(pid: number): number | undefined {
  try {
    const [, kib] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
  } catch (error) {
    // It has ended, or the system has no /proc.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Looks at the processes again and again, since most of them end before anybody asks. */
export function watchPeaks(pids: () => Record<string, number>): { stop(): Record<string, number> } {
  const peaks: Record<string, number> = {};
  const look = () => {
    for (const [name, pid] of Object.entries(pids())) peaks[name] = Math.max(peaks[name] ?? 0, peakMib(pid) ?? 0);
  };
  const timer = setInterval(look, 250);
  return {
    stop() {
      clearInterval(timer);
      look();
      return peaks;
    },
  };
}
