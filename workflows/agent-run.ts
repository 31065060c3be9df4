import { ActivityFailure, ApplicationFailure, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { AgentActivities, Since } from '../activities/agent.ts';
import { budgetState, repeatsItself, SAME_CALLS } from '../decisions/agent-budget.ts';
import type { AgentEnd, AgentOrder, AgentOutcome, AgentSpent, Turn } from './agent-types.ts';

const { takeTurn } = proxyActivities<AgentActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30 seconds',
  // Busy and unreachable models come back within the hour, or a person has to look; the server's own waiting time holds.
  retry: { initialInterval: '2 seconds', maximumInterval: '2 minutes', maximumAttempts: 12 },
});

const { useTool, closeRun } = proxyActivities<AgentActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 10 },
});

/** So many answers that code refuses are a model that makes things up. */
const MOST_REFUSED = 4;
/** So many turns without one call, in a row. */
const MOST_IDLE = 3;

/**
 * One run of an agent: ask, act, observe, until code accepts an answer or a limit ends it.
 *
 *   1. Ask the model, unless the budget says no; before its last turn it is told.
 *   2. Make the calls that it wants. An answer is checked by code; one that does not hold goes back to it.
 *   3. End: answered, out of budget, given up (it repeats itself, or what it says is not so), or without a model.
 *
 * The transcript lies in the artifact store; its head is all that is held here.
 */
export async function agentRun(order: AgentOrder): Promise<AgentOutcome> {
  const state = new Run(order);
  const end = await state.untilOver();
  const outcome = { ...end, spent: state.spentNow(), transcript: state.head };
  await closeRun({ run: order.run }, outcome);
  return outcome;
}

class Run {
  head: string;
  private readonly order: AgentOrder;
  private readonly startedAt = Date.now();
  private turns = 0;
  private tokens = 0;
  private money = 0;
  private refused = 0;
  private idle = 0;
  private signatures: string[] = [];
  private since: Since = {};

  constructor(order: AgentOrder) {
    this.order = order;
    this.head = order.brief;
  }

  spentNow(): AgentSpent {
    const { turns, tokens, money } = this;
    return { turns, tokens, money, seconds: Math.round((Date.now() - this.startedAt) / 1_000) };
  }

  async untilOver(): Promise<AgentEnd> {
    for (;;) {
      const budget = budgetState(this.spentNow(), this.order.budget);
      if (budget.kind === 'over') return { kind: 'out-of-budget', reason: budget.reason };
      const turn = await this.ask(budget.kind === 'last');
      const end = turn.kind === 'unavailable' ? ({ kind: 'no-model', reason: turn.reason } as const) : await this.act(turn);
      if (end !== undefined) return end;
    }
  }

  private async ask(last: boolean): Promise<Turn> {
    const since = last ? { ...this.since, last: true } : this.since;
    try {
      const turn = await takeTurn(this.order, this.turns + 1, this.head, since);
      this.turns += 1;
      this.tokens += turn.tokens;
      this.money += turn.money;
      this.head = turn.head;
      return turn;
    } catch (error) {
      if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
      const said = error.cause instanceof ApplicationFailure ? error.cause.message : 'it never answered';
      return { kind: 'unavailable', reason: `the model is not to be had: ${said}`, head: this.head, tokens: 0, money: 0 };
    }
  }

  private async act(turn: Exclude<Turn, { kind: 'unavailable' }>): Promise<AgentEnd | undefined> {
    if (turn.kind !== 'calls') {
      this.idle += 1;
      this.since = { told: turn.kind };
      return this.idle < MOST_IDLE ? undefined : { kind: 'gave-up', reason: `it made no call in ${MOST_IDLE} turns` };
    }
    this.idle = 0;
    this.signatures = [...this.signatures.slice(-SAME_CALLS), turn.signature];
    if (repeatsItself(this.signatures)) return { kind: 'gave-up', reason: `it made the same calls ${SAME_CALLS} times in a row` };
    const results = await Promise.all(turn.calls.map((call) => useTool(this.order, call, this.head)));
    const accepted = results.find((result) => result.accepted !== undefined)?.accepted;
    if (accepted !== undefined) return { kind: 'answered', answer: accepted };
    this.refused += results.filter((result) => result.refused).length;
    this.since = { results };
    if (this.refused < MOST_REFUSED) return undefined;
    return { kind: 'gave-up', reason: `code refused ${this.refused} of its answers: what they quote is not there` };
  }
}
