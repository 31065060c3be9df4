import { condition, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { EnvironmentRequestActivities } from '../activities/environment-request.ts';
import { rolloutEnded } from './environment-messages.ts';
import type { Digest, RolloutOrder, RolloutOutcome } from './types.ts';

const { askForRollout } = proxyActivities<EnvironmentRequestActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  retry: { maximumInterval: '10 seconds' },
});

/** Asked again this often, in case that the word of the end was lost with its environment. */
const ASK_AGAIN = '10 minutes';

/**
 * Rolls one candidate out through one environment, and waits for its outcome: for a release to call. The
 * environment is started when it does not exist, and says when the roll-out has ended.
 */
export async function rollOut(order: RolloutOrder & { settings: Digest }): Promise<RolloutOutcome> {
  const ended = new Map<string, RolloutOutcome>();
  setHandler(rolloutEnded, ({ rollout, outcome }) => {
    ended.set(rollout, outcome);
  });
  const { workflowId, runId } = workflowInfo();
  for (;;) {
    const answer = await askForRollout({ order, requester: workflowId, run: runId });
    if (answer.kind === 'refused') return { kind: 'held', reasons: answer.reasons };
    if (answer.kind === 'ended') return answer.outcome;
    await condition(() => ended.has(order.rollout), ASK_AGAIN);
    const outcome = ended.get(order.rollout);
    if (outcome) return outcome;
  }
}
