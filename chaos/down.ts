import { readCluster } from '../activities/deploy/layout.ts';
import { allProcesses } from './process-table.ts';
import type { World } from './world.ts';

/** How many nodes of an environment were seen down at once, at most, and which. */
export type DownWatch = { most: Map<string, string[]>; looks: () => number; stop: () => void };

const LOOK_MS = 100;

/**
 * Watches the process table from outside: which nodes have no process. A node counts from when it was first seen
 * running, so that an environment that is being brought up is none that is down.
 */
export function watchDown(world: World): DownWatch {
  const seen = new Set<string>();
  const most = new Map<string, string[]>();
  let looks = 0;
  const look = () => {
    looks += 1;
    const running = new Set(
      allProcesses()
        .filter(({ argv }) => !argv.some((word) => word.endsWith('launcher.sh')))
        .map(({ cwd }) => cwd),
    );
    for (const environment of world.ground.environments) {
      const targets = readCluster(world.data, environment)?.targets ?? [];
      for (const { dir } of targets) if (running.has(dir)) seen.add(dir);
      const down = targets.filter(({ dir }) => seen.has(dir) && !running.has(dir)).map(({ name }) => name);
      if (down.length > (most.get(environment)?.length ?? 0)) most.set(environment, down);
    }
  };
  const timer = setInterval(look, LOOK_MS);
  return { most, looks: () => looks, stop: () => clearInterval(timer) };
}

/** Never two at once: one is the node that is being changed. */
export function proveOneDown({ most }: DownWatch): string[] {
  return [...most]
    .filter(([, down]) => down.length > 1)
    .map(([environment, down]) => `${environment}: ${down.join(' and ')} were down at once`);
}
