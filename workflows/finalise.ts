import { CancellationScope, executeChild, proxyActivities } from '@temporalio/workflow';
import type { EnvironmentRequestActivities } from '../activities/environment-request.ts';
import type { FinaliseActivities } from '../activities/finalise.ts';
import type { StoryActivities } from '../activities/story.ts';
import { outcomeWords } from '../decisions/approval.ts';
import { approval } from './approval.ts';
import { approvalId } from './approval-messages.ts';
import type { FinaliseOrder, FinaliseOutcome } from './types.ts';

const { lookToFinalise, finaliseLevel } = proxyActivities<FinaliseActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '15 seconds',
  retry: { maximumInterval: '10 seconds' },
});

const { freezeToFinalise, unfreezeAfterFinalise } = proxyActivities<EnvironmentRequestActivities>({
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

/**
 * Raises the metadata version of one environment for good (K16).
 *
 *   1. Look: every node runs what was promoted, every broker knows the level, the bake has passed. Else refused.
 *   2. Ask people: bound to environment, roll-out, artifacts and level.
 *   3. Keep roll-outs out meanwhile. Whoever braked the environment, or rolls out there, comes first.
 *   4. Look again, ask the approval again, raise, read back.
 *   5. Let roll-outs in again, and tell the release's thread.
 */
export async function finalise(order: FinaliseOrder): Promise<FinaliseOutcome> {
  const outcome = await toOutcome(order);
  const { environment, level } = order;
  const said =
    outcome.kind === 'finalised'
      ? `metadata.version is ${level}, for good`
      : `${level} was not finalised: ${outcome.reasons.join('; ')}`;
  const tone = outcome.kind === 'finalised' ? 'good' : 'bad';
  await tell({ release: outcome.release, key: `${order.approval}/ended`, text: `${environment}: ${said}`, tone });
  return outcome;
}

async function toOutcome(order: FinaliseOrder): Promise<FinaliseOutcome> {
  const looked = await lookToFinalise(order);
  if (looked.kind === 'refused') return looked;
  const { question } = looked;
  const release = question.release ?? order.rollout;
  const decided = await executeChild(approval, {
    workflowId: approvalId(question.id),
    args: [question],
    staticSummary: question.title,
  });
  if (decided.kind !== 'approved') return { kind: 'refused', release, reasons: [outcomeWords(decided)] };
  const { environment } = order;
  const { problem } = await freezeToFinalise({ environment });
  if (problem !== undefined) return { kind: 'refused', release, reasons: [`${problem}; ask again`] };
  try {
    return await finaliseLevel(order);
  } finally {
    await CancellationScope.nonCancellable(() => unfreezeAfterFinalise({ environment }));
  }
}
