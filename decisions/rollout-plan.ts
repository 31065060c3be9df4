import type { RuleFinding } from '../workflows/types.ts';

/**
 * What a rule that goes on blocking in the middle of a roll-out means. Partitions that are thin or a quorum
 * that lags, after nodes were changed, may well be what the candidate does: it is the suspect, and rolled
 * back. What the candidate cannot have caused (nothing answers, somebody moves partitions or changed a
 * topic) stops the roll-out where it is, for a person to look at.
 */
export function blockMeans(findings: readonly RuleFinding[], changed: number): 'hold' | 'roll-back' {
  const harm = new Set(['K4', 'K6', 'K7', 'K10', 'K11']);
  if (changed === 0) return 'hold';
  return findings.some(({ rule }) => harm.has(rule)) && findings.every(({ rule }) => harm.has(rule) || rule === 'K19')
    ? 'roll-back'
    : 'hold';
}

/**
 * Which node a roll-back begins with, before rule K3 orders the rest: one whose change is open, then the one
 * that did not return.
 */
export function firstToPutBack(
  entries: readonly { target: string; direction: string; state: string }[],
  remaining: readonly string[],
): string | undefined {
  const back = entries.find(
    ({ target, direction, state }) =>
      direction === 'back' && (state === 'intent' || state === 'changed') && remaining.includes(target),
  );
  if (back) return back.target;
  const failed = entries.find(
    ({ target, direction, state }) => direction === 'forward' && state === 'failed' && remaining.includes(target),
  );
  const open = entries.find(
    ({ target, direction, state }) =>
      direction === 'forward' && (state === 'intent' || state === 'changed') && remaining.includes(target),
  );
  return (open ?? failed)?.target;
}

/** An account of the canary traffic that a roll-out may not leave behind. */
export function accountProblems(account: {
  lost: number;
  offsetsMovedBack: number;
  stuckConsumers: number;
  acknowledged: number;
}): string[] {
  const { lost, offsetsMovedBack, stuckConsumers } = account;
  return [
    ...(lost > 0 ? [`${lost} acknowledged records were lost`] : []),
    ...(offsetsMovedBack > 0 ? [`committed offsets moved back ${offsetsMovedBack} times`] : []),
    ...(stuckConsumers > 0 ? [`consumers are stuck on ${stuckConsumers} partitions`] : []),
  ];
}
