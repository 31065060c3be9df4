/** Counts of one arm. */
type Counts = { pass: number; fail: number };

const LOG_FACTORIALS: number[] = [0];

function logFactorial(n: number): number {
  for (let i = LOG_FACTORIALS.length; i <= n; i += 1) LOG_FACTORIALS.push((LOG_FACTORIALS[i - 1] ?? 0) + Math.log(i));
  return LOG_FACTORIALS[n] ?? 0;
}

const logChoose = (n: number, k: number) => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

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
 * The most by which the candidate's failure rate exceeds the base's, at 95 % confidence, one-sided (Newcombe's
 * hybrid score interval). 1 where an arm has no run.
 */
export function worseByAtMost(candidate: Counts, base: Counts): number {
  if (candidate.pass + candidate.fail === 0 || base.pass + base.fail === 0) return 1;
  const [c, b] = [wilson(candidate, 1.645), wilson(base, 1.645)];
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
