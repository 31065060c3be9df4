import type { GateJudgement } from './gate/types.ts';
import type { Reversibility } from './kafka-rules/one-way.ts';

/** What follows from a gate. `freeze` also pages, until somebody acknowledges it. */
export type GateMeans =
  | { kind: 'watch' }
  | { kind: 'promote' }
  | { kind: 'roll-back'; reasons: string[] }
  | { kind: 'freeze'; reasons: string[] };

/**
 * The outcome of a wave, from its gate: what failed is rolled back, unless going back is the riskier act. A candidate
 * that is one-way may have written what the old artifact cannot read (K18), and a roll-back is never rolled back
 * (G5): both freeze. What was not seen is no reason to touch every node once more, and never one to go on.
 */
export function gateMeans(
  { kind, reasons }: Pick<GateJudgement, 'kind' | 'reasons'>,
  { direction, reversibility }: { direction: 'forward' | 'back'; reversibility: Reversibility },
): GateMeans {
  switch (kind) {
    case 'watching':
      return { kind: 'watch' };
    case 'pass':
      return { kind: 'promote' };
    case 'inconclusive':
      return { kind: 'freeze', reasons };
    case 'fail': {
      if (direction === 'back') return { kind: 'freeze', reasons: [...reasons, 'a roll-back is never rolled back'] };
      if (reversibility.kind === 'one-way') {
        return { kind: 'freeze', reasons: [...reasons, ...reversibility.reasons.map((why) => `one-way: ${why}`)] };
      }
      return { kind: 'roll-back', reasons };
    }
  }
}
