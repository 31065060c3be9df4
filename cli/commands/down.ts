import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stateFoldersIn, stateOf, stopDetached } from '../../lib/detached.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { isAlive, signalProcess } from '../../lib/process-identity.ts';
import { takeDataFolder, whoHasDataFolder } from '../../services/data-folder.ts';
import type { Progress } from '../../setup/progress.ts';

export interface DownOptions {
  dataDir: string;
  /** Stops the environments' clusters in their own order (brokers before controllers, traffic first). */
  stopEnvironments?: ((dataDir: string) => Promise<void>) | undefined;
  progress: Progress;
}

/** What was running and is not any more. */
export interface DownReport {
  up: { pid: number } | null;
  detached: { dir: string; pid: number; exitCode: number | null }[];
}

// `up` needs at most 10 s; then it is stuck, and its children end with it.
const UP_ENDS_WITHIN_MS = 15_000;
const DETACHED_GRACE_MS = 15_000;

/** `patchwright down`: stops the `up` of a data folder and every detached process in it. Safe to repeat. */
export async function down(options: DownOptions): Promise<DownReport> {
  const dataDir = resolve(options.dataDir);
  if (!existsSync(dataDir)) return { up: null, detached: [] };
  const stopped = await stopUp(dataDir, options.progress);
  // Held meanwhile, so that no new `up` adopts what is about to be stopped.
  const release = takeDataFolder(dataDir, 'patchwright down');
  try {
    const running = stateFoldersIn(dataDir).filter((dir) => stateOf(dir).kind === 'running');
    if (running.length > 0) await options.stopEnvironments?.(dataDir);
    const detached = await Promise.all(running.map((dir) => stopOne(dataDir, dir, options.progress)));
    return { up: stopped, detached };
  } finally {
    release();
  }
}

async function stopUp(dataDir: string, progress: Progress): Promise<{ pid: number } | null> {
  const holder = whoHasDataFolder(dataDir);
  if (!holder) return null;
  progress('patchwright up', `stopping process ${holder.pid}`);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!signalProcess(holder, signal)) break;
    const deadline = Date.now() + UP_ENDS_WITHIN_MS;
    while (isAlive(holder) && Date.now() < deadline) await sleep(50);
  }
  if (isAlive(holder)) throw new ExitError(4, `process ${holder.pid} does not end, not even when killed`);
  return { pid: holder.pid };
}

async function stopOne(dataDir: string, dir: string, progress: Progress): Promise<DownReport['detached'][number]> {
  const before = stateOf(dir);
  progress('detached process', `stopping ${relative(dataDir, dir)}`);
  const state = await stopDetached(dir, { graceMs: DETACHED_GRACE_MS });
  return {
    dir: relative(dataDir, dir),
    pid: before.kind === 'unknown' ? 0 : before.process.pid,
    exitCode: state.kind === 'ended' ? (state.exitCode ?? null) : null,
  };
}
