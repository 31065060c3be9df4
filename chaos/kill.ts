import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCluster } from '../activities/deploy/layout.ts';
import { isAlive, type ProcessIdentity, signalProcess, startTimeOf } from '../lib/process-identity.ts';
import type { TargetKind } from './plan.ts';
import { allProcesses } from './process-table.ts';
import { secondData, servingUp, type World } from './world.ts';

/** `step`: where the release was, as far as one could see. `what`: which one of several. */
export type Kill = { target: TargetKind; what: string; pid: number; atMs: number; step: string };

/** The process that a kind of target is now; undefined while it is down. */
export function findTarget(world: World, target: Exclude<TargetKind, 'broker'>): ProcessIdentity | undefined {
  if (target === 'runner') throw new Error('which runner is chosen by its folder');
  const second = target.startsWith('second ');
  const up = servingUp(second ? { data: secondData(world) } : world);
  if (!up) return undefined;
  if (target === 'supervisor') return { pid: up.pid, startTime: up.startTime };
  const name = target.replace('second ', '');
  const found = name.startsWith('worker ')
    ? up.roles.find(({ role }) => `worker ${role}` === name)
    : up.services.find((service) => service.name === name);
  const startTime = found?.pid === undefined ? undefined : startTimeOf(found.pid);
  return found?.pid === undefined || startTime === undefined ? undefined : { pid: found.pid, startTime };
}

/** The processes that run in a node's folder (its launcher is not one of them). */
export function nodeProcesses(dir: string): ProcessIdentity[] {
  return allProcesses().filter(({ cwd, argv }) => cwd === dir && !argv.some((word) => word.endsWith('launcher.sh')));
}

export type BrokerPlace = { environment: string; node: string; dir: string };

export function brokersOf(world: World, environment: string): BrokerPlace[] {
  const targets = readCluster(world.data, environment)?.targets ?? [];
  return targets
    .filter(({ roles }) => roles.includes('broker'))
    .map(({ name, dir }) => ({
      environment,
      node: name,
      dir: dir || join(world.data, 'env', environment, 'nodes', name),
    }));
}

/** `kill -9`, and waits until it is gone. False where it had ended before. */
export async function killNow(
  world: World,
  identity: ProcessIdentity,
  about: Pick<Kill, 'target' | 'what' | 'step'>,
): Promise<boolean> {
  if (!signalProcess(identity, 'SIGKILL')) return false;
  world.kills.push({ ...about, pid: identity.pid, atMs: Date.now() });
  world.say(`kill -9 ${about.what} (process ${identity.pid}) in ${about.step}`);
  while (isAlive(identity)) await sleep(5);
  return true;
}

/** Waits until the target is there (it may still be coming back from the last kill) and kills it. */
export async function killWhenThere(
  world: World,
  target: Exclude<TargetKind, 'broker'>,
  { step, signal }: { step: string; signal?: AbortSignal },
): Promise<boolean> {
  for (;;) {
    if (signal?.aborted) return false;
    const identity = findTarget(world, target);
    if (identity && (await killNow(world, identity, { target, what: target, step }))) break;
    await sleep(20);
  }
  // The supervisor has nobody who starts it again but a person.
  if (target === 'supervisor') await world.patchwright.start();
  return true;
}
