import type { SuiteOutcome } from '../workflows/types.ts';
import { holdReasons } from './release-words.ts';
import type { PatchName } from './verdict-words.ts';

export type SuiteGate =
  | { kind: 'pass' }
  /** A verdict, or a suite that does not count. */
  | { kind: 'held'; reasons: string[] }
  /** Nothing is wrong with the patches as far as anybody can tell: the machines never ran what was to be run. */
  | { kind: 'failed'; reasons: string[] };

/** What the suites of a candidate mean for its release (triage.md, *Verdicts*; design.md, *Outcomes*). */
export function gateSuites(outcomes: readonly SuiteOutcome[], patches: readonly PatchName[]): SuiteGate {
  const reasons = holdReasons(outcomes, patches);
  if (reasons.length === 0) return { kind: 'pass' };
  const ours = outcomes.every(
    ({ holding, problem, machines }) => holding.length === 0 && (problem === undefined || machines),
  );
  return { kind: ours ? 'failed' : 'held', reasons };
}
