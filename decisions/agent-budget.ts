import type { AgentBudget, AgentSpent } from '../workflows/agent-types.ts';

export type BudgetState =
  | { kind: 'on' }
  /** One turn is left: the model is told to answer now. */
  | { kind: 'last' }
  | { kind: 'over'; reason: string };

/** A run may be warned at this share of what is not counted in turns. */
const WARN_AT = 0.9;

type Limit = { name: keyof AgentBudget; used: number; of: number; words: string };

const limitsOf = (spent: AgentSpent, budget: AgentBudget): Limit[] => [
  { name: 'turns', used: spent.turns, of: budget.turns, words: `${budget.turns} turns` },
  { name: 'tokens', used: spent.tokens, of: budget.tokens, words: `${budget.tokens} tokens` },
  { name: 'money', used: spent.money, of: budget.money, words: `${budget.money} of money` },
  { name: 'minutes', used: spent.seconds, of: budget.minutes * 60, words: `${budget.minutes} minutes` },
];

const usedUp = (spent: AgentSpent, budget: AgentBudget) => limitsOf(spent, budget).find(({ used, of }) => used >= of);

/**
 * Whether an agent may be asked again. What it has spent is never more than its budget by more than one turn.
 * (design.md, *Agents*: "Budgets: turns, tokens, money, time".)
 */
export function budgetState(spent: AgentSpent, budget: AgentBudget): BudgetState {
  const over = usedUp(spent, budget);
  if (over !== undefined) return { kind: 'over', reason: `its budget of ${over.words} is used up` };
  return isLast(spent, budget) ? { kind: 'last' } : { kind: 'on' };
}

/** Where one turn more, as large as those before, would use it up. The first turn is nobody's last one unasked. */
const isLast = (spent: AgentSpent, budget: AgentBudget) =>
  spent.turns > 0 &&
  limitsOf(spent, budget).some(({ name, used, of }) =>
    name === 'turns' ? used >= of - 1 : used >= of * WARN_AT || used + used / spent.turns >= of,
  );

/** All runs of a release together. Minutes: the time in which at least one of them ran. */
export type ReleaseSpent = AgentSpent & { running: number };

/**
 * The same by what its release may still spend, of which those that run beside it leave it an equal share: so each is
 * told before its last turn, and together they are over by no more than one turn each.
 */
export function releaseState(own: AgentSpent, budget: AgentBudget, spent: ReleaseSpent): BudgetState {
  const over = usedUp(spent, budget);
  if (over !== undefined) return { kind: 'over', reason: releaseReason(over) };
  const share = (left: number) => left / Math.max(1, spent.running);
  const mine: AgentBudget = {
    turns: own.turns + Math.max(1, Math.floor(share(budget.turns - spent.turns))),
    tokens: own.tokens + share(budget.tokens - spent.tokens),
    money: own.money + share(budget.money - spent.money),
    minutes: own.seconds / 60 + (budget.minutes - spent.seconds / 60),
  };
  return isLast(own, mine) ? { kind: 'last' } : { kind: 'on' };
}

const releaseReason = ({ words }: Limit) => `the release's budget of ${words} is used up`;

/** What the next run may spend: its own budget, or what is left of the release's. */
export function budgetLeft(
  run: AgentBudget,
  release: AgentBudget,
  spent: AgentSpent,
): { kind: 'some'; budget: AgentBudget } | { kind: 'none'; reason: string } {
  const over = usedUp(spent, release);
  if (over !== undefined) return { kind: 'none', reason: releaseReason(over) };
  const budget: AgentBudget = {
    turns: Math.min(run.turns, release.turns - spent.turns),
    tokens: Math.min(run.tokens, release.tokens - spent.tokens),
    money: Math.min(run.money, release.money - spent.money),
    minutes: Math.min(run.minutes, Math.ceil(release.minutes - spent.seconds / 60)),
  };
  return { kind: 'some', budget };
}
