import { readFileSync } from 'node:fs';
import { segmentsOf, visitAcks } from './segments.ts';

/** One second of the traffic, as traffic/Samples.java writes it. Times in ms; p50, p99 and max only where something was acknowledged. */
export type Sample = {
  t: number;
  run: number;
  rate: number;
  sent: number;
  acked: number;
  read: number;
  errors: Record<string, number>;
  timeouts: number;
  /** Not sent, since too much was waiting already. */
  skipped: number;
  p50?: number;
  p99?: number;
  max?: number;
  /** Acknowledged and not yet read. */
  lag: number;
  /** Partitions with lag on which nothing was read for 10 s. */
  stuck: number;
  movedBack: number;
  /** Commits that failed, and are tried again a second later: no error of a probe. */
  commitErrors: number;
  /** The longest that a partition has been waited for without an acknowledgement, up to this moment. */
  unwritable: number;
  unwritablePartition: number;
};

/** What the probes saw between two moments. */
export type TrafficFigures = {
  /** Seconds that were observed: fewer than asked for while the traffic did not run. */
  seconds: number;
  acknowledged: number;
  /** Failed requests other than time-outs. */
  errors: number;
  errorKinds: Record<string, number>;
  timeouts: number;
  /** Undefined where nothing was acknowledged. */
  p50Ms?: number;
  p99Ms?: number;
  maxMs?: number;
  /** At the end. */
  lag: number;
  stuckPartitions: number;
  offsetsMovedBack: number;
  longestUnwritableMs: number;
};

/** The samples of (fromMs, toMs], oldest first. A line that a kill cut off is skipped. */
export function readSamples(dir: string, fromMs: number, toMs: number): Sample[] {
  return segmentsOf(dir, 'samples', 'jsonl', fromMs).flatMap(({ file }) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as Sample)
      .filter(({ t }) => t > fromMs && t <= toMs),
  );
}

/** Exact figures: latencies of every acknowledgement, counts of every second. */
export function figuresOf(dir: string, fromMs: number, toMs: number): TrafficFigures {
  const samples = readSamples(dir, fromMs, toMs);
  const latencies: number[] = [];
  visitAcks(dir, fromMs, ({ t, latencyMs }) => {
    if (t <= toMs) latencies.push(latencyMs);
  });
  latencies.sort((a, b) => a - b);
  const quantile = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  const errorKinds: Record<string, number> = {};
  for (const { errors } of samples) {
    for (const [kind, count] of Object.entries(errors)) errorKinds[kind] = (errorKinds[kind] ?? 0) + count;
  }
  const sum = (pick: (sample: Sample) => number) => samples.reduce((total, sample) => total + pick(sample), 0);
  return {
    seconds: samples.length,
    acknowledged: latencies.length,
    errors: Object.values(errorKinds).reduce((total, count) => total + count, 0),
    errorKinds,
    timeouts: sum(({ timeouts }) => timeouts),
    ...(latencies.length > 0 ? { p50Ms: quantile(0.5), p99Ms: quantile(0.99), maxMs: quantile(1) } : {}),
    lag: samples.at(-1)?.lag ?? 0,
    stuckPartitions: samples.at(-1)?.stuck ?? 0,
    offsetsMovedBack: sum(({ movedBack }) => movedBack),
    longestUnwritableMs: longestUnwritable(samples, fromMs),
  };
}

/** What began before `fromMs` counts from there on. */
export function longestUnwritable(samples: readonly Sample[], fromMs: number): number {
  return Math.round(
    samples.reduce((longest, { t, unwritable }) => Math.max(longest, Math.min(unwritable, t - fromMs)), 0),
  );
}

/** How long nobody watched: gaps of more than 2.5 s between samples, and at both ends. */
export function unobserved(samples: readonly Sample[], fromMs: number, toMs: number): number {
  const moments = [fromMs, ...samples.map(({ t }) => t), toMs];
  return moments.reduce((total, t, i) => {
    const gap = i === 0 ? 0 : t - (moments[i - 1] ?? t);
    return gap > 2_500 ? total + gap : total;
  }, 0);
}
