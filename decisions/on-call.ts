/** One turn of duty. Milliseconds since 1970. */
export type Shift = { person: string; from: number; to: number };

/**
 * Whom to call, first to last: who is on duty now, in the order of the schedule, then whoever comes next. Each person
 * once. The nth call of a ticket goes to the nth of them, and begins again at the end.
 */
export function callOrder(shifts: readonly Shift[], now: number): string[] {
  const onDuty = shifts.filter(({ from, to }) => from <= now && now < to);
  const later = shifts.filter(({ from }) => from > now).sort((a, b) => a.from - b.from);
  return [...new Set([...onDuty, ...later].map(({ person }) => person))];
}

/** `n` counts from 1. Whoever asked is not called, unless there is nobody else. */
export function nthToCall(order: readonly string[], n: number, asker: string): string | undefined {
  const others = order.filter((person) => person !== asker);
  const people = others.length > 0 ? others : order;
  return people.length === 0 ? undefined : people[(n - 1) % people.length];
}
