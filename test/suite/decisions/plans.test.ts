import { describe, expect, test } from 'vitest';
import { boundSeconds, nextBatchSize } from '../../../decisions/batch-plan.ts';
import { culpritOf, nextProbe, type PointAnswer, type Search } from '../../../decisions/culprit.ts';
import { clusterKey, representatives } from '../../../decisions/failure-cluster.ts';
import { planReruns, type Rerun, rerunLimits } from '../../../decisions/rerun-plan.ts';

/** The same numbers in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

describe('batches', () => {
  test('every unit is handed out once, in shrinking batches, and the slots end together', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const next = random(seed);
      const units = Array.from({ length: 50 + Math.floor(next() * 300) }, () => next() ** 6 * 20 + 0.02).sort(
        (a, b) => b - a,
      );
      const slots = 1 + Math.floor(next() * 8);
      const ends = new Array<number>(slots).fill(0);
      let waiting = units;
      while (waiting.length > 0) {
        const remainingSeconds = waiting.reduce((sum, x) => sum + x, 0);
        const size = nextBatchSize({ estimates: waiting, remainingSeconds, slots });
        expect(size).toBeGreaterThan(0);
        const slot = ends.indexOf(Math.min(...ends));
        ends[slot] = (ends[slot] ?? 0) + waiting.slice(0, size).reduce((sum, x) => sum + x, 0);
        waiting = waiting.slice(size);
      }
      const total = units.reduce((sum, x) => sum + x, 0);
      const bound = boundSeconds(total, units[0] ?? 0, slots);
      expect(Math.max(...ends)).toBeGreaterThanOrEqual(bound - 1e-9);
      // Exact estimates: no worse than the bound and what one hand-over is worth.
      expect(Math.max(...ends)).toBeLessThanOrEqual(bound * 1.1 + 1.1);
    }
  });

  test('an empty queue makes no batch, a huge unit one of its own', () => {
    expect(nextBatchSize({ estimates: [], remainingSeconds: 0, slots: 2 })).toBe(0);
    expect(nextBatchSize({ estimates: [500, 1, 1], remainingSeconds: 502, slots: 2 })).toBe(1);
  });
});

describe('clusters', () => {
  test.each([
    ['org.x.E: Timed out after 15000 ms', 'org.x.E: Timed out after 30000 ms'],
    ['E: expected: <3> but was: <4>', 'E: expected: <[1, 2]> but was: <9>'],
    ['E: Foo@1a2b3c4d at /tmp/junit123/x', 'E: Foo@99887766 at /tmp/junit9/y/z'],
    ['E: id 123e4567-e89b-12d3-a456-426614174000', 'E: id 00000000-e89b-12d3-a456-426614174fff'],
  ])('%s is like %s', (a, b) => expect(clusterKey(a)).toBe(clusterKey(b)));

  test('different errors stay apart', () => expect(clusterKey('A: no leader')).not.toBe(clusterKey('B: no leader')));

  test('at most three stand for a cluster, one a unit', () => {
    const failures = ['A', 'A', 'B', 'C', 'D'].map((unit, i) => ({ unit, test: String(i), cluster: 'x' }));
    expect([...representatives(failures)].map(({ test: id }) => id)).toEqual(['0', '2', '3']);
  });
});

describe('reruns', () => {
  const rerun: Rerun = {
    unit: 'A',
    test: 'A#a()',
    selector: 'u:a',
    representative: true,
    candidate: 5,
    base: 5,
    alone: true,
    limits: { methodSeconds: 30, unitSeconds: 60, silenceSeconds: 60 },
  };

  test('a representative runs alone each time, arms in turn', () => {
    const [batch = []] = planReruns([rerun]);
    expect(batch.map(({ arm }) => arm).join()).toBe(
      'candidate,base,base,candidate,candidate,base,base,candidate,candidate,base',
    );
    expect(batch.every(({ fresh }) => fresh)).toBe(true);
    expect(batch.map(({ item }) => item)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('the others of a unit share a new process a round', () => {
    const others = [rerun, { ...rerun, test: 'A#b()', selector: 'u:b' }].map((one) => ({
      ...one,
      representative: false,
    }));
    const batches = planReruns(others);
    expect(batches).toHaveLength(1);
    expect(batches[0]).toHaveLength(20);
    expect(batches[0]?.filter(({ fresh }) => fresh)).toHaveLength(10);
  });

  test('many runs are warm, and spread over batches', () => {
    const batches = planReruns([{ ...rerun, alone: false, candidate: 60, base: 60 }]);
    expect(batches.map(({ length }) => length)).toEqual([80, 40]);
    expect(batches.flat().some(({ fresh }) => fresh)).toBe(false);
  });

  test.each([
    [120, 0.1, 30],
    [120, 10, 50],
    [120, 100, 120],
  ])('limit %d s, took %d s: %d s', (methodSeconds, seconds, expected) => {
    expect(rerunLimits({ methodSeconds, unitSeconds: 1, silenceSeconds: 1 }, seconds).methodSeconds).toBe(expected);
  });
});

describe('culprits', () => {
  /** Runs the search against a truth and says what it found and how many builds it took. */
  function find(patches: number, truth: (test: string, point: number) => PointAnswer | 'unbuildable', tests: string[]) {
    const answers: Record<number, Record<string, PointAnswer> | 'unbuildable'> = {};
    const search: Search = { patches, tests, answers };
    const built = new Set<number>();
    for (let probe = nextProbe(search); probe !== undefined; probe = nextProbe(search)) {
      const { point } = probe;
      expect(point).toBeGreaterThan(0);
      expect(point).toBeLessThan(patches);
      built.add(point);
      const before = answers[point];
      answers[point] =
        truth('', point) === 'unbuildable'
          ? 'unbuildable'
          : {
              ...(before === 'unbuildable' ? {} : before),
              ...Object.fromEntries(probe.tests.map((name) => [name, truth(name, point) as PointAnswer])),
            };
    }
    return { found: tests.map((name) => culpritOf(search, name)), builds: built.size };
  }

  test('whichever patch it is, of however many, with few builds', () => {
    for (let patches = 1; patches <= 20; patches += 1) {
      for (let culprit = 1; culprit <= patches; culprit += 1) {
        const { found, builds } = find(patches, (_test, point) => (point >= culprit ? 'fail' : 'pass'), ['t']);
        expect(found).toEqual([{ kind: 'patch', patch: culprit, brought: false }]);
        expect(builds).toBeLessThanOrEqual(Math.ceil(Math.log2(patches)) + 1);
        if (culprit === patches) expect(builds).toBeLessThanOrEqual(1);
      }
    }
  });

  test('several tests, several culprits, one search', () => {
    const culprits: Record<string, number> = { a: 2, b: 7, c: 7 };
    const { found, builds } = find(8, (name, point) => (point >= (culprits[name] ?? 0) ? 'fail' : 'pass'), [
      'a',
      'b',
      'c',
    ]);
    expect(found.map((one) => one.kind === 'patch' && one.patch)).toEqual([2, 7, 7]);
    expect(builds).toBeLessThanOrEqual(6);
  });

  test('what does not build is gone around, or left as a range', () => {
    const truth = (broken: number[]) => (_test: string, point: number) =>
      broken.includes(point) ? 'unbuildable' : point >= 5 ? 'fail' : 'pass';
    expect(find(8, truth([4]), ['t']).found).toEqual([{ kind: 'range', from: 4, to: 5 }]);
    expect(find(8, truth([6, 7]), ['t']).found).toEqual([{ kind: 'patch', patch: 5, brought: false }]);
    expect(find(3, truth([1, 2]), ['t']).found).toEqual([{ kind: 'range', from: 1, to: 3 }]);
  });

  test('a patch that brings a test which fails there is told from one that breaks it later', () => {
    expect(find(6, (_t, point) => (point < 4 ? 'missing' : 'fail'), ['t']).found).toEqual([
      { kind: 'patch', patch: 4, brought: true },
    ]);
    expect(find(6, (_t, point) => (point < 3 ? 'missing' : point < 6 ? 'pass' : 'fail'), ['t']).found).toEqual([
      { kind: 'patch', patch: 6, brought: false },
    ]);
  });
});
