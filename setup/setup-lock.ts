import { join } from 'node:path';
import { describeHolder, withLock } from '../lib/lock.ts';
import type { Machine } from './machine.ts';
import type { Progress } from './progress.ts';

// A build of the Temporal server takes minutes on a small machine; the other process may be at it.
const WAIT_MS = 45 * 60_000;

/** Runs one set-up step alone among all processes of this user. What another one has made meanwhile is found by `work`. */
export function alone<T>(machine: Machine, step: string, progress: Progress, work: () => Promise<T>): Promise<T> {
  const folder = join(machine.cacheDir, 'locks', step.replaceAll(/[^\w.-]+/g, '-'));
  return withLock(
    folder,
    {
      purpose: `set up ${step}`,
      waitMs: WAIT_MS,
      onWait: (holder) => progress(step, `waits for ${describeHolder(holder)}`),
    },
    work,
  );
}
