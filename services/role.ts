import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TemporalSettings } from '../config/env.ts';
import { dieWithParent } from '../lib/die-with-parent.ts';
import { readJsonFile } from '../lib/json-file.ts';
import { isAlive, type ProcessIdentity } from '../lib/process-identity.ts';
import { forgetReady } from '../lib/ready-file.ts';
import type { ChildPlan } from './supervised.ts';

export interface RoleOptions {
  role: string;
  /** The TypeScript file that is a worker: `worker.ts`. */
  workerFile: string;
  dataDir: string;
  configFile?: string | undefined;
  temporal: TemporalSettings;
  databaseUrl: string;
  /** A worker may need every secret that the configuration refers to: it gets the whole environment. */
  env: Readonly<Record<string, string | undefined>>;
  interrupted?: AbortSignal | undefined;
}

// Bundling the workflows on a busy machine; a worker that hangs is an error all the same.
const READY_WITHIN_MS = 120_000;
// Ends its activities' current step; whatever outlives a worker is detached and adopted.
const GRACE_MS = 4_000;

/**
 * Flags of Node for a role. Agents send and read large texts, which are garbage a turn later: with the heap that Node
 * begins with, the activity worker cleans up every fifth turn, and that took a third of its CPU (`npm run bench -- agent`).
 * Results of tests are small and many: the suite worker has 45 MB that live, and Node let what is garbage grow to three
 * times as much before it looked (`npm run bench -- scale`).
 */
export const nodeFlagsOf = (role: string): string[] => FLAGS[role] ?? [];

const FLAGS: Readonly<Record<string, string[]>> = {
  activity: ['--initial-heap-size=300'],
  suite: ['--max-semi-space-size=8'],
};

/** How the supervisor runs `node worker.ts --role R`. It says that it serves by its ready file. */
export function planRole(options: RoleOptions): ChildPlan {
  const { role, workerFile, dataDir } = options;
  const readyFile = join(dataDir, 'roles', `${role}.ready`);
  return {
    name: `worker ${role}`,
    command: async () => {
      forgetReady(readyFile);
      const [command = '', ...args] = dieWithParent('TERM', [
        ...[process.execPath, ...nodeFlagsOf(role)],
        ...[workerFile, '--role', role],
      ]);
      return { command, args, env: roleEnvironment(options, readyFile), cwd: process.cwd() };
    },
    ready: (signal) => announces(readyFile, signal),
    logFile: join(dataDir, 'logs', `worker-${role}.log`),
    identityFile: join(dataDir, 'roles', `${role}.json`),
    stopSignals: ['SIGTERM'],
    graceMs: GRACE_MS,
    attempts: 1,
    interrupted: options.interrupted,
  };
}

function roleEnvironment(options: RoleOptions, readyFile: string): Record<string, string> {
  const { env, dataDir, configFile, temporal, databaseUrl, role } = options;
  const ours: Record<string, string | undefined> = {
    PATCHWRIGHT_ROLE: role,
    PATCHWRIGHT_DATA: dataDir,
    PATCHWRIGHT_CONFIG: configFile,
    PATCHWRIGHT_DATABASE_URL: databaseUrl,
    PATCHWRIGHT_TEMPORAL_ADDRESS: temporal.address,
    PATCHWRIGHT_READY_FILE: readyFile,
    TEMPORAL_NAMESPACE: temporal.namespace,
  };
  const all = Object.entries({ ...env, ...ours });
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

async function announces(readyFile: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const announced = readJsonFile<ProcessIdentity>(readyFile);
    if (announced && isAlive(announced)) return;
    signal.throwIfAborted();
    if (Date.now() > deadline) throw new Error(`it has not announced itself within ${READY_WITHIN_MS / 1000} s`);
    await sleep(25);
  }
}
