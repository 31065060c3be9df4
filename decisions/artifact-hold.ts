import type { RolloutOutcome, RuleFinding } from '../workflows/types.ts';

/** What became of an artifact anywhere: rolled back, and perhaps released from its hold by a person since. */
export type PastRollout = {
  environment: string;
  digest: string;
  outcome: RolloutOutcome['kind'];
  reasons: readonly string[];
  endedAtMs: number;
  /** By whom the hold that followed was lifted, and when. */
  unheld?: { by: string; atMs: number };
};

/**
 * G5: an artifact that was rolled back, or that froze a roll-out, is held everywhere until a person releases it; a
 * roll-back in one environment stops it in all. (Kargo; rollout-rules.md, *Lanes*.)
 *
 * The rest of G5 holds by construction, and has no function. No roll-back is rolled back: no gate judges one, and what
 * goes wrong in it freezes (`gateMeans`). No stale failure counts: Kargo is told of failures, and has to ask how old one
 * is; here nothing is told or remembered. Each look is taken of what runs now, belongs to one attempt and one round, and
 * is dropped with its verdict; a crash counts where the process that the ledger knows has ended.
 */
export function g5HoldsArtifact(digest: string, past: readonly PastRollout[]): RuleFinding[] {
  return past
    .filter(
      (rollout) => rollout.digest === digest && (rollout.outcome === 'rolled-back' || rollout.outcome === 'frozen'),
    )
    .filter(({ unheld, endedAtMs }) => unheld === undefined || unheld.atMs < endedAtMs)
    .map(({ environment, outcome, reasons }) => ({
      rule: 'G5',
      reason: `${digest.slice(0, 12)} was ${outcome === 'frozen' ? 'frozen' : 'rolled back'} in ${environment} (${reasons[0] ?? 'no reason kept'}) and is held; to release it: patchwright env unhold ${environment} ${digest}`,
    }));
}
