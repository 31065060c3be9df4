import type { Verification } from '../workflows/fix-types.ts';

/**
 * A ticket's own failing case, whatever kind of fix it is of: it has to fail without the change and to pass with it.
 * `undecided`: it did not come to an end, or what it asks did not answer, which says nothing about the change.
 */
export type CaseKind = 'passed' | 'failed' | 'undecided';

/** What an applied fix is by its case, or its check: one that cannot be told takes nothing back. */
export function verdictOf(kind: CaseKind): Verification['kind'] {
  if (kind === 'passed') return 'verified';
  return kind === 'failed' ? 'failed' : 'inconclusive';
}

/** For a ticket's thread: what the case asks are its author's words, and stand in artifacts alone. */
const CASE_ENDS: Record<CaseKind, string> = {
  passed: 'its failing case holds',
  failed: 'its failing case does not hold',
  undecided: 'its failing case cannot be told',
};

export const caseEndWords = (kind: CaseKind): string => CASE_ENDS[kind];

export const NO_CASE = 'no failing case was given: nothing shows that it mends what was asked';

export const passesAlready = (shown: string): string =>
  `the failing case passes without the change: nothing is shown. ${shown}`;
