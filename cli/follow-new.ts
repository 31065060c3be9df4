import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../store/database.ts';
import { listReleases } from '../store/releases.ts';
import { followStory, type StoryOutput } from './follow-story.ts';

const LOOK_EVERY_MS = 1_000;

/** Shows the story of every release that starts after this one, until the signal. */
export async function followNewReleases(db: Db, out: StoryOutput, signal: AbortSignal): Promise<void> {
  const seen = new Set((await listReleases(db)).map(({ id }) => id));
  while (!signal.aborted) {
    const fresh = (await listReleases(db, { limit: 10 })).filter(({ id }) => !seen.has(id)).reverse();
    for (const { id } of fresh) {
      seen.add(id);
      await followStory(db, id, out, { signal });
    }
    await sleep(LOOK_EVERY_MS);
  }
}
