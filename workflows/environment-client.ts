import {
  CancellationScope,
  condition,
  isCancellation,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { EnvironmentRequestActivities } from '../activities/environment-request.ts';
import type { StoryActivities } from '../activities/story.ts';
import { rolloutEnded } from './environment-messages.ts';
import type { Digest, RolloutOrder, RolloutOutcome } from './types.ts';

const { askForRollout, abortRollout } = proxyActivities<EnvironmentRequestActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

const { tell } = proxyActivities<StoryActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

type Order = RolloutOrder & { settings: Digest; expedite?: boolean; expediteApproval?: string };

/** Asked again this often, in case that the word of the end was lost with its environment. */
const ASK_AGAIN = '10 minutes';

/**
 * Rolls one candidate out through one environment, and waits for its outcome: for a release to call. The
 * environment is started when it does not exist, and says when the roll-out has ended. A cancelled release
 * takes its roll-out back, and waits for that too: nothing is left half done.
 */
export async function rollOut(order: Order): Promise<RolloutOutcome> {
  const ended = new Map<string, RolloutOutcome>();
  setHandler(rolloutEnded, ({ rollout, outcome }) => {
    ended.set(rollout, outcome);
  });
  try {
    return await askUntilEnded(order, ended);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    const { environment, rollout, requestedBy } = order;
    await CancellationScope.nonCancellable(async () => {
      await abortRollout({ environment, rollout, by: requestedBy });
      await askUntilEnded(order, ended);
    });
    throw error;
  }
}

/** Told once: the message's key is the roll-out's. */
async function tellWaiting({ release, rollout, environment, candidate }: Order, why: string[]): Promise<void> {
  const text = `${environment}: ${candidate.version} waits: ${why.join('; ')}`;
  await tell({ release, key: `${rollout}/waits`, text, tone: 'warn' });
}

async function askUntilEnded(order: Order, ended: Map<string, RolloutOutcome>): Promise<RolloutOutcome> {
  const { workflowId, runId } = workflowInfo();
  for (;;) {
    const answer = await askForRollout({ order, requester: workflowId, run: runId });
    if (answer.kind === 'refused') return { kind: 'held', reasons: answer.reasons };
    if (answer.kind === 'ended') return answer.outcome;
    if (answer.waits) await tellWaiting(order, answer.waits);
    await condition(() => ended.has(order.rollout), ASK_AGAIN);
    const outcome = ended.get(order.rollout);
    if (outcome) return outcome;
  }
}
