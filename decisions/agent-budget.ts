import type { AgentBudget, AgentSpent } from '../workflows/agent-types.ts';

export type BudgetState =
  | { kind: 'on' }
  /** One turn is left: the model is told to answer now. */
  | { kind: 'last' }
  | { kind: 'over'; reason: string };

/** A run may be warned at this share of what is not counted in turns. */
const WARN_AT = 0.9;

/**
 * Whether an agent may be asked again. What it has spent is never more than its budget by more than one turn.
 * (design.md, *Agents*: "Budgets: turns, tokens, money, time".)
 */
export function budgetState(spent: AgentSpent, budget: AgentBudget): BudgetState {
  const limits: [name: string, used: number, of: number, words: string][] = [
    ['turns', spent.turns, budget.turns, `${budget.turns} turns`],
    ['tokens', spent.tokens, budget.tokens, `${budget.tokens} tokens`],
    ['money', spent.money, budget.money, `${budget.money} of money`],
    ['time', spent.seconds, budget.minutes * 60, `${budget.minutes} minutes`],
  ];
  const over = limits.find(([, used, of]) => used >= of);
  if (over !== undefined) return { kind: 'over', reason: `its budget of ${over[3]} is used up` };
  const last = limits.some(([name, used, of]) => (name === 'turns' ? used === of - 1 : used >= of * WARN_AT));
  return last && spent.turns > 0 ? { kind: 'last' } : { kind: 'on' };
}

/** The same calls with the same arguments so often in a row are no work any more. */
export const SAME_CALLS = 3;

/** @param signatures of the calls of each turn, oldest first: a digest over names and arguments. */
export function repeatsItself(signatures: readonly string[]): boolean {
  const last = signatures.slice(-SAME_CALLS);
  return last.length === SAME_CALLS && new Set(last).size === 1;
}

export type ReleaseBudget = { tokens: number; money: number };

/** What the next run may spend: its own budget, or what is left of the release's. */
export function budgetLeft(
  run: AgentBudget,
  release: ReleaseBudget,
  spent: ReleaseBudget,
): { kind: 'some'; budget: AgentBudget } | { kind: 'none'; reason: string } {
  const tokens = Math.floor(release.tokens - spent.tokens);
  const money = release.money - spent.money;
  if (tokens <= 0) return { kind: 'none', reason: `the release's budget of ${release.tokens} tokens is used up` };
  if (money <= 0) return { kind: 'none', reason: `the release's budget of ${release.money} of money is used up` };
  return { kind: 'some', budget: { ...run, tokens: Math.min(run.tokens, tokens), money: Math.min(run.money, money) } };
}
