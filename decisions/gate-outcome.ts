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
      if (reversibility.kind === 'one-way') return { kind: 'freeze', reasons: withOneWay(reasons, reversibility) };
      return { kind: 'roll-back', reasons };
    }
  }
}

const withOneWay = (reasons: readonly string[], { reasons: oneWay }: Extract<Reversibility, { kind: 'one-way' }>) => [
  ...reasons,
  ...oneWay.map((why) => `one-way: ${why}`),
];

/**
 * Why nodes stay as they are, though something else than a gate (a node that does not return, lost records) asks that
 * they be put back: the candidate is one-way, and one of them may have written already what the old artifact cannot
 * read (K18). Undefined where they are put back: nothing was touched, or a person asked for it.
 */
export function keepsFromGoingBack(
  reasons: readonly string[],
  {
    reversibility,
    touched,
    askedBy,
  }: { reversibility: Reversibility; touched: boolean; askedBy: 'product' | 'person' },
): string[] | undefined {
  if (reversibility.kind !== 'one-way' || !touched || askedBy === 'person') return undefined;
  return withOneWay(reasons, reversibility);
}
