/**
 * How much one slot takes at a time. Units wait in a queue, longest first (triage.md, *Running*: a pull queue in
 * that order reaches the bound, static plans do not), and are handed out in shrinking batches: each takes a share of
 * what is left, so that tiny units share a hand-over and the last batches end together.
 */

/** Of what is left, a slot takes one part in slots × this. */
const SHARES = 4;
/**
 * Handing a batch over costs some tens of milliseconds: less than this is not worth one. The slots end within one
 * such batch of each other, so it must be small beside a short suite's share as well.
 */
const FLOOR_SECONDS = 0.4;
export const MAX_BATCH_UNITS = 500;

/**
 * How many units from the head of the queue make the next batch; at least one where any waits.
 * `estimates`: expected seconds in the order of the queue, the first `MAX_BATCH_UNITS` are enough.
 */
export function nextBatchSize(queue: {
  estimates: readonly number[];
  remainingSeconds: number;
  slots: number;
}): number {
  const { estimates, remainingSeconds, slots } = queue;
  const share = Math.max(FLOOR_SECONDS, remainingSeconds / (slots * SHARES));
  let seconds = 0;
  let size = 0;
  for (const estimate of estimates.slice(0, MAX_BATCH_UNITS)) {
    // A unit that goes far beyond the share is left to a slot of its own, unless it is the first.
    if (size > 0 && seconds + estimate > share * 1.1) break;
    seconds += estimate;
    size += 1;
  }
  return size;
}

/** Seconds below which no schedule can be: everything spread evenly, or the longest unit alone. */
export function boundSeconds(totalSeconds: number, longestSeconds: number, slots: number): number {
  return Math.max(totalSeconds / slots, longestSeconds);
}

/** How near a run came to its bound: 1 is perfect. Undefined before anything ran. */
export function efficiency(bound: number, seconds: number): number | undefined {
  return seconds > 0 ? Math.round((bound / seconds) * 1000) / 1000 : undefined;
}
