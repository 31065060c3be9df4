import {
  ApplicationFailure,
  allHandlersFinished,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { answerRequest, applyBrake, brakeProblem, endRunning } from '../decisions/environment-state.ts';
import {
  type BrakeOrder,
  type Brakes,
  brake,
  brakesChanged,
  type EnvironmentState,
  environmentState,
  requestRollout,
  rolloutEnded,
  rolloutId,
} from './environment-messages.ts';
import { rollout } from './rollout.ts';
import type { RolloutOutcome } from './types.ts';

/** A history is replayed at 5 to 8 ms a step: it is renewed long before that is felt. */
const HISTORY = 1_500;

/**
 * One environment, for ever: it knows what runs, why, and what is in effect.
 *
 *   1. Wait for a release to ask for a roll-out. A second one, and any while frozen, is refused with the reason.
 *   2. Run it as a child, one at a time; brakes reach it as they are pressed.
 *   3. Keep how it ended and tell the release that asked. One that ended frozen freezes the environment.
 *   4. With nothing running, begin a new history when this one has grown.
 */
export async function environment(start: EnvironmentState): Promise<void> {
  const state: EnvironmentState = { ...start };
  const told = new Map<string, RolloutOutcome>();
  let startedChild: string | undefined;

  setHandler(environmentState, () => state);
  setHandler(requestRollout, (request) => answerRequest(state, request, now()));
  setHandler(rolloutEnded, ({ rollout, outcome }) => {
    told.set(rollout, outcome);
  });
  setHandler(
    brake,
    async (order: BrakeOrder) => {
      applyBrake(state, order, now());
      const running = state.running?.request.order.rollout;
      if (running !== undefined && order.kind !== 'freeze' && order.kind !== 'unfreeze') {
        await condition(() => startedChild === running || state.running?.request.order.rollout !== running);
        await forward(state, running);
      }
      return state;
    },
    { validator: refuseBrake },
  );

  function refuseBrake(order: BrakeOrder): void {
    const problem = brakeProblem(state, order);
    if (problem) throw ApplicationFailure.nonRetryable(problem, 'BrakeRefused');
  }

  for (;;) {
    await condition(() => state.running !== undefined || historyIsLong());
    if (state.running === undefined) {
      await condition(allHandlersFinished);
      if (state.running === undefined) await continueAsNew<typeof environment>(state);
      continue;
    }
    const { request } = state.running;
    const name = request.order.rollout;
    told.delete(name);
    const outcome = await runOne(state, told, () => {
      startedChild = name;
    });
    startedChild = undefined;
    endRunning(state, outcome, now());
    await tellRequester(request.requester, name, outcome);
  }
}

const now = () => new Date().toISOString();

function historyIsLong(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > HISTORY;
}

function brakesOf(state: EnvironmentState): Brakes {
  return {
    ...(state.paused && { paused: state.paused }),
    ...(state.running?.aborted && { aborted: state.running.aborted }),
  };
}

/** A roll-out that ends at this moment has no use for a brake. */
async function forward(state: EnvironmentState, running: string): Promise<void> {
  if (state.running?.request.order.rollout !== running) return;
  try {
    await getExternalWorkflowHandle(rolloutId(running)).signal(brakesChanged, brakesOf(state));
  } catch (error) {
    log.warn('a brake did not reach the roll-out', { rollout: running, error: String(error) });
  }
}

/**
 * The child is abandoned when this workflow ends, and tells its end by a signal too: so an environment that was
 * terminated and started again finds the roll-out that still runs, and waits for its word.
 */
async function runOne(
  state: EnvironmentState,
  told: ReadonlyMap<string, RolloutOutcome>,
  started: () => void,
): Promise<RolloutOutcome> {
  const { order } = state.running!.request;
  const byWord = async () => {
    await condition(() => told.has(order.rollout));
    return told.get(order.rollout)!;
  };
  try {
    const child = await startChild(rollout, {
      workflowId: rolloutId(order.rollout),
      args: [{ ...order, brakes: brakesOf(state) }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `${order.candidate.version} through ${order.environment}`,
    });
    started();
    return await Promise.race([child.result(), byWord()]);
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowExecutionAlreadyStartedError') {
      started();
      return byWord();
    }
    if (!(error instanceof ChildWorkflowFailure)) throw error;
    // Ended from outside (terminated), or by a mistake of ours: nobody knows what it left.
    return {
      kind: 'frozen',
      reasons: [`the roll-out's workflow ended without an outcome: ${error.cause?.message ?? error.message}`],
    };
  }
}

/** A requester that is gone asked in vain; the store has the outcome. */
async function tellRequester(requester: string, rollout: string, outcome: RolloutOutcome): Promise<void> {
  try {
    await getExternalWorkflowHandle(requester).signal(rolloutEnded, { rollout, outcome });
  } catch (error) {
    log.warn('the release that asked is gone', { requester, rollout, error: String(error) });
  }
}
