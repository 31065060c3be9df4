/** One metric of a canary analysis: minute by minute; what is missing is left out. More is worse. */
export type Pair = { group: string; experiment: number[]; control: number[] };

const CONFIDENCE_Z = 2.3263478740408408;
const TOLERANCE = 0.25;
const PASS = 95;

/**
 * Kayenta's NetflixACAJudge as its source has it: per metric a Mann-Whitney interval (98 %) of the Hodges-Lehmann
 * shift, High when its lower end is over a quarter of the estimate and the ratio of means is at least 1; a group
 * scores its share of metrics that passed; groups weigh the same; under 95 fails. Metrics without data do not count,
 * half of them without fails, and a group without any scores 100. Direction Increase, NaN removed, no outliers
 * removed, no critical metrics: its defaults.
 */
export function kayentaFails(pairs: readonly Pair[]): boolean {
  const judged = pairs.map((pair) => ({ group: pair.group, label: classify(pair) }));
  const groups = [...Map.groupBy(judged, ({ group }) => group).values()];
  const scores = groups.map((metrics) => {
    const known = metrics.filter(({ label }) => label !== 'no data');
    return known.length === 0 ? 100 : (100 * known.filter(({ label }) => label === 'pass').length) / known.length;
  });
  const missing = judged.filter(({ label }) => label === 'no data').length;
  if (missing * 2 >= judged.length) return true;
  return scores.reduce((a, b) => a + b, 0) / scores.length < PASS;
}

function classify({ experiment, control }: Pair): 'pass' | 'high' | 'no data' {
  if (experiment.length === 0 || control.length === 0) return 'no data';
  if (new Set([...experiment, ...control]).size === 1) return 'pass';
  // Asked first, since the differences take long: High needs both.
  if (meanOf(control) !== 0 && meanOf(experiment) / meanOf(control) < 1) return 'pass';
  const { lower, estimate } = shiftOf(experiment, control);
  return lower > TOLERANCE * Math.abs(estimate) ? 'high' : 'pass';
}

const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Hodges-Lehmann shift and the lower end of its interval: order statistics of all differences (R, wilcox.test). */
function shiftOf(experiment: readonly number[], control: readonly number[]): { lower: number; estimate: number } {
  const [n, m] = [experiment.length, control.length];
  const differences = new Float64Array(n * m);
  for (const [i, x] of experiment.entries()) for (const [j, y] of control.entries()) differences[i * m + j] = x - y;
  differences.sort();
  const ties = tieCorrection([...experiment, ...control]);
  const sigma = Math.sqrt(((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1))));
  const rank = Math.max(0, Math.floor((n * m) / 2 - CONFIDENCE_Z * sigma - 0.5));
  return { lower: differences[rank] ?? 0, estimate: differences[Math.floor((n * m) / 2)] ?? 0 };
}

function tieCorrection(values: number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum + count ** 3 - count, 0);
}

/** A plain threshold: the canary's mean over its peers' mean, 1.10 for a level and 1.5 for an error share. */
export function thresholdFails(pairs: readonly Pair[]): boolean {
  return pairs.some(
    ({ group, experiment, control }) => meanOf(experiment) > meanOf(control) * (group === 'errors' ? 1.5 : 1.1),
  );
}
