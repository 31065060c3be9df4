import type { RunCounts } from '../workflows/types.ts';
import { logBeta } from './statistics.ts';

/** What runs of one test said at one point of the stack. */
export type PointRuns = RunCounts & { missing: number };

export type SearchedTest = {
  name: string;
  /** It fails each time with all patches: a pass clears everything up to its point. Otherwise a pass clears nothing. */
  always: boolean;
  /** The ends, confirmed for the verdict: the base (nothing where it lacks the test) and all patches. */
  base: PointRuns;
  candidate: PointRuns;
};

/**
 * The search for the patch that made tests fail, over the prefixes of the stack: point 0 is the base, point n the
 * candidate. Several tests share it, since a build serves them all.
 */
export type Search = {
  patches: number;
  tests: readonly SearchedTest[];
  /** What is known, per point between and test. A point that does not build is an answer for every test. */
  points: Readonly<Record<number, Readonly<Record<string, PointRuns>> | 'unbuildable'>>;
};

export type Probe = { point: number; tests: { name: string; runs: number }[] };

export type Found =
  /** `patch`: position in the stack from 1. `brought`: it brings the test, which fails there at once. */
  | { kind: 'patch'; patch: number; brought: boolean; certainty: number }
  /** One of these: what is between does not build, or the runs do not tell them apart. */
  | { kind: 'range'; from: number; to: number; certainty: number }
  /** It fails as often without the patches. */
  | { kind: 'none'; certainty: number };

/** A priori about 40 % of ranges have no culprit (Google, ICST 2023); the rest is shared alike. */
const PRIOR_NONE = 0.4;
const CERTAIN = 0.99;
/** Runs at one point for one question; what a destabilised test passes by luck is settled by asking again. */
const RUNS = { always: 1, least: 4, most: 40 };
/** Passes below and failures at the culprit that must have been seen, of a test that fails always. */
const VERIFIED = 2;
/** Runs of one test over the whole search: then the answer is what is known. */
const MAX_RUNS = { always: 60, sometimes: 600 };
/** A failure below the culprit is a flake: rare a priori (a mean of one in ten). */
const FLAKE = { fail: 0.5, pass: 4.5 };
const VAGUE = { fail: 0.5, pass: 0.5 };

/** The next point to build and the runs to make there; nothing when every test has its answer. */
export function nextProbe(search: Search): Probe | undefined {
  const wanted = new Map<number, Probe['tests']>();
  for (const test of search.tests) {
    const question = nextQuestion(search, test);
    if (question)
      wanted.set(question.point, [...(wanted.get(question.point) ?? []), { name: test.name, runs: question.runs }]);
  }
  // The point that most tests ask for: a build serves them all.
  const [most] = [...wanted].sort(([p, a], [q, b]) => b.length - a.length || p - q);
  return most && { point: most[0], tests: most[1] };
}

/** What the search says about one test. */
export function culpritOf(search: Search, test: SearchedTest): Found {
  const beliefs = posterior(search, test);
  const groups = groupsOf(search);
  const none = beliefs[0] ?? 0;
  const best = heaviest(groups, beliefs);
  const certainty = weight(best, beliefs);
  if (none > certainty && none > 0.5) return { kind: 'none', certainty: none };
  const answer = certainty < 0.95 ? credible(groups, beliefs, none) : best;
  if (answer.from !== answer.to) return range(answer, beliefs);
  const below = best.to - 1;
  const brought = below === 0 ? isMissing(test.base) : isMissing(runsAt(search, test, below));
  return { kind: 'patch', patch: best.to, brought, certainty };
}

type Group = { from: number; to: number };
type Question = { point: number; runs: number };

function nextQuestion(search: Search, test: SearchedTest): Question | undefined {
  const made = askedPoints(search).reduce((sum, point) => sum + all(runsAt(search, test, point)), 0);
  if (made >= (test.always ? MAX_RUNS.always : MAX_RUNS.sometimes)) return undefined;
  const groups = groupsOf(search);
  const beliefs = posterior(search, test);
  const best = heaviest(groups, beliefs);
  if (weight(best, beliefs) >= CERTAIN) return verification(search, test, best);
  if ((beliefs[0] ?? 0) >= 0.95) return undefined;
  const point = median(search, groups, beliefs);
  return point === undefined ? undefined : { point, runs: runsFor(test) };
}

/** The hypotheses that no build can tell apart: what lies between two points that build. */
function groupsOf({ patches, points }: Search): Group[] {
  const groups: Group[] = [];
  let from = 1;
  for (let point = 1; point <= patches; point += 1) {
    if (point < patches && points[point] === 'unbuildable') continue;
    groups.push({ from, to: point });
    from = point + 1;
  }
  return groups;
}

/** Where what is believed of the patches falls into halves. The first question is whether it is the newest patch. */
function median(search: Search, groups: readonly Group[], beliefs: readonly number[]): number | undefined {
  const inner = groups.slice(0, -1).map(({ to }) => to);
  if (inner.length === 0) return undefined;
  if (askedPoints(search).length === 0) return inner.at(-1);
  const patches = beliefs.slice(1).reduce((sum, one) => sum + one, 0);
  let [below, best, distance] = [0, inner[0] ?? 1, Number.POSITIVE_INFINITY];
  for (const group of groups.slice(0, -1)) {
    below += weight(group, beliefs);
    if (Math.abs(below / patches - 0.5) < distance) [best, distance] = [group.to, Math.abs(below / patches - 0.5)];
  }
  return best;
}

/** A pass below and a failure at the culprit must both have been seen; the ends were seen for the verdict. */
function verification(search: Search, test: SearchedTest, { from, to }: Group): Question | undefined {
  if (!test.always) return undefined;
  const below = runsAt(search, test, from - 1);
  if (from > 1 && below.pass < VERIFIED && below.missing === 0) return { point: from - 1, runs: VERIFIED - below.pass };
  const at = runsAt(search, test, to);
  if (to < search.patches && at.fail < VERIFIED) return { point: to, runs: VERIFIED - at.fail };
  return undefined;
}

/** So many that a test that fails here as often as with all patches shows it nine times of ten. */
function runsFor({ always, candidate }: SearchedTest): number {
  if (always) return RUNS.always;
  const rate = (candidate.fail + 0.5) / (candidate.pass + candidate.fail + 1);
  return Math.min(RUNS.most, Math.max(RUNS.least, Math.ceil(Math.log(0.1) / Math.log(1 - Math.min(0.95, rate)))));
}

/**
 * How likely each hypothesis is: 0 that no patch did it, k that patch k did. Rates below and above are not assumed
 * but integrated over (beta-binomial), so that what the ends showed counts like every other run. A test that always
 * fails has rate 1 above: one pass at i rules out every patch up to i. Where the test is not there yet, no patch up
 * to there can have broken it.
 */
export function posterior(search: Search, test: SearchedTest): number[] {
  const { patches } = search;
  const runs = Array.from({ length: patches + 1 }, (_, point) => runsAt(search, test, point));
  const whole = runs.reduce((sum, one) => add(sum, one));
  const logs = [Math.log(PRIOR_NONE) + evidence(whole, VAGUE)];
  let below: PointRuns = { pass: 0, fail: 0, missing: 0 };
  for (let k = 1; k <= patches; k += 1) {
    below = add(below, runs[k - 1] ?? below);
    const above = add(whole, below, -1);
    const possible = above.missing === 0 && !(test.always && above.pass > 0);
    const likelihood = test.always ? evidence(below, FLAKE) : evidence(below, VAGUE) + evidence(above, VAGUE);
    logs.push(possible ? Math.log((1 - PRIOR_NONE) / patches) + likelihood : Number.NEGATIVE_INFINITY);
  }
  const most = Math.max(...logs);
  const weights = logs.map((log) => Math.exp(log - most));
  const all = weights.reduce((total, one) => total + one, 0);
  return weights.map((one) => one / all);
}

/** Marginal likelihood of counts when the failure rate is only known as Beta(prior). */
function evidence({ pass, fail }: RunCounts, prior: RunCounts): number {
  return logBeta(prior.fail + fail, prior.pass + pass) - logBeta(prior.fail, prior.pass);
}

function runsAt({ points, patches }: Search, test: SearchedTest, point: number): PointRuns {
  if (point === 0) return test.base;
  if (point === patches) return test.candidate;
  const known = points[point];
  return (known === 'unbuildable' ? undefined : known?.[test.name]) ?? { pass: 0, fail: 0, missing: 0 };
}

/** The smallest stretch around the likeliest hypothesis that holds 95 % of what is believed of the patches. */
function credible(groups: readonly Group[], beliefs: readonly number[], none: number): Group {
  const best = groups.indexOf(heaviest(groups, beliefs));
  let [low, high] = [best, best];
  const held = () => groups.slice(low, high + 1).reduce((total, group) => total + weight(group, beliefs), 0);
  while (held() < 0.95 * (1 - none) && (low > 0 || high < groups.length - 1)) {
    const [left, right] = [groups[low - 1], groups[high + 1]];
    if (left && (!right || weight(left, beliefs) >= weight(right, beliefs))) low -= 1;
    else high += 1;
  }
  return { from: groups[low]?.from ?? 1, to: groups[high]?.to ?? 1 };
}

const range = (group: Group, beliefs: readonly number[]): Found => ({
  kind: 'range',
  ...group,
  certainty: weight(group, beliefs),
});
const heaviest = (groups: readonly Group[], beliefs: readonly number[]): Group =>
  groups.reduce((best, group) => (weight(group, beliefs) >= weight(best, beliefs) ? group : best));
const weight = ({ from, to }: Group, beliefs: readonly number[]) =>
  beliefs.slice(from, to + 1).reduce((total, one) => total + one, 0);
const askedPoints = ({ points }: Search) =>
  Object.keys(points)
    .map(Number)
    .filter((point) => points[point] !== 'unbuildable');
const all = ({ pass, fail, missing }: PointRuns) => pass + fail + missing;
const isMissing = ({ pass, fail, missing }: PointRuns) => pass + fail === 0 && missing > 0;
const add = (a: PointRuns, b: PointRuns, sign = 1): PointRuns => ({
  pass: a.pass + sign * b.pass,
  fail: a.fail + sign * b.fail,
  missing: a.missing + sign * b.missing,
});
