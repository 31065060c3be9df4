import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What the work comes to, unless that takes longer than so many milliseconds: then nobody waits for it any more. The
 * work itself goes on, so that it has to end within bounds of its own.
 *
 * @throws an Error that says `what`, and after how many seconds.
 */
export async function withinTime<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  const done = new AbortController();
  const limit = sleep(limitMs, undefined, { signal: done.signal }).then(() => {
    throw new Error(`${what} within ${Math.round(limitMs / 1_000)} s`);
  });
  // Whichever comes second has nobody to tell.
  work.catch(() => undefined);
  limit.catch(() => undefined);
  try {
    return await Promise.race([work, limit]);
  } finally {
    done.abort();
  }
}
