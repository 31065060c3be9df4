/**
 * When a suite is expected to end. History says how long units took on other days; what has ended of this run says
 * how this machine compares today.
 */
export type Remaining = {
  /** Expected seconds of what waits. */
  waitingSeconds: number;
  /** What runs: how long it is expected to take, and for how long it has run. */
  running: readonly { estimate: number; seconds: number }[];
  /** Of what has ended: what it was expected to take, and took. */
  endedEstimate: number;
  endedSeconds: number;
  slots: number;
};

/** History weighs as much as this part of the whole suite: one unit that was far off must not decide alone. */
const HISTORY_SHARE = 0.1;

export function secondsLeft({ waitingSeconds, running, endedEstimate, endedSeconds, slots }: Remaining): number {
  const all = waitingSeconds + endedEstimate + running.reduce((sum, one) => sum + one.estimate, 0);
  const pace = paceOf(endedEstimate, endedSeconds, all * HISTORY_SHARE);
  // A unit that is over its time is taken to be about to end: nothing better is known.
  const rests = running.map(({ estimate, seconds }) => Math.max(0, estimate * pace - seconds));
  const spread = (waitingSeconds * pace + rests.reduce((sum, one) => sum + one, 0)) / Math.max(1, slots);
  return Math.max(spread, ...rests);
}

/** Actual over expected, as if `history` seconds had already gone as expected. */
function paceOf(expected: number, actual: number, history: number): number {
  return expected + history > 0 ? (actual + history) / (expected + history) : 1;
}
