import { Context } from '@temporalio/activity';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';

/**
 * Looks again and again until there is an answer, with a heartbeat each time: so a cancellation arrives,
 * and a worker that died is noticed.
 *
 * @throws CancelledFailure when the activity was cancelled.
 */
export async function pollWithHeartbeat<T>(
  everyMs: number,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const context = Context.current();
  for (;;) {
    const answer = await look();
    if (answer !== undefined) return answer;
    context.heartbeat();
    await context.sleep(everyMs);
  }
}

/** What keeps its progress in its heartbeats and beats by itself: another beat would overwrite it. */
const KEEPS_PROGRESS: readonly string[] = ['soakEnvironment'];
const BEAT_MS = 2_000;

/**
 * Beats for every activity that has a heartbeat timeout, while its worker lives: one that was killed is then
 * noticed within that time also in the middle of what has nothing to say (a query, a plan), and not at the very
 * end of the activity's own time.
 */
export const beatMeanwhile: ActivityInterceptorsFactory = (context) => ({
  inbound: {
    async execute(input, next) {
      const { heartbeatTimeoutMs, activityType } = context.info;
      if (!heartbeatTimeoutMs || KEEPS_PROGRESS.includes(activityType)) return next(input);
      const timer = setInterval(() => context.heartbeat(), BEAT_MS);
      try {
        return await next(input);
      } finally {
        clearInterval(timer);
      }
    },
  },
});
