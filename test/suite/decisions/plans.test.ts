import { describe, expect, test } from 'vitest';
import { boundSeconds, nextBatchSize } from '../../../decisions/batch-plan.ts';
import { clusterKey, representatives } from '../../../decisions/failure-cluster.ts';
import {
  cutOf,
  isWhole,
  nearerStretches,
  ownClass,
  replayStretch,
  type SlotStep,
} from '../../../decisions/replay-plan.ts';
import {
  planOnce,
  planProbe,
  planReplays,
  planReruns,
  type Rerun,
  rerunLimits,
} from '../../../decisions/rerun-plan.ts';

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
  const limits = { methodSeconds: 30, unitSeconds: 60, silenceSeconds: 60 };
  const rerun: Rerun = {
    unit: 'A',
    test: 'A#a()',
    selector: 'u:a',
    representative: true,
    candidate: 5,
    base: 5,
    baseArm: 'base',
    alone: true,
    limits,
  };

  test('a representative runs alone each time, arms in turn, and every pair may go to another slot', () => {
    const batches = planReruns([rerun]);
    expect(batches.map((items) => items.map(({ arm }) => arm).join())).toEqual([
      'candidate,base',
      'base,candidate',
      'candidate,base',
      'base,candidate',
      'candidate,base',
    ]);
    expect(batches.flat().every(({ fresh }) => fresh)).toBe(true);
    expect(batches.map((items) => items.map(({ item }) => item))).toEqual(Array.from({ length: 5 }, () => [0, 1]));
  });

  test('the first run on each arm keeps its log, so that a failing one can be compared', () => {
    const kept = planReruns([rerun])
      .flat()
      .filter(({ keepLog }) => keepLog);
    expect(kept.map(({ arm }) => arm).sort()).toEqual(['base', 'candidate']);
  });

  test('another arm may stand for the base', () => {
    const arms = planReruns([{ ...rerun, baseArm: 'prefix-2' }])
      .flat()
      .map(({ arm }) => arm);
    expect(new Set(arms)).toEqual(new Set(['candidate', 'prefix-2']));
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
    expect(batches[0]?.map(({ item }) => item)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test('many runs are warm, and spread over batches', () => {
    const batches = planReruns([{ ...rerun, alone: false, candidate: 60, base: 60 }]);
    expect(batches.map(({ length }) => length)).toEqual([80, 40]);
    expect(batches.flat().some(({ fresh }) => fresh)).toBe(false);
  });

  test('a few runs on one more arm are alone, many are warm', () => {
    const test = { unit: 'A', test: 'A#a()', selector: 'u:a', limits };
    expect(planProbe([{ ...test, runs: 2 }], 'prefix-3').map((items) => items.map(({ fresh }) => fresh))).toEqual([
      [true],
      [true],
    ]);
    const [many = []] = planProbe([{ ...test, runs: 20 }], 'prefix-3');
    expect(many.filter(({ fresh }) => fresh)).toHaveLength(1);
    expect(planOnce([test], ['candidate', 'base']).map((items) => items.map(({ arm }) => arm))).toEqual([
      ['candidate', 'base'],
    ]);
  });

  test('a replay is a new process on each arm that then stays warm, in the order of the suite', () => {
    const units = ['A', 'B', 'C'].map((unit) => ({ unit, selector: `c:${unit}` }));
    const batches = planReplays(units, { candidate: 2, base: 1 }, limits);
    expect(batches.map((items) => `${items[0]?.arm} ${items.map(({ unit }) => unit).join('')}`)).toEqual([
      'candidate ABC',
      'base ABC',
      'candidate ABC',
    ]);
    expect(batches[0]?.map(({ fresh }) => fresh === true)).toEqual([true, false, false]);
    expect(batches.flat().some(({ test }) => test !== undefined)).toBe(false);
  });

  test.each([
    [120, 0.1, 30],
    [120, 10, 50],
    [120, 100, 120],
  ])('limit %d s, took %d s: %d s', (methodSeconds, seconds, expected) => {
    expect(rerunLimits({ methodSeconds, unitSeconds: 1, silenceSeconds: 1 }, seconds).methodSeconds).toBe(expected);
  });
});

describe('what is replayed before a failing unit', () => {
  const step = (unit: string, more: Partial<SlotStep> = {}): SlotStep => ({
    unit,
    selector: `c:${unit}`,
    exec: `r1.${unit}`,
    seconds: 10,
    ended: 'completed',
    ...more,
  });
  const stretch = (steps: SlotStep[], seconds = 300) =>
    replayStretch(steps, seconds)
      .steps.map(({ unit }) => unit)
      .join('');

  test.each([
    ['everything that its process ran before', [step('A'), step('B'), step('C')], 300, 'ABC'],
    ['as far as the seconds reach', [step('A'), step('B'), step('C')], 25, 'BC'],
    [
      'not what ran in a process that died',
      [step('A'), step('B', { ended: 'crash' }), step('C'), step('D')],
      300,
      'CD',
    ],
    ['not what ran under another runner', [step('A', { exec: 'r0.9' }), step('B'), step('C')], 300, 'BC'],
    ['a unit that took its own process down', [step('A'), step('B', { ended: 'crash' })], 300, 'AB'],
    ['nothing where the unit itself is too long', [step('A'), step('B', { seconds: 400 })], 300, ''],
    ['nothing where nobody knows what ran', [], 300, ''],
  ] as const)('%s', (_name, steps, seconds, expected) => expect(stretch([...steps], seconds)).toBe(expected));

  test.each([
    ['all was run again', [step('A'), step('B'), step('C')], false, 300, undefined],
    ['the beginning was not', [step('A'), step('B'), step('C')], false, 25, 'part'],
    ['nothing of what ran before was', [step('A'), step('B')], false, 15, 'process'],
    ['what ran in another process is none of it', [step('A', { ended: 'crash' }), step('B')], false, 15, undefined],
    ['its class was not', [step('A', { seconds: 400 })], false, 300, 'class'],
    ['alone it is run as its class', [step('A', { seconds: 400 })], true, 300, undefined],
    [
      'alone it is run as its class, but not after others',
      [step('A'), step('B', { seconds: 400 })],
      true,
      300,
      'process',
    ],
    ['nobody wants it', [step('A'), step('B')], false, 0, 'never'],
    ['nobody knows what ran', [], false, 300, undefined],
  ] as const)('what was cut: %s', (_name, steps, whole, seconds, expected) =>
    expect(cutOf(replayStretch([...steps], seconds), whole, seconds)).toBe(expected),
  );
});

describe('parts of what ran before a failing unit', () => {
  const steps = (...seconds: number[]) =>
    seconds.map((each, i): SlotStep => {
      const unit = String.fromCharCode('A'.charCodeAt(0) + i);
      return { unit, selector: `c:${unit}`, exec: `r1.${i}`, seconds: each, ended: 'completed' };
    });
  test.each<[what: string, seconds: number[], parts: string[]]>([
    ['the nearest, ever longer, each with the failing unit', [2, 2, 2, 2, 2, 2, 2, 2, 9], ['HI', 'GHI', 'EFGHI']],
    ['by seconds, not by number', [60, 1, 1, 1, 1, 9], ['BCDEF']],
    ['none where the nearest one takes most of it', [1, 1, 60, 9], []],
    ['none where nothing ran before', [9], []],
    ['none of nothing', [], []],
  ])('%s', (_what, seconds, parts) => {
    expect(nearerStretches(steps(...seconds)).map((part) => part.map(({ unit }) => unit).join(''))).toEqual(parts);
  });

  test('its replays are marked with what they are, at their last unit', () => {
    const [batch] = planReplays(
      steps(1, 1),
      { candidate: 1 },
      { methodSeconds: 1, unitSeconds: 1, silenceSeconds: 1 },
      '1/look',
    );
    expect(batch?.map(({ unit, nearer }) => [unit, nearer])).toEqual([
      ['A', undefined],
      ['B', '1/look'],
    ]);
  });
});

describe('the order of a class', () => {
  const part = { unit: 'x.T#m()', class: 'x.T', selector: 's:x.T;x.T#m()' };
  const whole = { unit: 'core:x.T', class: 'core:x.T', selector: 'core:x.T' };
  test('of a failure from elsewhere its class runs, or its unit where that is the class', () => {
    expect(ownClass(part, 12)).toMatchObject({ unit: 'x.T', selector: 'c:x.T', seconds: 12 });
    expect(ownClass(whole, 12)).toMatchObject({ unit: 'core:x.T', selector: 'core:x.T' });
  });

  const step = { unit: 'x.T', selector: 'c:x.T' };
  test.each([
    ['a method', 'x.T#m()', { selector: 'u:m' }, { runner: 'junit-platform' }, false],
    ['a part from elsewhere', 'x.T#m()', { selector: 's:x.T;x.T#m()' }, { runner: 'junit-platform' }, false],
    ['what cannot be selected', 'x.T#m()', { selector: 'c:x.T' }, { runner: 'junit-platform' }, true],
    ['the class itself', 'x.T', { selector: 'c:x.T' }, { runner: 'maven' }, true],
    ['a method of a build tool', 'x.T#m()', { selector: 'c:x.T' }, { runner: 'maven' }, false],
    ['a command that runs one test', 'x.T#m()', { selector: 'c:x.T' }, { runner: 'junit-xml', rerun: ['r'] }, false],
    ['a command that does not', 'x.T#m()', { selector: 'c:x.T' }, { runner: 'junit-xml' }, true],
  ] as const)('%s: a run of it alone runs all of its unit: %#', (_name, name, item, suite, expected) =>
    expect(isWhole(name, item, step, suite)).toBe(expected),
  );
});
