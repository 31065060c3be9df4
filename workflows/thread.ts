import {
  condition,
  continueAsNew,
  defineSignal,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { StoryActivities } from '../activities/story.ts';

/** Something was told. Sent with signal-with-start to `thread:<release>`, so that nobody waits for Slack. */
export const told = defineSignal('told');

const { drainThread } = proxyActivities<StoryActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '10 minutes',
  // One beat a message; a message is at most a few calls of Slack, each bounded by the client's own 10 s.
  heartbeatTimeout: '45 seconds',
  // Slack away for a day must not lose the story; Slack's own Retry-After overrides the interval.
  retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

const REFUSED_RETRY = '5 minutes';
const NOTHING_TOLD = '30 days';

/**
 * Carries a release's thread to Slack, in order, at whatever pace Slack allows.
 *
 *   1. Post what was told and is not there yet.
 *   2. Refused (token, channel, scope): a human must act; look again later, or when more is told.
 *   3. What is updated while something is done is updated so often and no oftener: come back for it.
 *   4. Wait for the next thing told; the end of the story ends this workflow.
 */
export async function thread({ release }: { release: string }): Promise<void> {
  let news = true;
  setHandler(told, () => {
    news = true;
  });
  while (news) {
    news = false;
    const drained = await drainThread({ release });
    if (drained.kind === 'closed' && !news) return;
    if (drained.kind === 'refused') {
      await Promise.race([sleep(REFUSED_RETRY), condition(() => news)]);
      news = true;
    } else if (drained.kind === 'idle' && drained.laterMs !== undefined) {
      await condition(() => news, drained.laterMs);
      news = true;
    } else {
      await condition(() => news, NOTHING_TOLD);
    }
    if (workflowInfo().continueAsNewSuggested || workflowInfo().historyLength > 1500)
      await continueAsNew<typeof thread>({ release });
  }
}
