import { resolve } from 'node:path';
import { selfIdentity } from '../lib/process-identity.ts';
import type { Progress } from '../setup/progress.ts';
import { forgetUp, takeDataFolder, type UpState, writeUp } from './data-folder.ts';
import { planRole } from './role.ts';
import { type RunningServices, type ServicesOptions, startServices } from './start-services.ts';
import { type ChildEvent, type Supervised, supervise } from './supervised.ts';

export interface UpOptions {
  dataDir: string;
  configFile?: string | undefined;
  /** One worker process each. */
  roles: readonly string[];
  workerFile: string;
  /** Brings the database's schema up to date; run before any worker starts. */
  migrate?: ((databaseUrl: string) => Promise<void>) | undefined;
  /** Ends what outlives a worker but must not outlive `up`; run once no worker is there to start more of it. */
  endDetachedWork?: ((dataDir: string) => Promise<void>) | undefined;
  /** What a worker's environment is made from. */
  env: Readonly<Record<string, string | undefined>>;
  services?: Pick<ServicesOptions, 'external' | 'fsync' | 'temporalPort' | 'searchAttributes' | 'machine'>;
  progress: Progress;
  /** Fires when the user wants to stop, while it starts or later. */
  interrupted: AbortSignal;
}

export interface RunningUp {
  dataDir: string;
  temporal: RunningServices['temporal'];
  databaseUrl: string;
  state: () => UpState;
  /** Workers first, then what they need; within 10 s. Lets go of the data folder. */
  stop: () => Promise<void>;
  /** Kills everything now; what it leaves the next start cleans up. */
  kill: () => void;
}

/**
 * Runs all of Patchwright on this machine:
 *
 *   1. Take the data folder. Somebody else has it: refuse and say who.
 *   2. Temporal and the database, embedded or the user's own.
 *   3. Migrate the database.
 *   4. One worker process a role.
 *   5. Write `up.json`, and keep it true while children die and come back.
 *
 * Whatever fails or is interrupted on the way, what was started is stopped again.
 */
export async function startUp(options: UpOptions): Promise<RunningUp> {
  const dataDir = resolve(options.dataDir);
  const release = takeDataFolder(dataDir, 'patchwright up');
  const begun: { services?: RunningServices; roles: Supervised[] } = { roles: [] };
  try {
    forgetUp(dataDir);
    return await startAll({ ...options, dataDir }, begun, release);
  } catch (error) {
    await stopAll(begun);
    release();
    throw error;
  }
}

async function startAll(
  options: UpOptions,
  begun: { services?: RunningServices; roles: Supervised[] },
  release: () => void,
): Promise<RunningUp> {
  const { dataDir, progress, interrupted } = options;
  const since = new Date().toISOString();
  let live: (() => void) | undefined;
  const onEvent = (event: ChildEvent) => {
    progress(event.name, inWords(event));
    live?.();
  };
  const services = await startServices({ ...options.services, dataDir, progress, interrupted, onEvent });
  begun.services = services;
  progress('database', 'bringing the schema up to date');
  await options.migrate?.(services.databaseUrl);
  interrupted.throwIfAborted();

  const { temporal, databaseUrl } = services;
  const state = (ready: boolean) => describeUp(ready, since, services, options.roles, begun.roles);
  writeUp(dataDir, state(false));
  const starting = options.roles.map(async (role) => {
    begun.roles.push(await supervise(planRole({ ...options, role, temporal, databaseUrl }), onEvent));
  });
  const failed = (await Promise.allSettled(starting)).find((start) => start.status === 'rejected');
  if (failed) throw failed.reason;
  writeUp(dataDir, state(true));
  live = () => {
    try {
      writeUp(dataDir, state(true));
    } catch (error) {
      // A full disk must not take down what still runs; readers see that a process id is gone.
      progress('up.json', `cannot be written: ${(error as Error).message}`);
    }
  };
  const letGo = () => {
    live = undefined;
    forgetUp(dataDir);
    release();
  };
  return {
    dataDir,
    temporal,
    databaseUrl,
    state: () => state(true),
    stop: async () => {
      live = undefined;
      await stopAll(begun, () => options.endDetachedWork?.(dataDir));
      letGo();
    },
    kill: () => {
      for (const child of [...begun.roles, ...services.children]) child.kill();
      letGo();
    },
  };
}

async function stopAll(
  { services, roles }: { services?: RunningServices; roles: Supervised[] },
  endWork?: () => Promise<void> | undefined,
): Promise<void> {
  await Promise.all(roles.map((role) => role.stop()));
  await Promise.all([endWork?.(), services?.stop()]);
}

function describeUp(
  ready: boolean,
  since: string,
  { temporal, databaseUrl, children }: RunningServices,
  roles: readonly string[],
  running: readonly Supervised[],
): UpState {
  const pidOf = (name: string) => running.find((child) => child.name === name)?.identity()?.pid;
  return {
    ...selfIdentity(),
    since,
    ready,
    temporalAddress: temporal.address,
    temporalNamespace: temporal.namespace,
    temporalTls: temporal.tls,
    databaseUrl,
    roles: roles.map((role) => ({ role, pid: pidOf(`worker ${role}`) })),
    services: children.map((child) => ({ name: child.name, pid: child.identity()?.pid })),
  };
}

function inWords(event: ChildEvent): string {
  switch (event.kind) {
    case 'ready':
      return `ready (process ${event.pid})`;
    case 'died':
      return `${event.status}; starts again in ${event.againInMs / 1000} s`;
  }
}
