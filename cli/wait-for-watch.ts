import { setTimeout as sleep } from 'node:timers/promises';
import { gateSettingsOf } from '../activities/rollout/gate-settings.ts';
import type { Settings } from '../config/schema.ts';
import type { Db } from '../store/database.ts';
import { openWatches } from '../store/gates.ts';

const LOOK_MS = 250;
/** The last look of a watch ends it a moment after its time. */
const SLACK_MS = 3_000;

/** Waits for the watches of a release that went through, each no longer than its environment is configured to be watched. */
export async function waitForWatch(
  db: Db,
  settings: Settings,
  release: string,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  for (;;) {
    const open = await openWatches(db, release);
    const left = open.filter(({ environment, begunAtMs }) => {
      const configured = settings.environments[environment];
      const seconds = configured ? gateSettingsOf(configured).watchSeconds : 0;
      return Date.now() < begunAtMs + seconds * 1000 + SLACK_MS;
    });
    if (left.length === 0 || signal.aborted) return;
    await sleep(LOOK_MS);
  }
}
