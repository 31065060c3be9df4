import { type Client, WithStartWorkflowOperation, type Workflow } from '@temporalio/client';
import type { EnvironmentState, RequestAnswer, RolloutRequest } from '../workflows/environment-messages.ts';

export type EnvironmentRequestDeps = { temporal: Pick<Client, 'workflow'> };

/** What a release asks an environment for; the environment's workflow is started when there is none. */
export function createEnvironmentRequestActivities({ temporal }: EnvironmentRequestDeps) {
  return {
    /** Safe to repeat: the environment answers the same request with how it stands, and starts nothing twice. */
    async askForRollout(request: RolloutRequest): Promise<RequestAnswer> {
      const { environment } = request.order;
      return temporal.workflow.executeUpdateWithStart<Workflow, RequestAnswer, [RolloutRequest]>('requestRollout', {
        args: [request],
        startWorkflowOperation: startEnvironment(environment),
      });
    },
  };
}

export type EnvironmentRequestActivities = ReturnType<typeof createEnvironmentRequestActivities>;

/** Starts the environment's workflow, or takes the one that runs: for every update that is sent to it. */
export function startEnvironment(environment: string) {
  const state: EnvironmentState = { environment, ended: [] };
  return new WithStartWorkflowOperation<(state: EnvironmentState) => Promise<void>>('environment', {
    workflowId: `environment:${environment}`,
    taskQueue: 'patchwright',
    args: [state],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `What runs in ${environment}, and why`,
  });
}
