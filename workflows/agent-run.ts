import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  continueAsNew,
  executeChild,
  isCancellation,
  patched,
  proxyActivities,
} from '@temporalio/workflow';
import type { AgentActivities, Since } from '../activities/agent.ts';
import { budgetState } from '../decisions/agent-budget.ts';
import { type MadeCall, repeatsItself, repetition, SAME_CALLS } from '../decisions/agent-repetition.ts';
import { changesFiles } from '../decisions/agent-roles.ts';
import type {
  AgentEnd,
  AgentOrder,
  AgentOutcome,
  AgentSpent,
  FilesNow,
  ToolCall,
  ToolResult,
  Turn,
} from './agent-types.ts';
import { proof } from './proof.ts';
import type { Digest } from './types.ts';

const { takeTurn } = proxyActivities<AgentActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30 seconds',
  // Busy and unreachable models come back within the hour, or a person has to look; the server's own waiting time holds.
  retry: { initialInterval: '2 seconds', maximumInterval: '2 minutes', maximumAttempts: 12 },
});

const { useTool, tellTrial, closeRun } = proxyActivities<AgentActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 10 },
});

/** Commands in a sandbox: on a host that has room for them. */
const sandboxed = proxyActivities<AgentActivities>({
  taskQueue: 'patchwright-agent',
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 10 },
});

/** So many answers that code refuses are a model that makes things up. */
const MOST_REFUSED = 4;
/** So many turns without one call, in a row. */
const MOST_IDLE = 3;

/** Of a digest that is compared within one run alone. */
const SHORT = 16;

/** Of each failing test, when a change is tried. */
const TRIAL_RUNS = 3;

/** Turns of one history: with their calls they stay far below 2,000 events. */
const TURNS_A_HISTORY = 100;

/** Where a run stands: all of it goes into the next history. */
export type AgentProgress = {
  head: Digest;
  /** Milliseconds since 1970. */
  startedAt: number;
  turns: number;
  tokens: number;
  money: number;
  refused: number;
  idle: number;
  signatures: string[];
  /** Its calls whose answers it still reads, oldest first; of those before `forgotten` are left out. */
  made?: MadeCall[];
  forgotten?: number;
  since: Since;
  /** What a repair's files are by now. */
  files?: FilesNow;
  /** Changes that it had tried. */
  trials?: number;
};

/**
 * One run of an agent: ask, act, observe, until code accepts an answer or a limit ends it.
 *
 *   1. Ask the model, unless the budget says no; before its last turn it is told.
 *   2. Make the calls that it wants (those that only read are made with the turn). An answer is checked by code; one that
 *      does not hold goes back to it.
 *   3. End: answered, out of budget, given up (it repeats itself though it was told, or what it says is not so), without a model, failed.
 *
 * The transcript lies in the artifact store; its head is all that is held here.
 */
export async function agentRun(order: AgentOrder, progress: AgentProgress = begin(order)): Promise<AgentOutcome> {
  const at = progress;
  const end = await untilOver(order, at, patched('every-repetition'));
  if (end === 'another history') return continueAsNew<typeof agentRun>(order, at);
  const outcome = { ...end, spent: spentOf(at), transcript: at.head };
  await CancellationScope.nonCancellable(() => closeRun(shownOf(order), outcome));
  return outcome;
}

const shownOf = ({ run, release, board }: AgentOrder) => ({ run, release, ...(board !== undefined && { board }) });

/** However it ends, it ends in words: whoever asked must not fail because an explanation did. */
async function untilOver(
  order: AgentOrder,
  at: AgentProgress,
  noticesAll: boolean,
): Promise<AgentEnd | 'another history'> {
  try {
    for (let asked = 0; asked < TURNS_A_HISTORY; asked += 1) {
      const budget = budgetState(spentOf(at), order.budget);
      if (budget.kind === 'over') return { kind: 'out-of-budget', reason: budget.reason };
      const turn = await ask(order, at, budget.kind === 'last');
      if (turn.kind === 'over') return { kind: 'out-of-budget', reason: turn.reason };
      if (turn.kind === 'unavailable') return { kind: 'no-model', reason: turn.reason };
      const end = await act(order, at, turn, noticesAll);
      if (end !== undefined) return end;
    }
    return 'another history';
  } catch (error) {
    if (isCancellation(error)) return { kind: 'cancelled', reason: 'what it was about was cancelled' };
    if (!(error instanceof ActivityFailure)) throw error;
    return { kind: 'failed', reason: `a tool did not come to an end: ${wordsOf(error)}` };
  }
}

const wordsOf = ({ cause }: ActivityFailure) =>
  cause instanceof ApplicationFailure ? cause.message : 'nobody answered in time';

function begin({ brief }: AgentOrder): AgentProgress {
  const none = { turns: 0, tokens: 0, money: 0, refused: 0, idle: 0, signatures: [], since: {} };
  return { head: brief, startedAt: Date.now(), ...none };
}

function spentOf({ turns, tokens, money, startedAt }: AgentProgress): AgentSpent {
  return { turns, tokens, money, seconds: Math.round((Date.now() - startedAt) / 1_000) };
}

async function ask(order: AgentOrder, at: AgentProgress, last: boolean): Promise<Turn> {
  try {
    const since: Since = { ...at.since, ...(last && { last }), files: at.files ?? null };
    const turn = await takeTurn(order, at.turns + 1, at.head, since);
    if (turn.kind === 'over') return turn;
    at.turns += 1;
    at.tokens += turn.tokens;
    at.money += turn.money;
    at.head = turn.head;
    return turn;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    return {
      kind: 'unavailable',
      reason: `the model is not to be had: ${wordsOf(error)}`,
      head: at.head,
      tokens: 0,
      money: 0,
    };
  }
}

async function act(
  order: AgentOrder,
  at: AgentProgress,
  turn: Exclude<Turn, { kind: 'unavailable' | 'over' }>,
  noticesAll: boolean,
): Promise<AgentEnd | undefined> {
  if (turn.kind !== 'calls') {
    at.idle += 1;
    at.since = { told: turn.kind };
    return at.idle < MOST_IDLE ? undefined : { kind: 'gave-up', reason: `it made no call in ${MOST_IDLE} turns` };
  }
  at.idle = 0;
  if (!noticesAll) {
    at.signatures = [...at.signatures, turn.signature].slice(-SAME_CALLS);
    if (repeatsItself(at.signatures))
      return { kind: 'gave-up', reason: `it made the same calls ${SAME_CALLS} times in a row` };
  }
  const { results, files } = await makeCalls(order, at, turn);
  const { accepted, tests } = results.find((result) => result.accepted !== undefined) ?? {};
  if (accepted !== undefined) return { kind: 'answered', answer: accepted, ...(tests && { tests }) };
  at.refused += results.filter((result) => result.refused).length;
  at.since = { results };
  if (at.refused >= MOST_REFUSED)
    return { kind: 'gave-up', reason: `code refused ${at.refused} of its answers: what they quote is not there` };
  return noticesAll ? notice(at, turn, { results, files }) : undefined;
}

type Called = { results: ToolResult[]; files: (string | undefined)[] };

/** `files`: what the run's files were before each call. */
async function makeCalls(
  order: AgentOrder,
  at: AgentProgress,
  { calls, results }: Extract<Turn, { kind: 'calls' }>,
): Promise<Called> {
  if (results !== undefined) return { results, files: calls.map(() => at.files?.tree) };
  if (changesFiles(order.role)) return oneByOne(order, at, calls);
  return { results: await atOnce(order, calls), files: [] };
}

/** The same call again, over the same files and answered the same: first a sentence, then the end. */
function notice(
  at: AgentProgress,
  { calls, leftOut = 0 }: Extract<Turn, { kind: 'calls' }>,
  { results, files }: Called,
): AgentEnd | undefined {
  const before = (at.made ?? []).slice(Math.max(0, leftOut - (at.forgotten ?? 0)));
  at.forgotten = Math.max(leftOut, at.forgotten ?? 0);
  const now = calls.map(({ name, same, arguments: given }, i): MadeCall => {
    const tree = files[i];
    const made = { name, same: same ?? given, outcome: results[i]?.whole.slice(0, SHORT) ?? '' };
    return tree === undefined ? made : { ...made, files: tree.slice(0, SHORT) };
  });
  at.made = [...before, ...now];
  const found = repetition(at.made, now.length);
  if (found.kind === 'over') return { kind: 'gave-up', reason: found.reason };
  if (found.kind === 'told') at.since = { ...at.since, again: { call: found.call, times: found.times } };
  return undefined;
}

const atOnce = (order: AgentOrder, calls: readonly ToolCall[]) =>
  Promise.all(calls.map((call) => useTool(order, call)));

/** Each call finds the files as the one before has left them. */
async function oneByOne(order: AgentOrder, at: AgentProgress, calls: readonly ToolCall[]): Promise<Called> {
  const called: Called = { results: [], files: [] };
  for (const call of calls) {
    const commands = call.name === 'shell' || (call.name === 'run_tests' && order.trial === undefined);
    const run = commands ? sandboxed.useTool : useTool;
    called.files.push(at.files?.tree);
    const used = await run(order, call, ...(at.files === undefined ? [] : [at.files]));
    if (used.files !== undefined) at.files = used.files;
    called.results.push(used.trial === undefined ? used : await tryOut(order, at, call, used.trial));
  }
  return called;
}

/** Builds what the files are and runs the tests that failed: not the proof, which the agent never sees. */
async function tryOut(
  order: AgentOrder,
  at: AgentProgress,
  { id }: ToolCall,
  { fix }: NonNullable<ToolResult['trial']>,
): Promise<ToolResult> {
  if (order.trial === undefined) throw ApplicationFailure.nonRetryable(`${order.run} has nothing to try a change on`);
  at.trials = (at.trials ?? 0) + 1;
  const name = `${order.run}/trial-${at.trials}`;
  const outcome = await executeChild(proof, {
    workflowId: `proof:${name}`,
    args: [{ ...order.trial, proof: name, fix, before: 0, after: TRIAL_RUNS, whole: false }],
  });
  return tellTrial(id, outcome);
}
