import { describe, expect, test } from 'vitest';
import {
  culpritOf,
  type Found,
  nextProbe,
  type PointRuns,
  type Search,
  type SearchedTest,
} from '../../../decisions/culprit.ts';
import { nextStack, type PairSearch, pairOf, type StackRuns, stackKey } from '../../../decisions/culprit-pair.ts';
import { draw, random } from './random.ts';

const counts = (pass: number, fail: number, missing = 0): PointRuns => ({ pass, fail, missing });
const regression = (name = 't'): SearchedTest => ({ name, always: true, base: counts(5, 0), candidate: counts(0, 8) });
const destabilised = (fail: number, all: number): SearchedTest => ({
  name: 't',
  always: false,
  base: counts(all, 0),
  candidate: counts(all - fail, fail),
});

type Truth = (test: string, point: number, runs: number) => PointRuns | 'unbuildable';

/** Runs the search against a truth: what it found, how many points were built and how many runs it took. */
function find(patches: number, truth: Truth, tests: SearchedTest[]) {
  const points: Record<number, Record<string, PointRuns> | 'unbuildable'> = {};
  const search: Search = { patches, tests, points };
  let made = 0;
  for (let probe = nextProbe(search); probe !== undefined; probe = nextProbe(search)) {
    const { point } = probe;
    expect(point).toBeGreaterThan(0);
    expect(point).toBeLessThan(patches);
    for (const { name, runs } of probe.tests) {
      expect(runs).toBeGreaterThan(0);
      const answer = truth(name, point, runs);
      const known = points[point];
      if (answer === 'unbuildable' || known === 'unbuildable') {
        points[point] = 'unbuildable';
        continue;
      }
      made += runs;
      const before = known?.[name] ?? counts(0, 0);
      points[point] = {
        ...known,
        [name]: counts(before.pass + answer.pass, before.fail + answer.fail, before.missing + answer.missing),
      };
    }
  }
  return { found: tests.map((one) => culpritOf(search, one)), builds: Object.keys(points).length, runs: made };
}

const plain = (found: Found | undefined) =>
  found?.kind === 'patch' ? found.patch : found?.kind === 'range' ? [found.from, found.to] : found?.kind;
const always =
  (culprit: number): Truth =>
  (_test, point, runs) =>
    point >= culprit ? counts(0, runs) : counts(runs, 0);

describe('a test that always fails', () => {
  test('whichever patch it is, of however many, with few builds', () => {
    for (let patches = 1; patches <= 20; patches += 1) {
      for (let culprit = 1; culprit <= patches; culprit += 1) {
        const { found, builds } = find(patches, always(culprit), [regression()]);
        expect(found).toEqual([{ kind: 'patch', patch: culprit, brought: false, certainty: expect.any(Number) }]);
        expect(builds).toBeLessThanOrEqual(Math.ceil(Math.log2(patches)) + 2);
        if (culprit === patches) expect(builds).toBeLessThanOrEqual(1);
      }
    }
  });

  test('a pass below and a failure at the patch were both seen', () => {
    const asked: string[] = [];
    find(
      8,
      (name, point, runs) => {
        asked.push(...Array.from({ length: runs }, () => `${point}`));
        return always(4)(name, point, runs);
      },
      [regression()],
    );
    expect(asked.filter((point) => point === '3').length).toBeGreaterThanOrEqual(2);
    expect(asked.filter((point) => point === '4').length).toBeGreaterThanOrEqual(2);
  });

  test('several tests, several culprits, one search', () => {
    const culprits: Record<string, number> = { a: 2, b: 7, c: 7 };
    const truth: Truth = (name, point, runs) => always(culprits[name] ?? 0)(name, point, runs);
    const { found, builds } = find(8, truth, ['a', 'b', 'c'].map(regression));
    expect(found.map(plain)).toEqual([2, 7, 7]);
    expect(builds).toBeLessThanOrEqual(6);
  });

  test('what does not build is gone around, or left as a range', () => {
    const broken =
      (culprit: number, ...points: number[]): Truth =>
      (name, point, runs) =>
        points.includes(point) ? 'unbuildable' : always(culprit)(name, point, runs);
    expect(find(8, broken(5, 4), [regression()]).found.map(plain)).toEqual([[4, 5]]);
    expect(find(8, broken(5, 6, 7), [regression()]).found.map(plain)).toEqual([5]);
    expect(find(3, broken(2, 1, 2), [regression()]).found.map(plain)).toEqual([[1, 3]]);
    expect(find(5, broken(5, 1, 2, 3, 4), [regression()]).found.map(plain)).toEqual([[1, 5]]);
  });

  test('a patch that brings a test which fails there is told from one that breaks it later', () => {
    const bringsAt =
      (brought: number, culprit: number): Truth =>
      (name, point, runs) =>
        point < brought ? counts(0, 0, runs) : always(culprit)(name, point, runs);
    const lacking = { ...regression(), base: counts(0, 0, 5) };
    expect(find(6, bringsAt(4, 4), [lacking]).found).toMatchObject([{ kind: 'patch', patch: 4, brought: true }]);
    expect(find(6, bringsAt(3, 6), [lacking]).found).toMatchObject([{ kind: 'patch', patch: 6, brought: false }]);
  });

  test('a flake below the culprit misleads only for a while', () => {
    const next = random(5);
    let right = 0;
    for (let i = 0; i < 300; i += 1) {
      const culprit = 1 + Math.floor(next() * 8);
      const truth: Truth = (_name, point, runs) =>
        point >= culprit ? counts(0, runs) : { ...draw(next, 0.1, runs), missing: 0 };
      right += plain(find(8, truth, [regression()]).found[0]) === culprit ? 1 : 0;
    }
    expect(right / 300).toBeGreaterThan(0.97);
  });
});

describe('a destabilised test, simulated', () => {
  function accuracy(patches: number, above: number, below: number, ends: number) {
    const next = random(patches * 100 + above * 10);
    const rounds = 300;
    const share = { right: 0, wrong: 0, open: 0, none: 0, runs: 0, plainRule: 0 };
    for (let i = 0; i < rounds; i += 1) {
      const culprit = 1 + Math.floor(next() * patches);
      const tested: SearchedTest = {
        name: 't',
        always: false,
        base: { ...draw(next, below, ends), missing: 0 },
        candidate: { ...draw(next, above, ends), missing: 0 },
      };
      const { found, runs } = find(
        patches,
        (_n, point, asked) => ({ ...draw(next, point >= culprit ? above : below, asked), missing: 0 }),
        [tested],
      );
      const [answer] = found;
      share.runs += runs / rounds;
      if (answer?.kind === 'patch') share[answer.patch === culprit ? 'right' : 'wrong'] += 1 / rounds;
      else share[answer?.kind === 'none' ? 'none' : 'open'] += 1 / rounds;
      share.plainRule += plainRule(next, patches, culprit, above) === culprit ? 1 / rounds : 0;
    }
    return share;
  }

  /** Bisection in which a pass clears what is below, three runs a point: what triage.md warns of. */
  function plainRule(next: () => number, patches: number, culprit: number, rate: number): number {
    let [low, high] = [0, patches];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      const seen = draw(next, middle >= culprit ? rate : 0, 3);
      if (seen.pass > 0) low = middle;
      else high = middle;
    }
    return high;
  }

  test('8 patches and a 50 % race: right nearly always, where the plain rule is right in a fifth', () => {
    const share = accuracy(8, 0.5, 0, 20);
    expect(share.right).toBeGreaterThan(0.97);
    expect(share.wrong).toBeLessThan(0.02);
    expect(share.plainRule).toBeLessThan(0.3);
  });

  test.each([
    [8, 0.1, 0, 120],
    [8, 0.5, 0.1, 40],
    [20, 0.3, 0, 40],
  ])('%d patches, failing at %d, at %d without the patch', (patches, above, below, ends) => {
    const share = accuracy(patches, above, below, ends);
    expect(share.right).toBeGreaterThan(0.95);
    expect(share.wrong).toBeLessThan(0.04);
  });

  test('what fails as often without any patch is nobody’s', () => {
    const share = accuracy(8, 0.25, 0.25, 40);
    expect(share.wrong).toBeLessThan(0.02);
    expect(share.none).toBeGreaterThan(0.8);
  });

  test('a stack of one patch needs no search', () => {
    expect(find(1, always(1), [destabilised(10, 20)])).toMatchObject({ runs: 0, found: [{ kind: 'patch', patch: 1 }] });
  });
});

describe('pairs, by leaving patches out', () => {
  /** Runs the search against what each stack of some patches would say. */
  function findPair(patch: number, truth: (patches: number[], runs: number) => StackRuns, tested = regression()) {
    const stacks: Record<string, StackRuns> = {};
    const search: PairSearch = { patch, test: tested, stacks };
    const cut: string[] = [];
    for (let next = nextStack(search); next !== undefined; next = nextStack(search)) {
      const key = stackKey(next.patches);
      expect(next.runs).toBeGreaterThan(0);
      const before = stacks[key];
      const answer = truth(next.patches, next.runs);
      if (before === undefined) cut.push(key);
      stacks[key] =
        typeof answer === 'string' || typeof before !== 'object'
          ? answer
          : counts(before.pass + answer.pass, before.fail + answer.fail);
    }
    return { ...pairOf(search), cut };
  }
  const fails = (needs: number[]) => (patches: number[], runs: number) =>
    needs.every((one) => patches.includes(one)) ? counts(0, runs) : counts(runs, 0);

  test.each([
    ['the first patch of the stack needs nobody', 1, fails([1]), [1], []],
    ['alone on the base it fails: one stack more, one culprit', 5, fails([5]), [5], ['5']],
    ['two patches together', 5, fails([2, 5]), [2, 5], ['5', '1,2,3,5', '1,2,4,5', '1,3,4,5'].sort()],
    ['the nearest is tried first', 5, fails([4, 5]), [4, 5], ['5', '1,2,3,5']],
    ['the second of two', 2, fails([1, 2]), [1, 2], ['2']],
  ] as const)('%s', (_name, patch, truth, patches, cut) => {
    const found = findPair(patch, truth as Parameters<typeof findPair>[1]);
    expect(found.patches).toEqual(patches);
    expect([...found.cut].sort()).toEqual([...cut].sort());
  });

  test('a patch that cannot stand without another is no proof against the other', () => {
    const truth = (patches: number[], runs: number): StackRuns =>
      patches.length === 1 ? 'conflict' : patches.includes(3) ? fails([2, 4])(patches, runs) : 'conflict';
    expect(findPair(4, truth).patches).toEqual([2, 4]);
    const only = (patches: number[], runs: number): StackRuns => (patches.length < 3 ? 'conflict' : counts(0, runs));
    expect(findPair(3, only)).toMatchObject({ patches: [3], reason: expect.stringContaining('1, 2') });
  });

  test('what was not asked, or had no clear answer, is said', () => {
    const whichever = (patches: number[], runs: number) => (patches.length === 1 ? counts(runs, 0) : counts(0, runs));
    expect(findPair(13, whichever)).toMatchObject({
      patches: [13],
      reason: 'it fails whichever earlier patch is left out',
    });
    expect(findPair(20, whichever)).toMatchObject({
      patches: [20],
      reason:
        'it fails whichever of these earlier patches is left out: 8 to 19; patches that were not left out to see: 1 to 7',
    });
    const mixed = (patches: number[], runs: number): StackRuns => {
      if (!patches.includes(1)) return { pass: 0, fail: 0, missing: runs };
      return patches.includes(2) ? whichever(patches, runs) : 'unbuildable';
    };
    expect(findPair(4, mixed).reason).toBe(
      'it fails whichever of these earlier patches is left out: 3; patches that could not be left out: 2; patches without which the test is not there: 1',
    );
    const unclear = { patch: 3, test: destabilised(10, 20), stacks: { '3': counts(20, 0), '1,3': counts(9, 1) } };
    expect(pairOf(unclear).reason).toBe(
      'patches without which it is not clear whether it fails: 2; patches that were not left out to see: 1',
    );
  });

  test('a race that two patches bring together, simulated', () => {
    const next = random(3);
    let right = 0;
    for (let i = 0; i < 200; i += 1) {
      const pair = i % 2 === 0 ? [2, 5] : [5];
      const truth = (patches: number[], runs: number): StackRuns => ({
        ...draw(next, pair.every((one) => patches.includes(one)) ? 0.5 : 0, runs),
        missing: 0,
      });
      const { patches } = findPair(5, truth, destabilised(10, 20));
      right += stackKey(patches) === stackKey(pair) ? 1 : 0;
    }
    expect(right / 200).toBeGreaterThan(0.95);
  });
});
