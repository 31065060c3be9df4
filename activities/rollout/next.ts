import { isSameProcess, judgeStanding, type StrangeProcess, strangeProcesses } from '../../decisions/node-change.ts';
import { firstToPutBack } from '../../decisions/rollout-plan.ts';
import { adoptProcess, ledgerOf } from '../../store/rollout-ledger.ts';
import type { Direction, LedgerEntry } from '../../store/rollout-tables.ts';
import type { RuleFinding } from '../../workflows/types.ts';
import type { TargetFacts } from '../deploy/driver.ts';
import { allFacts } from '../health/system.ts';
import { openContext, pause, type RolloutContext, type RolloutDeps, type RolloutStep, seenProcess } from './context.ts';
import { returnLeaders } from './owed-leaders.ts';

/**
 * What strikes about processes that nobody of ours touched. `crashed`: one that carries the candidate ended by
 * itself. `waiting`: one was killed or stopped from outside, which is waited for while a person is told;
 * `suspect` where it carries the candidate. `foreign`: somebody else restarted one. `recovered`: all run, and one of
 * them was away since the last look.
 */
export type Standing =
  | { kind: 'whole'; recovered?: string[] }
  | { kind: 'crashed'; reasons: string[] }
  | { kind: 'waiting'; reasons: string[]; suspect: boolean }
  | { kind: 'foreign'; reasons: string[] };

export type NextNode =
  | { kind: 'next'; target: string }
  | { kind: 'blocked'; findings: RuleFinding[] }
  | Exclude<Standing, { kind: 'whole' }>;

export type NextOrder = RolloutStep & { remaining: string[]; direction: Direction; patient: boolean };

const LOOK_MS = 1_000;
/** Then the workflow looks at its brakes, and asks again until its own patience ends. */
const PATIENCE_MS = 5_000;

/**
 * Which node is next, read now: a node whose change is open before any other (K20), then by rule K3. Nodes
 * that somebody else restarted stop a roll-out; one that died is waited for a moment, if `patient`.
 */
export async function nextNode(deps: RolloutDeps, order: NextOrder): Promise<NextNode> {
  const context = await openContext(deps, order);
  const over = (answer: NextNode) => answer.kind !== 'waiting' && answer.kind !== 'blocked';
  return lookAgain(order.patient, () => look(context, order), over);
}

/** The same look without a next node: between the last one and the end of the soak. */
export async function lookAround(deps: RolloutDeps, step: RolloutStep & { patient: boolean }): Promise<Standing> {
  const context = await openContext(deps, step);
  const over = (answer: Standing) => answer.kind !== 'waiting';
  return lookAgain(step.patient, async () => standingOf(context, await ledgerOf(context.db, step.rollout)), over);
}

async function lookAgain<T>(patient: boolean, read: () => Promise<T>, over: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await read();
    if (over(answer) || !patient || Date.now() > deadline) return answer;
    await pause(LOOK_MS);
  }
}

async function look(context: RolloutContext, { rollout, remaining, direction }: NextOrder): Promise<NextNode> {
  const ledger = await ledgerOf(context.db, rollout);
  const open = ledger.find(
    (entry) => entry.direction === direction && isOpen(entry) && remaining.includes(entry.target),
  );
  if (open) return { kind: 'next', target: open.target };
  const standing = await standingOf(context, ledger);
  if (direction === 'back') {
    // A roll-back goes on whoever restarted what: it puts things right, and K4 and K13 still hold.
    const first = firstToPutBack(ledger, remaining);
    if (first !== undefined) return { kind: 'next', target: first };
  } else {
    if (standing.kind !== 'whole') return standing;
    await returnLeaders(context, await ledgerOf(context.db, rollout));
  }
  const next = await context.system.next(remaining);
  if (next !== 'unknown') return { kind: 'next', target: next.next };
  return {
    kind: 'blocked',
    findings: [{ rule: 'K19', reason: 'unknown: the quorum, so that there is no order (K3)' }],
  };
}

export async function standingOf(context: RolloutContext, ledger: readonly LedgerEntry[]): Promise<Standing> {
  const carriers = ledger.filter(({ direction, state }) => direction === 'forward' && state === 'done');
  return judgeStanding(
    await findStrange(context, ledger),
    carriers.map(({ target }) => target),
  );
}

/** Nodes that are not the process that the ledger knows. What `env up` recovered is taken into the ledger. */
async function findStrange(context: RolloutContext, ledger: readonly LedgerEntry[]): Promise<StrangeProcess[]> {
  const facts = await allFacts(context.driver);
  const strange = strangeProcesses(lastWords(ledger), factsByTarget(facts));
  for (const { target } of strange.filter(({ kind }) => kind === 'recovered')) {
    const fact = facts.find(({ name }) => name === target);
    const entry = [...ledger].reverse().find((candidate) => candidate.target === target);
    if (fact && entry && !isSameProcess(fact, entry.seen)) {
      await adoptProcess(context.db, entry, { ...seenProcess(fact), recovered: true });
    }
  }
  return strange;
}

/** The last thing that the ledger knows of each node's process. */
function lastWords(ledger: readonly LedgerEntry[]) {
  const last = new Map<string, { target: string; seen: LedgerEntry['seen']; open: boolean }>();
  // Forward comes before back, and a planned roll-back noted the process that it found.
  for (const entry of ledger) last.set(entry.target, { target: entry.target, seen: entry.seen, open: isOpen(entry) });
  return [...last.values()];
}

const isOpen = ({ state }: LedgerEntry) => state === 'intent' || state === 'changed';

function factsByTarget(facts: readonly TargetFacts[]) {
  return new Map(
    facts.map((fact) => [
      fact.name,
      {
        ...seenProcess(fact),
        byEnvUp: fact.permit !== undefined && 'envUp' in fact.permit,
        ...(fact.exitCode !== undefined && { exitCode: fact.exitCode }),
      },
    ]),
  );
}
