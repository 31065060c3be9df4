import { Context } from '@temporalio/activity';

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
