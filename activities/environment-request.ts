import { type Client, WithStartWorkflowOperation, type Workflow } from '@temporalio/client';
import type { BrakeOrder, EnvironmentState, RequestAnswer, RolloutRequest } from '../workflows/environment-messages.ts';

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

    /** Puts back what a roll-out changed, because its release was cancelled. Once it has ended there is nothing to abort. */
    async abortRollout({
      environment,
      rollout,
      by,
    }: {
      environment: string;
      rollout: string;
      by: string;
    }): Promise<void> {
      const handle = temporal.workflow.getHandle(workflowId(environment));
      const state = await handle.query<EnvironmentState>('environmentState');
      if (state.running?.request.order.rollout !== rollout || state.running.aborted) return;
      const order: BrakeOrder = { kind: 'abort', by, reason: 'the release was cancelled' };
      await handle.executeUpdate<EnvironmentState, [BrakeOrder]>('brake', { args: [order] });
    },
  };
}

export type EnvironmentRequestActivities = ReturnType<typeof createEnvironmentRequestActivities>;

// As `environmentId` of workflows/environment-messages.ts: an activity imports only types from there.
const workflowId = (environment: string) => `environment:${environment}`;

/** Starts the environment's workflow, or takes the one that runs: for every update that is sent to it. */
export function startEnvironment(environment: string) {
  const state: EnvironmentState = { environment, ended: [] };
  return new WithStartWorkflowOperation<(state: EnvironmentState) => Promise<void>>('environment', {
    workflowId: workflowId(environment),
    taskQueue: 'patchwright',
    args: [state],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `What runs in ${environment}, and why`,
  });
}
