import { expect, test } from 'vitest';
import { retryAfterMs } from '../../decisions/retry-after.ts';

const NOW = Date.parse('2026-11-30T12:00:00Z');

test.each<[what: string, headers: Record<string, string>, ms: number]>([
  ['seconds', { 'retry-after': '12' }, 12_000],
  ['a date', { 'retry-after': 'Mon, 30 Nov 2026 12:00:30 GMT' }, 30_000],
  ['a date that has passed', { 'retry-after': 'Mon, 30 Nov 2026 11:59:59 GMT' }, -1_000],
  ['milliseconds before both', { 'retry-after-ms': '250', 'retry-after': '12' }, 250],
  ['nothing', {}, Number.NaN],
  ['nonsense', { 'retry-after': 'soon' }, Number.NaN],
])('%s', (_, headers, ms) => {
  expect(retryAfterMs(new Headers(headers), NOW)).toBe(ms);
});
