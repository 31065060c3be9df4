import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../store/database.ts';
import { slackHasAll, threadState } from '../store/thread.ts';

const LOOK_EVERY_MS = 100;

/**
 * Before everything is stopped at the end of a release: gives Slack a short while to take the last words.
 * Undefined when it has them, else a sentence that says why it lags; whatever runs next time goes on posting.
 */
export async function waitForSlack(
  db: Db,
  release: string,
  { withinMs = 10_000, signal }: { withinMs?: number; signal?: AbortSignal } = {},
): Promise<string | undefined> {
  const deadline = Date.now() + withinMs;
  while (!(await slackHasAll(db, release))) {
    if (Date.now() > deadline || signal?.aborted) {
      const problem = (await threadState(db, release))?.problem ?? 'it has not taken everything yet';
      return `Slack does not show the end of ${release} yet (${problem}); it is posted when Patchwright runs again`;
    }
    await sleep(LOOK_EVERY_MS);
  }
  return undefined;
}
