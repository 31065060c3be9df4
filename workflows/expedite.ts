import { executeChild, patched, workflowInfo } from '@temporalio/workflow';
import { expediteQuestion } from '../decisions/expedite-approval.ts';
import { approval } from './approval.ts';
import { approvalId } from './approval-messages.ts';
import type { Cut, ReleaseInput } from './release.ts';
import type { Build } from './types.ts';

/**
 * The approval under which a candidate takes the expedited lane, or undefined: then it goes in the ordinary one, which
 * nobody has to allow. Asked once a candidate; each environment looks at it again (activities/environment-request.ts).
 */
export async function expediteApproval(
  { release, settings, requestedBy, environments, expedite, steered }: ReleaseInput,
  n: number,
  { cut, candidate }: { cut: Cut; candidate: Build },
  enter: (step: string) => Promise<void>,
): Promise<string | undefined> {
  if (!expedite || environments.length === 0 || !patched('expedite-approved')) return undefined;
  await enter('approval');
  const id = `${release}/${n}/expedite/${workflowInfo().runId.slice(-6)}`;
  const { patches } = cut;
  const about = { id, release, settings, requestedBy, candidate, patches, environments };
  const question = expediteQuestion({ ...about, ...(steered && { steered }) });
  const outcome = await executeChild(approval, {
    workflowId: approvalId(id),
    args: [question],
    staticSummary: question.title,
  });
  return outcome.kind === 'approved' ? id : undefined;
}
