/** Counts of one arm. */
type Counts = { pass: number; fail: number };

const LOG_FACTORIALS: number[] = [0];

function logFactorial(n: number): number {
  for (let i = LOG_FACTORIALS.length; i <= n; i += 1) LOG_FACTORIALS.push((LOG_FACTORIALS[i - 1] ?? 0) + Math.log(i));
  return LOG_FACTORIALS[n] ?? 0;
}

const logChoose = (n: number, k: number) => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

const LANCZOS = [
  676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
];

/** Logarithm of the gamma function for x ≥ 0.5 (Lanczos, g = 7; relative error below 1e-14). */
function logGamma(x: number): number {
  const y = x - 1;
  const series = LANCZOS.reduce((sum, c, i) => sum + c / (y + i + 1), 0.9999999999998099);
  const t = y + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (y + 0.5) * Math.log(t) - t + Math.log(series);
}

/** Logarithm of the beta function: how a failure rate that is only known by a prior weighs counts. */
export const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b);

/**
 * Fisher's exact test, one-sided: how likely the candidate has as many failures as it has, or more, when both arms
 * fail equally often. Exact for any counts; 1 where an arm has no run.
 */
export function fisherWorse(candidate: Counts, base: Counts): number {
  const [n, m] = [candidate.pass + candidate.fail, base.pass + base.fail];
  if (n === 0 || m === 0) return 1;
  const failures = candidate.fail + base.fail;
  const all = logChoose(n + m, failures);
  let p = 0;
  for (let k = candidate.fail; k <= Math.min(n, failures); k += 1) {
    if (failures - k > m) continue;
    p += Math.exp(logChoose(n, k) + logChoose(m, failures - k) - all);
  }
  return Math.min(1, p);
}

/** Wilson's score interval of a rate; `z` 1.645 bounds each side at 95 %. */
function wilson({ pass, fail }: Counts, z: number): { low: number; high: number; rate: number } {
  const n = pass + fail;
  const rate = fail / n;
  const centre = rate + (z * z) / (2 * n);
  const spread = z * Math.sqrt((rate * (1 - rate)) / n + (z * z) / (4 * n * n));
  const scale = 1 + (z * z) / n;
  return { low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale), rate };
}

/**
 * The most by which the candidate's failure rate exceeds the base's, one-sided, at the confidence of the normal
 * quantile `z` (95 % by default; Newcombe's hybrid score interval). 1 where an arm has no run.
 */
export function worseByAtMost(candidate: Counts, base: Counts, z = 1.645): number {
  if (candidate.pass + candidate.fail === 0 || base.pass + base.fail === 0) return 1;
  const [c, b] = [wilson(candidate, z), wilson(base, z)];
  return c.rate - b.rate + Math.hypot(c.high - c.rate, b.rate - b.low);
}

const binomial = (n: number, k: number, p: number) =>
  p === 0
    ? Number(k === 0)
    : p === 1
      ? Number(k === n)
      : Math.exp(logChoose(n, k) + k * Math.log(p) + (n - k) * Math.log(1 - p));

/**
 * With what probability a candidate that fails at `candidateRate` is told from a base that fails at `baseRate`, with
 * so many runs on each arm, at significance `alpha` (exact, summed over every outcome).
 */
export function powerOf(options: { candidateRate: number; baseRate: number; runs: number; alpha: number }): number {
  const { candidateRate, baseRate, runs, alpha } = options;
  let power = 0;
  // The smallest number of failures that is significant beside b: every larger one is too, and it grows with b.
  let least = 0;
  for (let b = 0; b <= runs; b += 1) {
    while (least <= runs && fisherWorse({ fail: least, pass: runs - least }, { fail: b, pass: runs - b }) > alpha)
      least += 1;
    let beyond = 0;
    for (let c = least; c <= runs; c += 1) beyond += binomial(runs, c, candidateRate);
    power += binomial(runs, b, baseRate) * beyond;
  }
  return Math.min(1, power);
}
