import { adoptProcess } from '../../store/rollout-ledger.ts';
import type { LedgerEntry } from '../../store/rollout-tables.ts';
import type { RolloutContext } from './context.ts';

/**
 * A node that others ended leads nothing once it is back: without its leaders it has no work that a gate could judge,
 * and the next stop would not know of them. Those that it had when this roll-out came to it are given back as it gets
 * in sync (K11), and no others. Safe to repeat: what it leads is left alone, and it is asked no more once all is back.
 *
 * @returns the nodes that still wait for some of theirs
 */
export async function returnLeaders(
  { db, system, rules }: Pick<RolloutContext, 'db' | 'system' | 'rules'>,
  ledger: readonly LedgerEntry[],
): Promise<string[]> {
  // Forward comes before back: the last word about a node counts.
  const last = new Map(ledger.map((entry) => [entry.target, entry]));
  const waiting: string[] = [];
  for (const entry of last.values()) {
    const { recovered, ...seen } = entry.seen;
    if (!recovered) continue;
    const { left } = await system.giveBackLeaders(entry.target, entry.leaders, rules.leaderBatch);
    if (left.length > 0) waiting.push(entry.target);
    else await adoptProcess(db, entry, seen);
  }
  return waiting;
}
