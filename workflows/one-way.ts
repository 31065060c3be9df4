import { executeChild, patched, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { ReversibilityActivities } from '../activities/reversibility.ts';
import { outcomeWords } from '../decisions/approval.ts';
import { needsOneWayApproval, oneWayQuestion } from '../decisions/one-way-approval.ts';
import { approval } from './approval.ts';
import { approvalId } from './approval-messages.ts';
import type { Cut, ReleaseInput } from './release.ts';
import type { Build } from './types.ts';

const { judgeReversibility, differenceSinceApproved } = proxyActivities<ReversibilityActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 10 },
});

/** Why the old artifact could not be put back, or undefined: of what runs anywhere, from what the patches touch. */
export async function oneWayReasons(
  { fork, settings, environments }: ReleaseInput,
  cut: Cut,
): Promise<string[] | undefined> {
  if (environments.length === 0 || !patched('reversibility')) return undefined;
  const order = { fork, settings, base: cut.base.commit, candidate: cut.candidate.commit };
  const judged = await judgeReversibility(order);
  return judged.kind === 'one-way' ? judged.reasons : undefined;
}

/** People decide once a candidate, before the second environment. A release that is tried again asks again. */
export async function askForOneWay(
  { release, fork, settings, requestedBy, environments }: ReleaseInput,
  n: number,
  { cut: { base, patches }, candidate, reasons }: { cut: Cut; candidate: Build; reasons: string[] },
): Promise<{ approval: string; refusal?: string }> {
  const { commit } = candidate;
  const difference = patched('difference-shown') ? await differenceSinceApproved({ fork, base, commit, reasons }) : [];
  const where = environments.filter((environment) => needsOneWayApproval(environments, environment));
  const id = `${release}/${n}/one-way/${workflowInfo().runId.slice(0, 6)}`;
  const question = oneWayQuestion({
    id,
    release,
    candidate,
    reasons,
    settings,
    requestedBy,
    patches,
    environments: where,
    difference,
  });
  const outcome = await executeChild(approval, {
    workflowId: approvalId(id),
    args: [question],
    staticSummary: question.title,
  });
  if (outcome.kind === 'approved') return { approval: id };
  return { approval: id, refusal: `${question.title} ${outcomeWords(outcome)}` };
}
