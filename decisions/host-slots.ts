/** A suite worker: its own task queue, and as many slots as it really has. */
export type SuiteHost = { host: string; queue: string; slots: number };

/**
 * How many slots of each host a suite gets where it may have `limit` at the most. What a host was given it keeps while
 * it lives, since it may be in the middle of a batch; the rest goes to the others in their order. A host without one
 * is listed too: it lives, and may get some when another goes.
 */
export function allotSlots(
  live: readonly SuiteHost[],
  given: readonly SuiteHost[],
  limit = Number.POSITIVE_INFINITY,
): SuiteHost[] {
  const before = new Map(given.map(({ host, slots }) => [host, slots]));
  const kept = (host: string) => before.get(host) ?? 0;
  let left = limit - live.reduce((sum, { host }) => sum + kept(host), 0);
  return live.map(({ host, queue, slots }) => {
    const more = Math.max(0, Math.min(slots - kept(host), left));
    left -= more;
    return { host, queue, slots: kept(host) + more };
  });
}

export function totalSlots(hosts: readonly SuiteHost[]): number {
  return hosts.reduce((sum, { slots }) => sum + slots, 0);
}
