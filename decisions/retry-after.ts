/**
 * How long a busy server asks to be left alone, in ms; NaN where it does not say. `Retry-After` is seconds or a date
 * (RFC 9110, 10.2.3); `retry-after-ms`, which servers of models send too, comes first.
 */
export function retryAfterMs(headers: { get(name: string): string | null } | undefined, nowMs: number): number {
  const ms = headers?.get('retry-after-ms');
  if (ms) return Number(ms);
  const after = headers?.get('retry-after') ?? '';
  return /^\s*\d+(\.\d+)?\s*$/.test(after) ? Number(after) * 1_000 : Date.parse(after) - nowMs;
}
