import type { CountMetric, Figures, GateInput, GateProfile, GateSample, LevelMetric } from './types.ts';

/** What one look saw since the one before it. */
export type Look = { atMs: number; errors: number; work: number };

/** When warm-up is over: what was counted before belongs to the restart. */
export function warmAtMs({ wave, profile }: Pick<GateInput, 'wave' | 'profile'>): number {
  return wave.settledAtMs + profile.warmUpSeconds * 1000;
}

/** The looks of the bake itself. */
export function warmSamples(input: GateInput): GateSample[] {
  const warm = warmAtMs(input);
  return input.after.filter(({ atMs }) => atMs >= warm);
}

/**
 * How long was watched: between two looks that are both whole and no further apart than the profile allows. Where
 * clients are part of the environment a look without them is not whole.
 */
export function observedMs(samples: readonly GateSample[], profile: GateProfile, withClients: boolean): number {
  let total = 0;
  for (const [index, sample] of samples.entries()) {
    const last = samples[index - 1];
    if (!last || !isWhole(last, withClients) || !isWhole(sample, withClients)) continue;
    const gap = sample.atMs - last.atMs;
    if (gap <= profile.gapSeconds * 1000) total += gap;
  }
  return total;
}

/** How long was watched: from look to look, where these are no further apart than is still watching. */
export function watchedMs(looks: readonly GateSample[], gapSeconds: number): number {
  const gaps = looks.slice(1).map(({ atMs }, index) => atMs - looks[index]!.atMs);
  return gaps.filter((gap) => gap <= gapSeconds * 1000).reduce((sum, gap) => sum + gap, 0);
}

/** How long nobody looked, since warm-up was over: gaps that are longer than the profile allows. */
export function unwatchedMs(warm: readonly GateSample[], input: GateInput): number {
  let [total, last] = [0, warmAtMs(input)];
  for (const { atMs } of warm) {
    if (atMs - last > input.profile.gapSeconds * 1000) total += atMs - last;
    last = atMs;
  }
  return total;
}

export const isWhole = (sample: GateSample, withClients: boolean) =>
  sample.unread.length === 0 && (!withClients || sample.clients !== undefined);

/** A source by name: a node, or the clients. */
const CLIENTS = 'clients';
const figuresOf = (sample: GateSample, source: string): Figures | undefined =>
  source === CLIENTS ? sample.clients : sample.nodes[source];

/** Whose figures a metric of this scope is read from. */
export function sourcesOf(scope: 'cluster' | 'clients', nodes: readonly string[]): string[] {
  return scope === 'clients' ? [CLIENTS] : [...nodes];
}

/**
 * A count between consecutive looks, summed over sources. A counter that went down began again at a restart. An
 * error counter that is missing is zero, but only beside the counter of the work, which is there.
 */
export function looksOf(samples: readonly GateSample[], sources: readonly string[], metric: CountMetric): Look[] {
  const last = new Map<string, Figures>();
  return samples.map((sample) => {
    const look = { atMs: sample.atMs, errors: 0, work: 0 };
    for (const source of sources) {
      const figures = figuresOf(sample, source);
      if (figures?.[metric.work] === undefined) continue;
      const before = last.get(source);
      last.set(source, figures);
      if (!before) continue;
      look.work += grown(before[metric.work] ?? 0, figures[metric.work] ?? 0);
      for (const name of metric.errors) look.errors += grown(before[name] ?? 0, figures[name] ?? 0);
    }
    return look;
  });
}

export const grown = (before: number, now: number) => (now >= before ? now - before : now);

/** What a level was in each block of equal length: the mean, and how much it varied inside. Natural logarithms. */
export type Blocks = { mean: number[]; spread: number[] };

/** Two readings are the least that say something about a block; its spread takes more. */
const READINGS = 2;
const SPREAD_READINGS = 5;
/** Two per cent of variation is as good as none. */
const LEAST_SPREAD = 0.02;

/**
 * A level of one node by blocks of the window, on a logarithmic scale, so that differences are ratios. NaN where a
 * block has too few readings. The last, unfinished block is left out.
 */
export function blocksOf(
  samples: readonly GateSample[],
  source: string,
  metric: LevelMetric,
  window: { fromMs: number; blockMs: number; blocks: number },
): Blocks {
  const sums = Array.from({ length: window.blocks }, () => ({ n: 0, sum: 0, squares: 0 }));
  for (const sample of samples) {
    const value = figuresOf(sample, source)?.[metric.figure];
    const block = sums[Math.floor((sample.atMs - window.fromMs) / window.blockMs)];
    if (value === undefined || block === undefined) continue;
    const log = Math.log(Math.max(value, metric.floor)) * (metric.worse === 'higher' ? 1 : -1);
    block.n += 1;
    block.sum += log;
    block.squares += log * log;
  }
  return {
    mean: sums.map(({ n, sum }) => (n < READINGS ? Number.NaN : sum / n)),
    spread: sums.map(({ n, sum, squares }) => {
      if (n < SPREAD_READINGS) return Number.NaN;
      const variance = Math.max(0, (squares - (sum * sum) / n) / (n - 1));
      return Math.log(Math.max(LEAST_SPREAD, Math.sqrt(variance)));
    }),
  };
}

/** How many whole blocks these looks cover. */
export function wholeBlocks(samples: readonly GateSample[], fromMs: number, blockMs: number): number {
  const last = samples.at(-1);
  return last ? Math.max(0, Math.floor((last.atMs - fromMs) / blockMs)) : 0;
}
