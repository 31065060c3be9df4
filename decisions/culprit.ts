/**
 * Which patch of the stack broke a test that fails always with all of them: bisection over the prefixes, for many
 * tests at once. Point 0 is the base, point n the candidate; both were measured for the verdict. A pass at k clears
 * everything up to k (the test always fails once it is broken); the answer is a pass at k - 1 and a fail at k, both
 * seen (triage.md, *Culprit*, first form: no likelihoods, no pairs).
 */
export type PointAnswer = 'pass' | 'fail' | 'missing' | 'unbuildable';

export type Search = {
  patches: number;
  tests: readonly string[];
  /** What is known, per point. `unbuildable` holds for every test. */
  answers: Readonly<Record<number, Readonly<Record<string, PointAnswer>> | 'unbuildable'>>;
};

/** Between which points each test still is. `low` passes (or does not have the test), `high` fails. */
type Range = { low: number; high: number };

export type Found =
  /** `patch`: position in the stack from 1. `brought`: the patch brings the test and it fails there at once. */
  | { kind: 'patch'; patch: number; brought: boolean }
  /** Commits between do not build: it is one of these. */
  | { kind: 'range'; from: number; to: number };

/** The next point to build and the tests to run there; nothing when every test has its answer. */
export function nextProbe(search: Search): { point: number; tests: string[] } | undefined {
  const wanted = new Map<number, string[]>();
  for (const test of search.tests) {
    const point = pointBetween(search, rangeOf(search, test));
    if (point !== undefined) wanted.set(point, [...(wanted.get(point) ?? []), test]);
  }
  // The point that most tests ask for: a build serves them all.
  const [most] = [...wanted].sort(([p, a], [q, b]) => b.length - a.length || p - q);
  return most && { point: most[0], tests: most[1] };
}

/** What the search says about one test once `nextProbe` asks for nothing more. */
export function culpritOf(search: Search, test: string): Found {
  const { low, high } = rangeOf(search, test);
  if (high - low > 1) return { kind: 'range', from: low + 1, to: high };
  return { kind: 'patch', patch: high, brought: answerAt(search, low, test) === 'missing' };
}

function answerAt(search: Search, point: number, test: string): PointAnswer | undefined {
  const answers = search.answers[point];
  return answers === 'unbuildable' ? 'unbuildable' : answers?.[test];
}

function rangeOf(search: Search, test: string): Range {
  let [low, high] = [0, search.patches];
  for (let point = 1; point < search.patches; point += 1) {
    const answer = answerAt(search, point, test);
    if ((answer === 'pass' || answer === 'missing') && point > low && point < high) low = point;
  }
  for (let point = search.patches - 1; point > low; point -= 1) {
    if (answerAt(search, point, test) === 'fail') high = point;
  }
  return { low, high };
}

/**
 * The middle, or the nearest point to it that can be built. The first question is whether it is the newest patch:
 * what is below it has usually been released.
 */
function pointBetween(search: Search, { low, high }: Range): number | undefined {
  const middle = low === 0 && high === search.patches ? high - 1 : Math.floor((low + high) / 2);
  const inside = Array.from({ length: Math.max(0, high - low - 1) }, (_, i) => low + 1 + i);
  return inside
    .filter((point) => search.answers[point] !== 'unbuildable')
    .sort((p, q) => Math.abs(p - middle) - Math.abs(q - middle))[0];
}
