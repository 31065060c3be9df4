import { ParentClosePolicy, startChild, uuid4 } from '@temporalio/workflow';
import { finaliseProblem } from '../decisions/finalise.ts';
import type { EnvironmentState, FinaliseAnswer, FinaliseRequest } from './environment-messages.ts';
import { finaliseId } from './environment-messages.ts';
import { finalise } from './finalise.ts';

/** Takes a request to finalise on, one at a time. It outlives this history of the environment. */
export async function askToFinalise(state: EnvironmentState, request: FinaliseRequest): Promise<FinaliseAnswer> {
  const { environment, promoted } = state;
  const problem = finaliseProblem(state);
  if (problem !== undefined || !promoted) return { kind: 'refused', reasons: [problem ?? 'nothing was promoted'] };
  const { rollout } = promoted;
  const { level } = request;
  const approval = `${rollout}/finalise/${level}/${uuid4().slice(0, 6)}`;
  try {
    await startChild(finalise, {
      workflowId: finaliseId(environment),
      args: [{ ...request, environment, rollout, approval }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `${level} in ${environment}, for good`,
    });
  } catch (error) {
    if (!(error instanceof Error && error.name === 'WorkflowExecutionAlreadyStartedError')) throw error;
    return { kind: 'refused', reasons: [`another level of ${environment} waits already: npx patchwright approvals`] };
  }
  return { kind: 'asked', approval };
}
