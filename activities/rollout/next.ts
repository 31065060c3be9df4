import { isSameProcess, type StrangeProcess, strangeProcesses } from '../../decisions/node-change.ts';
import { firstToPutBack } from '../../decisions/rollout-plan.ts';
import { adoptProcess, type Direction, type LedgerEntry, ledgerOf } from '../../store/rollouts.ts';
import type { RuleFinding } from '../../workflows/types.ts';
import type { TargetFacts } from '../deploy/driver.ts';
import { allFacts } from '../health/system.ts';
import { openContext, pause, type RolloutContext, type RolloutDeps, type RolloutStep, seenProcess } from './context.ts';

/** `waiting`: a node ended by itself; a person is told, and the next call waits for it. */
export type NextNode =
  | { kind: 'next'; target: string }
  | { kind: 'waiting'; reasons: string[] }
  | { kind: 'foreign'; reasons: string[] }
  | { kind: 'blocked'; findings: RuleFinding[] };

export type NextOrder = RolloutStep & { remaining: string[]; direction: Direction; patient: boolean };

const LOOK_MS = 1_000;
/** Then the workflow looks at its brakes, and asks again until its own patience ends. */
const PATIENCE_MS = 5_000;

/**
 * Which node is next, read now: a node whose change is open before any other (K20), then by rule K3. Nodes
 * that somebody else restarted stop a roll-out; one that died is waited for, if `patient`.
 */
export async function nextNode(deps: RolloutDeps, order: NextOrder): Promise<NextNode> {
  const context = await openContext(deps, order);
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await look(context, order);
    const settled = answer.kind === 'next' || answer.kind === 'foreign';
    if (settled || !order.patient || Date.now() > deadline) return answer;
    await pause(LOOK_MS);
  }
}

async function look(context: RolloutContext, { rollout, remaining, direction }: NextOrder): Promise<NextNode> {
  const ledger = await ledgerOf(context.db, rollout);
  const open = ledger.find(
    (entry) => entry.direction === direction && isOpen(entry) && remaining.includes(entry.target),
  );
  if (open) return { kind: 'next', target: open.target };
  const strange = await findStrange(context, ledger);
  if (direction === 'back') {
    // A roll-back goes on whoever restarted what: it puts things right, and K4 and K13 still hold.
    const first = firstToPutBack(ledger, remaining);
    if (first !== undefined) return { kind: 'next', target: first };
  } else {
    const reasons = (kind: StrangeProcess['kind']) => strange.filter((s) => s.kind === kind).map(({ why }) => why);
    const restarted = reasons('restarted');
    if (restarted.length > 0) return { kind: 'foreign', reasons: restarted };
    const ended = reasons('ended');
    if (ended.length > 0) return { kind: 'waiting', reasons: ended };
  }
  const next = await context.system.next(remaining);
  if (next !== 'unknown') return { kind: 'next', target: next.next };
  return {
    kind: 'blocked',
    findings: [{ rule: 'K19', reason: 'unknown: the quorum, so that there is no order (K3)' }],
  };
}

/** Nodes that are not the process that the ledger knows. What `env up` recovered is taken into the ledger. */
export async function findStrange(context: RolloutContext, ledger: readonly LedgerEntry[]): Promise<StrangeProcess[]> {
  const facts = await allFacts(context.driver);
  const strange = strangeProcesses(lastWords(ledger), factsByTarget(facts));
  for (const { target } of strange.filter(({ kind }) => kind === 'recovered')) {
    const fact = facts.find(({ name }) => name === target);
    const entry = [...ledger].reverse().find((candidate) => candidate.target === target);
    if (fact && entry && !isSameProcess(fact, entry.seen)) await adoptProcess(context.db, entry, seenProcess(fact));
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
