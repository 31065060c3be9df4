import {
  type Client,
  WithStartWorkflowOperation,
  type Workflow,
  type WorkflowHandle,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Settings } from '../config/schema.ts';
import { expediteBinds } from '../decisions/expedite-approval.ts';
import { finaliseProblem } from '../decisions/finalise.ts';
import type { Db } from '../store/database.ts';
import { unendedElsewhere } from '../store/rollouts.ts';
import type {
  BrakeOrder,
  EnvironmentState,
  RequestAnswer,
  RolloutRequest,
  Withdrawal,
} from '../workflows/environment-messages.ts';
import type { Digest } from '../workflows/types.ts';
import { whyNotApproved } from './approvals.ts';
import { startPolicy } from './start-policy.ts';

export type EnvironmentRequestDeps = {
  temporal: Pick<Client, 'workflow'>;
  db: Db;
  settings: (digest: Digest) => Promise<Settings>;
};

/** What a release asks an environment for; the environment's workflow is started when there is none. */
export function createEnvironmentRequestActivities(deps: EnvironmentRequestDeps) {
  const { temporal, settings } = deps;
  return {
    /** Safe to repeat: the environment answers the same request with how it stands, and starts nothing twice. */
    async askForRollout(asked: RolloutRequest): Promise<RequestAnswer> {
      const { environment, expedite = false } = asked.order;
      const all = await settings(asked.order.settings);
      const rules = all.environments[environment];
      const refusal = expedite ? await notExpedited(deps.db, all, asked.order) : undefined;
      const lane = expedite && refusal === undefined;
      const request = rules ? { ...asked, start: startPolicy(rules, lane, new Date()) } : asked;
      const startWorkflowOperation = startEnvironment(environment);
      const answer = await temporal.workflow.executeUpdateWithStart<Workflow, RequestAnswer, [RolloutRequest]>(
        'requestRollout',
        { args: [request], startWorkflowOperation },
      );
      if (refusal === undefined || answer.kind !== 'accepted' || !answer.waits) return answer;
      return { ...answer, waits: [`not in the expedited lane (${refusal})`, ...answer.waits] };
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
      if (await handle.executeUpdate<boolean, [Withdrawal]>('withdrawRollout', { args: [{ rollout, by }] })) return;
      const state = await handle.query<EnvironmentState>('environmentState');
      if (state.running?.request.order.rollout !== rollout || state.running.aborted) return;
      const order: BrakeOrder = { kind: 'abort', by, reason: 'the release was cancelled' };
      await handle.executeUpdate<EnvironmentState, [BrakeOrder]>('brake', { args: [order] });
    },

    /**
     * G5: an artifact that is rolled back somewhere is on its way nowhere: what runs is aborted, what waits leaves its
     * queue. Safe to repeat: what is aborted already, or has ended, is left alone. One environment that does not answer
     * keeps none of the others waiting.
     */
    async stopElsewhere(order: StopOrder): Promise<void> {
      const problems: string[] = [];
      for (const environment of await placesOf(deps, order)) {
        try {
          await stopIn(temporal.workflow.getHandle(workflowId(environment)), environment, order);
        } catch (error) {
          // Nobody ever rolled anything out there.
          if (error instanceof WorkflowNotFoundError) continue;
          problems.push(`${environment}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      if (problems.length > 0) throw new Error(`cannot stop ${order.digest} in ${problems.join('; ')}`);
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
      await unfreeze(handle, state, WATCH);
      return 'busy';
    },

    /** Takes our own freeze away; a person's stays. Safe to repeat. */
    async unfreezeAfterWatch({ environment }: { environment: string }): Promise<void> {
      const handle = temporal.workflow.getHandle(workflowId(environment));
      await unfreeze(handle, await handle.query<EnvironmentState>('environmentState'), WATCH);
    },

    /**
     * Keeps roll-outs out while a level is raised for good. `problem`: one runs, or somebody braked the environment;
     * that comes first. Safe to repeat: our own freeze is taken as it is.
     */
    async freezeToFinalise({ environment }: { environment: string }): Promise<{ problem?: string }> {
      const handle = temporal.workflow.getHandle(workflowId(environment));
      const order: BrakeOrder = { kind: 'freeze', by: FINALISE, reason: 'a level is raised for good' };
      const state = await handle.executeUpdate<EnvironmentState, [BrakeOrder]>('brake', { args: [order] });
      const { frozen, ...others } = state;
      const problem = finaliseProblem(frozen?.by === FINALISE ? others : state);
      if (problem === undefined) return {};
      await unfreeze(handle, state, FINALISE);
      return { problem };
    },

    /** Takes that freeze away; a person's stays. Safe to repeat. */
    async unfreezeAfterFinalise({ environment }: { environment: string }): Promise<void> {
      const handle = temporal.workflow.getHandle(workflowId(environment));
      await unfreeze(handle, await handle.query<EnvironmentState>('environmentState'), FINALISE);
    },
  };
}

/** Why it may not take the expedited lane after all: asked where it is about to be taken. */
async function notExpedited(db: Db, settings: Settings, order: RolloutRequest['order']): Promise<string | undefined> {
  const { expediteApproval: id, rollout } = order;
  if (id === undefined) return 'nobody was asked for it';
  return whyNotApproved(db, { id, binds: expediteBinds(order), settings, use: `${rollout}/expedite` });
}

/** `settings` names the environments in whose queues it may wait; an older history does not tell them. */
export type StopOrder = { environment: string; digest: Digest; because: string; settings?: Digest };

/** Where it may be on its way: the store knows what has started, the configuration where something may wait. */
async function placesOf({ db, settings }: EnvironmentRequestDeps, order: StopOrder): Promise<string[]> {
  const started = (await unendedElsewhere(db, order)).map(({ environment }) => environment);
  const configured = order.settings === undefined ? [] : Object.keys((await settings(order.settings)).environments);
  return [...new Set([...started, ...configured])];
}

/** First what waits: between two looks it may have started, never gone back. */
async function stopIn(handle: WorkflowHandle, environment: string, { digest, because, ...order }: StopOrder) {
  const by = 'patchwright';
  const reason = `the same artifact was rolled back by ${because}`;
  const { queue = [] } = await handle.query<EnvironmentState>('environmentState');
  for (const { request } of queue.filter((one) => one.request.order.candidate.digest === digest)) {
    const withdrawal: Withdrawal = { rollout: request.order.rollout, by, reason };
    await handle.executeUpdate<boolean, [Withdrawal]>('withdrawRollout', { args: [withdrawal] });
  }
  // Here it is what is being put back.
  if (environment === order.environment) return;
  const { running } = await handle.query<EnvironmentState>('environmentState');
  if (running?.request.order.candidate.digest !== digest || running.aborted) return;
  const abort: BrakeOrder = { kind: 'abort', by, reason };
  await handle.executeUpdate<EnvironmentState, [BrakeOrder]>('brake', { args: [abort] });
}

const WATCH = 'the watch';
const FINALISE = 'env finalise';

async function unfreeze(handle: WorkflowHandle, { frozen }: EnvironmentState, by: string): Promise<void> {
  if (frozen?.by !== by) return;
  const order: BrakeOrder = { kind: 'unfreeze', by, reason: `${by} has ended` };
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
