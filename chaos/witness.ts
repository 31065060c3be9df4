import type { ProcessIdentity } from '../lib/process-identity.ts';
import { isBelow, launchedFolder, processIds, seeProcess } from './process-table.ts';

/**
 * Watches the process table from outside and notes every launch of a detached process below a folder: what
 * was resumed was launched once, what was started afresh was launched twice. A launcher lives as long as
 * what it launched (a broker, a build, a test runner: seconds at least), so that looking now and then misses none.
 */
export type Witness = {
  /** Every launch into this state folder so far. */
  launches: (dir: string) => readonly Launch[];
  /** All state folders that something was launched into. */
  folders: () => string[];
  stop: () => void;
};

export type Launch = ProcessIdentity & { atMs: number };

const LOOK_MS = 150;
/** A process that was just forked still has its parent's words: looked at again until it has its own. */
const LOOKS = 4;

export function watchLaunches(folder: string): Witness {
  const seen = new Map<number, { startTime: string; looks: number }>();
  const launches = new Map<string, Launch[]>();
  const look = () => {
    const living = new Set(processIds());
    for (const pid of seen.keys()) if (!living.has(pid)) seen.delete(pid);
    for (const pid of living) {
      const known = seen.get(pid);
      if (known && known.looks >= LOOKS) continue;
      const found = seeProcess(pid);
      if (!found) continue;
      const looks = known?.startTime === found.startTime ? known.looks + 1 : 1;
      seen.set(pid, { startTime: found.startTime, looks });
      const dir = launchedFolder(found);
      if (dir !== undefined && isBelow(dir, folder)) note(launches, dir, { pid, startTime: found.startTime });
    }
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  return {
    launches: (dir) => launches.get(dir) ?? [],
    folders: () => [...launches.keys()].sort(),
    stop: () => clearInterval(timer),
  };
}

function note(launches: Map<string, Launch[]>, dir: string, { pid, startTime }: ProcessIdentity): void {
  const known = launches.get(dir) ?? [];
  launches.set(dir, known);
  if (known.some((launch) => launch.pid === pid && launch.startTime === startTime)) return;
  known.push({ pid, startTime, atMs: Date.now() });
}
