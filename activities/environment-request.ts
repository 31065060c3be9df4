import { type Client, WithStartWorkflowOperation, type Workflow, type WorkflowHandle } from '@temporalio/client';
import type { Settings } from '../config/schema.ts';
import type { Db } from '../store/database.ts';
import { unendedElsewhere } from '../store/rollouts.ts';
import type { BrakeOrder, EnvironmentState, RequestAnswer, RolloutRequest } from '../workflows/environment-messages.ts';
import type { Digest } from '../workflows/types.ts';
import { startPolicy } from './start-policy.ts';

export type EnvironmentRequestDeps = {
  temporal: Pick<Client, 'workflow'>;
  db: Db;
  settings: (digest: Digest) => Promise<Settings>;
};

/** What a release asks an environment for; the environment's workflow is started when there is none. */
export function createEnvironmentRequestActivities({ temporal, db, settings }: EnvironmentRequestDeps) {
  return {
    /** Safe to repeat: the environment answers the same request with how it stands, and starts nothing twice. */
    async askForRollout(asked: RolloutRequest): Promise<RequestAnswer> {
      const { environment, expedite = false } = asked.order;
      const rules = (await settings(asked.order.settings)).environments[environment];
      const request = rules ? { ...asked, start: startPolicy(rules, expedite, new Date()) } : asked;
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
      type Withdrawal = [{ rollout: string; by: string }];
      if (await handle.executeUpdate<boolean, Withdrawal>('withdrawRollout', { args: [{ rollout, by }] })) return;
      const state = await handle.query<EnvironmentState>('environmentState');
      if (state.running?.request.order.rollout !== rollout || state.running.aborted) return;
      const order: BrakeOrder = { kind: 'abort', by, reason: 'the release was cancelled' };
      await handle.executeUpdate<EnvironmentState, [BrakeOrder]>('brake', { args: [order] });
    },

    /**
     * G5: an artifact that was rolled back somewhere is on its way nowhere. Safe to repeat: what is aborted already, or
     * has ended, is left alone.
     */
    async stopElsewhere(order: { environment: string; digest: Digest; because: string }): Promise<void> {
      for (const other of await unendedElsewhere(db, order)) {
        const handle = temporal.workflow.getHandle(workflowId(other.environment));
        const state = await handle.query<EnvironmentState>('environmentState');
        if (state.running?.request.order.rollout !== other.id || state.running.aborted) continue;
        const reason = `the same artifact was rolled back by ${order.because}`;
        const abort: BrakeOrder = { kind: 'abort', by: 'patchwright', reason };
        await handle.executeUpdate<EnvironmentState, [BrakeOrder]>('brake', { args: [abort] });
      }
    },

    /**
     * Keeps any other roll-out from starting, for a watch that has to put something back. `busy`: one runs already, and
     * the environment is its. Safe to repeat: a freeze that stands is taken as it is.
     */
    async freezeForWatch({ environment, reason }: { environment: string; reason: string }): Promise<'frozen' | 'busy'> {
      const handle = temporal.workflow.getHandle(workflowId(environment));
      const order: BrakeOrder = { kind: 'freeze', by: WATCH, reason };
      const state = await handle.executeUpdate<EnvironmentState, [BrakeOrder]>('brake', { args: [order] });
      if (!state.running) return 'frozen';
      await unfreeze(handle, state);
      return 'busy';
    },

    /** Takes our own freeze away; a person's stays. Safe to repeat. */
    async unfreezeAfterWatch({ environment }: { environment: string }): Promise<void> {
      const handle = temporal.workflow.getHandle(workflowId(environment));
      await unfreeze(handle, await handle.query<EnvironmentState>('environmentState'));
    },
  };
}

const WATCH = 'the watch';

async function unfreeze(handle: WorkflowHandle, { frozen }: EnvironmentState): Promise<void> {
  if (frozen?.by !== WATCH) return;
  const order: BrakeOrder = { kind: 'unfreeze', by: WATCH, reason: 'the watch has ended' };
  await handle.executeUpdate<EnvironmentState, [BrakeOrder]>('brake', { args: [order] });
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
