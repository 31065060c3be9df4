import type { Quarantine } from '../workflows/types.ts';
import type { RerunPolicy } from './failure-verdict.ts';
import { testPattern } from './test-pattern.ts';

/** `until`: the last day on which it holds, `YYYY-MM-DD` in UTC. */
export type QuarantineEntry = { test: string; ticket: string; until: string };

/**
 * The entry that takes a test out of the gate, or the one that no longer does. Of several the one that holds longest:
 * a renewed entry beside its expired predecessor counts. `today`: `YYYY-MM-DD`.
 */
export function quarantineOf(
  entries: readonly QuarantineEntry[],
  today: string,
): (failure: { unit: string; test: string }) => Quarantine | undefined {
  const compiled = entries
    .map((entry) => ({ ...entry, is: testPattern(entry.test) }))
    .sort((a, b) => (a.until < b.until ? 1 : -1));
  return ({ unit, test }) => {
    const entry = compiled.find(({ is }) => is(test) || is(unit));
    if (!entry) return undefined;
    return { ticket: entry.ticket, until: entry.until, ...(entry.until < today ? { expired: true } : {}) };
  };
}

/** True where a verdict does not count against the release. */
export function isQuarantined({ quarantine }: { quarantine?: Quarantine }): boolean {
  return quarantine !== undefined && quarantine.expired !== true;
}

/**
 * What does not gate is run as often as tells a regression, and no more: forty runs an arm of a slow test, or all that
 * its process had run before it, are many minutes of a release, for a word that holds nothing.
 */
export function rerunPolicyOf(policy: RerunPolicy, quarantine: Quarantine | null): RerunPolicy {
  if (quarantine === null || !isQuarantined({ quarantine })) return policy;
  return { ...policy, maxPerArm: policy.perArm, maxPerArmQuick: policy.perArm, alone: true };
}
