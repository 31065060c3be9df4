import {
  ApplicationFailure,
  allHandlersFinished,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  patched,
  proxyActivities,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { EnvironmentRequestActivities } from '../activities/environment-request.ts';
import {
  admit,
  msUntilStart,
  type Superseded,
  startNext,
  supersedeOlder,
  withdraw,
} from '../decisions/environment-queue.ts';
import { applyBrake, brakeProblem, endRunning, overruleEnded } from '../decisions/environment-state.ts';
import { callSomebody } from './call-somebody.ts';
import {
  type BrakeOrder,
  type Brakes,
  brake,
  brakesChanged,
  type EnvironmentState,
  environmentState,
  requestFinalise,
  requestRollout,
  rolloutEnded,
  rolloutId,
  withdrawRollout,
} from './environment-messages.ts';
import { askToFinalise } from './finalise-request.ts';
import { rollout } from './rollout.ts';
import type { RolloutOutcome } from './types.ts';

const { stopElsewhere } = proxyActivities<EnvironmentRequestActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/** A history is replayed at 5 to 8 ms a step: it is renewed long before that is felt. */
const HISTORY = 1_500;

/**
 * One environment, for ever: it knows what runs, why, and what is in effect.
 *
 *   1. Wait for a release to ask for a roll-out. A second one waits, one of a fork and lane, and a newer one takes its place; so
 *      does one that comes in a freeze window or while it cools down. While frozen by somebody, it is refused.
 *   2. Run it as a child, one at a time; brakes reach it as they are pressed.
 *   3. Keep how it ended and tell the release that asked. What is older than what was promoted leaves the queue: it
 *      would take that away. One that ended frozen freezes the environment; one that was
 *      rolled back stops the same artifact wherever it is on its way (G5), as its roll-back did when it began.
 *   4. With nothing running, begin a new history when this one has grown.
 */
export async function environment(start: EnvironmentState): Promise<void> {
  const state: EnvironmentState = { ...start };
  const told = new Map<string, RolloutOutcome>();
  let startedChild: string | undefined;

  setHandler(environmentState, () => state);
  let changes = 0;
  // Not async: where nobody is to be told, the answer is a step of the old shape.
  setHandler(requestRollout, (request) => {
    const { answer, superseded } = admit(state, request, now(), patched);
    changes += 1;
    return superseded.length === 0 ? answer : tellAll(superseded).then(() => answer);
  });
  setHandler(withdrawRollout, (order) => {
    const withdrawn = withdraw(state, order, now());
    if (!withdrawn || order.reason === undefined) return withdrawn !== undefined;
    const { request, outcome } = withdrawn;
    return tellRequester(request.requester, request.order.rollout, outcome).then(() => true);
  });
  setHandler(requestFinalise, (request) => askToFinalise(state, request));
  setHandler(rolloutEnded, ({ rollout, outcome }) => {
    told.set(rollout, outcome);
    overruleEnded(state, rollout, outcome, now());
  });
  setHandler(
    brake,
    async (order: BrakeOrder) => {
      applyBrake(state, order, now());
      changes += 1;
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

  /** Also ends where the history has grown too long. What waits for the clock is woken by a timer. */
  async function untilOneRuns(): Promise<void> {
    for (;;) {
      startNext(state, now());
      const [seen, wait] = [changes, msUntilStart(state, now())];
      const isTime = () => state.running !== undefined || historyIsLong() || seen !== changes;
      if (wait === undefined) await condition(isTime);
      else await condition(isTime, wait);
      if (state.running !== undefined || historyIsLong()) return;
    }
  }

  for (;;) {
    await untilOneRuns();
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
    // At once: a request that comes while somebody is told would start what waits.
    const mayGo = outcome.kind === 'promoted' && state.queue && patched('older-superseded');
    const older = mayGo ? supersedeOlder(state, now()) : [];
    await tellRequester(request.requester, name, outcome);
    await tellAll(older);
    if (outcome.kind === 'frozen' && patched('paged')) await callSomebody(request.order, outcome.reasons);
    if (outcome.kind === 'rolled-back' && patched('stopped-everywhere')) {
      const { settings, candidate } = request.order;
      // Once more: what was asked for since the roll-back began.
      await stopElsewhere({ environment: state.environment, digest: candidate.digest, because: name, settings });
    }
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

async function tellAll(superseded: readonly Superseded[]): Promise<void> {
  for (const { request, outcome } of superseded) await tellRequester(request.requester, request.order.rollout, outcome);
}

/** A requester that is gone asked in vain; the store has the outcome. */
async function tellRequester(requester: string, rollout: string, outcome: RolloutOutcome): Promise<void> {
  try {
    await getExternalWorkflowHandle(requester).signal(rolloutEnded, { rollout, outcome });
  } catch (error) {
    log.warn('the release that asked is gone', { requester, rollout, error: String(error) });
  }
}
