import type { RunCounts } from '../workflows/types.ts';
import { fisherWorse, powerOf, worseByAtMost } from './statistics.ts';

/** How certain `destabilised` is: a candidate that is no worse gets that verdict in at most one of a hundred cases. */
export const ALPHA_WORSE = 0.01;
/** How certain `flaky` is: a candidate that is worse by the margin gets that verdict in at most five of a hundred. */
export const ALPHA_NO_WORSE = 0.05;
/** No worse than the base by this much, or by half of the base's own rate where that is more (triage.md, step 4). */
const MARGIN = 0.1;

/** Before so many runs an arm no difference can be told from luck at α = 0.01. */
export const LEAST_RUNS = 10;
/** Runs an arm at which the counts are looked at. */
const LOOKS = [LEAST_RUNS, 20, 40, 80, 120, 240, 400];
/** Forty clean passes exclude ten points, fewer do not: most of what may be spent by then is spent there. */
const CLEAN_LOOK = 40;

export type Look = {
  runs: number;
  /** The shares of both α that this look may spend; over all looks they add up to α, so that looking often costs nothing. */
  worse: number;
  noWorse: number;
};

/**
 * The looks of a two-arm group-sequential test with at most `most` runs an arm. Shares of α are additive (Bonferroni),
 * so each error is bounded whatever the rates are and wherever it stops.
 */
export function looksUpTo(most: number): Look[] {
  const at = [...LOOKS.filter((look) => look < most), most];
  return at.map((runs, i) => ({
    runs,
    // As much of α as of the runs: a great difference shows early even at a small share.
    worse: (ALPHA_WORSE * (runs - (at[i - 1] ?? 0))) / most,
    noWorse: ALPHA_NO_WORSE * (spent(runs, most) - spent(at[i - 1] ?? 0, most)),
  }));
}

/** Share of α for "no worse" that is spent after so many runs. */
function spent(runs: number, most: number): number {
  const early = 0.1;
  if (runs === 0) return 0;
  if (runs >= most) return 1;
  if (runs < CLEAN_LOOK) return (early * runs) / CLEAN_LOOK;
  const atForty = early + 0.42;
  return atForty + ((1 - atForty) * (runs - CLEAN_LOOK)) / (most - CLEAN_LOOK);
}

export type Comparison =
  | { kind: 'worse' }
  | { kind: 'no-worse' }
  | { kind: 'open'; next: number }
  /** All runs are made and nothing is shown. */
  | { kind: 'open-for-good' };

/**
 * What the counts of both arms say at the present look. `history`: runs of the same test on earlier bases. It can
 * only make the answer *worse* more careful (the difference must also show against base and history together), so
 * that a wrong history costs power and never a false alarm; for *no worse* it counts for at most as many runs as were
 * made now, and not at all where today's base contradicts it.
 */
export function compareArms(candidate: RunCounts, base: RunCounts, most: number, history?: RunCounts): Comparison {
  const runs = Math.min(total(candidate), total(base));
  const looks = looksUpTo(most);
  const look = looks.findLast((one) => one.runs <= runs);
  const prior = history && priorRuns(base, history);
  const informed = prior ? { pass: base.pass + prior.pass, fail: base.fail + prior.fail } : base;
  if (look) {
    if (fisherWorse(candidate, base) <= look.worse && fisherWorse(candidate, informed) <= look.worse) {
      return { kind: 'worse' };
    }
    const baseRate = rateForMargin(informed);
    if (worseByAtMost(candidate, informed, quantile(look.noWorse)) < marginFor(baseRate)) return { kind: 'no-worse' };
  }
  const next = looks.find((one) => one.runs > runs);
  return next ? { kind: 'open', next: next.runs } : { kind: 'open-for-good' };
}

/** How likely a candidate that fails by the margin more often than the base would have been told from it by now. */
export function powerSoFar(candidate: RunCounts, base: RunCounts, most: number): number {
  const runs = Math.min(total(candidate), total(base));
  const baseRate = total(base) === 0 ? 0 : base.fail / total(base);
  const alpha = looksUpTo(most).findLast((one) => one.runs <= runs)?.worse ?? ALPHA_WORSE;
  return powerOf({ candidateRate: Math.min(1, baseRate + marginFor(baseRate)), baseRate, runs, alpha });
}

export const marginFor = (baseRate: number): number => Math.max(MARGIN, baseRate / 2);

/** A base that looked worse than it is would widen the margin: its rate is taken at the lower end of what its runs allow (95 %). */
function rateForMargin(base: RunCounts): number {
  const n = total(base);
  const rate = base.fail / n;
  return Math.max(0, rate - 1.645 * Math.sqrt((rate * (1 - rate)) / n));
}

/** Earlier runs at the weight that they deserve: never more than today's, none where they disagree. */
function priorRuns(base: RunCounts, history: RunCounts): RunCounts | undefined {
  const all = total(history);
  if (all === 0) return undefined;
  const differs = Math.min(fisherWorse(base, history), fisherWorse(history, base)) < 0.2;
  if (differs) return undefined;
  const weight = Math.min(1, total(base) / 2 / all);
  return { pass: Math.round(history.pass * weight), fail: Math.round(history.fail * weight) };
}

/** The standard normal quantile of 1 - p (Acklam's approximation, relative error below 1.2e-9), for p below 0.5. */
function quantile(p: number): number {
  if (p <= 0) return Number.POSITIVE_INFINITY;
  const q = Math.sqrt(-2 * Math.log(p));
  if (p < 0.02425) {
    const c = [
      -7.784894002430293e-3, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
      2.938163982698783,
    ];
    const d = [7.784695709041462e-3, 0.3224671290700398, 2.445134137142996, 3.754408661907416];
    return -horner(c, q) / horner([...d, 1], q);
  }
  const r = (p - 0.5) ** 2;
  const a = [
    -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239,
  ];
  const b = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572];
  return (-(p - 0.5) * horner(a, r)) / horner([...b, 1], r);
}

const horner = (coefficients: readonly number[], x: number) => coefficients.reduce((sum, c) => sum * x + c, 0);
const total = ({ pass, fail }: RunCounts) => pass + fail;
