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

/** What to do about a failure that a health check tells of (G5). */
export type FailureMeans =
  | { kind: 'roll-back' }
  | { kind: 'freeze'; reason: string }
  | { kind: 'ignore'; reason: string };

/** Kargo's: what was seen longer ago says nothing about what runs now. */
const STALE_MS = 20 * 60_000;

/**
 * G5: never roll back a roll-back; ignore what is stale. What goes wrong while a roll-back is under way, or after it,
 * freezes: the old artifact is no cure for it, and the new one was no better.
 */
export function g5FailureMeans(
  failure: { seenAtMs: number; digest: string },
  now: { atMs: number; runs: string; direction: 'forward' | 'back'; startedAtMs: number },
): FailureMeans {
  if (now.direction === 'back') return { kind: 'freeze', reason: 'a roll-back is never rolled back' };
  if (failure.digest !== now.runs) {
    return {
      kind: 'ignore',
      reason: `it was seen under ${failure.digest.slice(0, 12)}, and ${now.runs.slice(0, 12)} runs`,
    };
  }
  if (failure.seenAtMs < now.startedAtMs) return { kind: 'ignore', reason: 'it was seen before this roll-out began' };
  const ageMs = now.atMs - failure.seenAtMs;
  if (ageMs > STALE_MS) return { kind: 'ignore', reason: `it was seen ${Math.round(ageMs / 60_000)} minutes ago` };
  return { kind: 'roll-back' };
}
