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

/** So much must have ended before today's pace is believed wholly. */
const BELIEVED_AFTER_SECONDS = 30;

export function secondsLeft({ waitingSeconds, running, endedEstimate, endedSeconds, slots }: Remaining): number {
  const pace = paceOf(endedEstimate, endedSeconds);
  // A unit that is over its time is taken to be about to end: nothing better is known.
  const rests = running.map(({ estimate, seconds }) => Math.max(0, estimate * pace - seconds));
  const spread = (waitingSeconds * pace + rests.reduce((sum, one) => sum + one, 0)) / Math.max(1, slots);
  return Math.max(spread, ...rests);
}

/** Actual over expected, drawn towards 1 while little has ended, and never wild. */
function paceOf(expected: number, actual: number): number {
  if (expected <= 0) return 1;
  const trust = Math.min(1, Math.max(expected, actual) / BELIEVED_AFTER_SECONDS);
  return Math.min(20, Math.max(0.05, (actual / expected) ** trust));
}
