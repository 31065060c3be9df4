import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { stateFoldersIn, stateOf } from '../../lib/detached.ts';
import { allProcesses, processesOf, type Seen, withDescendants } from '../process-table.ts';
import { secondData, servingUp, type World } from '../world.ts';

const TRIES = 20;

/** Every process that has to do with the folder belongs to the `up` that runs, or to a state folder's process. */
export async function proveNoOrphans(world: World): Promise<string[]> {
  let orphans: Seen[] = [];
  // What ends this moment (a runner that was told to) is no orphan: one is there when looked at again and again.
  for (let tries = 0; tries < TRIES; tries += 1) {
    orphans = orphansOf(world);
    if (orphans.length === 0) return [];
    await sleep(500);
  }
  return orphans.map(({ pid, argv }) => `an orphan: process ${pid}, ${argv.join(' ').slice(0, 200)}`);
}

export function orphansOf(world: World): Seen[] {
  const roots = new Set<number>();
  for (const data of [world.data, secondData(world)].filter((folder) => existsSync(folder))) {
    const up = servingUp({ data });
    if (up) roots.add(up.pid);
    for (const dir of stateFoldersIn(data)) {
      const state = stateOf(dir);
      if (state.kind !== 'running') continue;
      roots.add(state.process.pid);
      roots.add(state.process.launcher.pid);
    }
  }
  const known = withDescendants(allProcesses(), roots);
  // The watchers of the topics are ours.
  return processesOf(world.folder).filter(({ pid, argv }) => !known.has(pid) && !argv.includes('TopicWitness'));
}
