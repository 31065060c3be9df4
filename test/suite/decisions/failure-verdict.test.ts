import { describe, expect, test } from 'vitest';
import {
  type ArmRuns,
  countRuns,
  judgeFailure,
  NO_RUNS,
  type RunFacts,
  readRun,
  weigh,
} from '../../../decisions/failure-verdict.ts';
import { fisherWorse, powerOf, worseByAtMost } from '../../../decisions/statistics.ts';

const POLICY = { perArm: 5, maxPerArm: 40, maxPerArmQuick: 120, secondsPerTest: 60 };
const runs = (pass: number, fail: number, more: Partial<ArmRuns> = {}): ArmRuns => ({
  ...NO_RUNS,
  pass,
  fail,
  ...more,
});

describe('what a failure is', () => {
  test.each([
    ['fails always, passes always on the base', runs(0, 8), runs(5, 0), 'regression'],
    ['fails on both', runs(0, 5), runs(0, 5), 'pre-existing'],
    ['the process dies on both', runs(0, 5, { crashed: 5 }), runs(0, 5, { crashed: 5 }), 'infrastructure'],
    ['the process dies on the candidate only', runs(0, 8, { crashed: 8 }), runs(5, 0), 'regression'],
    ['half of the time, never on the base', runs(20, 20), runs(40, 0), 'destabilised'],
    ['half of the time on both', runs(20, 20), runs(20, 20), 'flaky'],
    ['never again, on either', runs(40, 0), runs(40, 0), 'flaky'],
    ['a little, and forty runs cannot tell', runs(37, 3), runs(40, 0), 'undecided'],
    ['fails always where the base fails now and then', runs(0, 10), runs(9, 1), 'destabilised'],
    ['better than the base', runs(40, 0), runs(20, 20), 'flaky'],
    ['the base does not have it', runs(0, 5), runs(0, 0, { missing: 5 }), 'untestable'],
    ['the candidate cannot run it alone', runs(0, 0, { missing: 5 }), runs(5, 0), 'undecided'],
  ] as const)('%s', (_name, candidate, base, verdict) => {
    expect(judgeFailure({ candidate, base, seconds: 1.5 }, POLICY)).toMatchObject({ kind: 'verdict', verdict });
  });

  test.each([
    ['nothing is known', NO_RUNS, NO_RUNS, 0.01, { candidate: 5, base: 5, alone: true }],
    ['an interrupted round is completed', runs(0, 5), runs(3, 0), 0.01, { candidate: 0, base: 2, alone: true }],
    ['a regression is confirmed', runs(0, 5), runs(5, 0), 0.01, { candidate: 3, base: 0, alone: true }],
    ['mixed results want more', runs(3, 2), runs(5, 0), 0.01, { candidate: 5, base: 5, alone: false }],
    ['all passing wants more where it is cheap', runs(5, 0), runs(5, 0), 0.01, { candidate: 5, base: 5, alone: false }],
    ['no more than is affordable', runs(3, 2), runs(5, 0), 9, { candidate: 1, base: 1, alone: false }],
  ] as const)('%s', (_name, candidate, base, seconds, more) => {
    expect(judgeFailure({ candidate, base, seconds }, POLICY)).toEqual({ kind: 'more', ...more });
  });

  test('what forty runs cannot tell, a hundred and twenty can where they are cheap', () => {
    const counts = { candidate: runs(29, 11), base: runs(30, 10) };
    expect(judgeFailure({ ...counts, seconds: 0.02 }, POLICY)).toEqual({
      kind: 'more',
      candidate: 40,
      base: 40,
      alone: false,
    });
    expect(judgeFailure({ ...counts, seconds: 1.2 }, POLICY)).toMatchObject({ verdict: 'undecided' });
    const more = { candidate: runs(90, 30), base: runs(90, 30) };
    expect(judgeFailure({ ...more, seconds: 0.02 }, POLICY)).toMatchObject({ verdict: 'flaky' });
  });

  test('a slow test that never failed again is flaky without forty runs, and says how little was shown', () => {
    const judged = judgeFailure({ candidate: runs(5, 0), base: runs(5, 0), seconds: 30 }, POLICY);
    expect(judged).toMatchObject({ verdict: 'flaky' });
    expect(judged.kind === 'verdict' ? judged.power : 1).toBeLessThan(0.05);
  });

  test('it always ends: asked for more, and given it, a verdict comes within the limit', () => {
    for (const [c, b] of [
      [0, 0],
      [0.1, 0],
      [0.5, 0],
      [1, 0],
      [0.5, 0.5],
      [1, 1],
      [0.9, 0.2],
      [0, 1],
    ] as const) {
      let [candidate, base] = [NO_RUNS, NO_RUNS];
      let turns = 0;
      for (let judged = judgeFailure({ candidate, base, seconds: 0.1 }, POLICY); judged.kind === 'more'; turns += 1) {
        expect(judged.candidate + judged.base).toBeGreaterThan(0);
        candidate = add(candidate, judged.candidate, c);
        base = add(base, judged.base, b);
        judged = judgeFailure({ candidate, base, seconds: 0.1 }, POLICY);
      }
      expect(turns).toBeLessThan(10);
      expect(candidate.pass + candidate.fail).toBeLessThanOrEqual(120);
    }
  });
});

/** So many more runs at this failure rate, spread evenly. */
function add(arm: ArmRuns, more: number, rate: number): ArmRuns {
  const all = arm.pass + arm.fail + more;
  const fail = Math.max(arm.fail, Math.round(all * rate));
  return { ...arm, fail, pass: all - fail };
}

describe('what one run says', () => {
  const facts: RunFacts = {
    ended: 'completed',
    complete: true,
    ownPassed: false,
    ownFailed: false,
    ownSkipped: false,
    anyFailed: false,
    results: 1,
    wholeUnit: false,
    message: null,
  };
  test.each([
    ['it passed', { ownPassed: true }, 'pass'],
    ['it failed', { ownFailed: true, anyFailed: true, message: 'AssertionError' }, 'fail'],
    ['its class could not begin', { anyFailed: true, message: 'IllegalStateException' }, 'fail'],
    ['the process died', { ownFailed: true, anyFailed: true, ended: 'crash', complete: false }, 'crash'],
    ['nothing was there to run', { results: 0, ended: 'nothing-executed' }, 'missing'],
    ['its assumptions do not hold here', { ownSkipped: true }, 'missing'],
    [
      'compiled against something else',
      { ownFailed: true, message: "java.lang.NoSuchMethodError: 'void a.B.c()'" },
      'unlinkable',
    ],
    [
      'a static initialiser is not a missing class',
      { ownFailed: true, message: 'java.lang.NoClassDefFoundError: Could not initialize class a.B' },
      'fail',
    ],
    ['the invocations of a method that had failed as a whole', { results: 3 }, 'pass'],
    ['a unit that was cut short', { wholeUnit: true, complete: false, ended: 'timeout', results: 2 }, 'fail'],
    ['a unit whose other tests fail', { wholeUnit: true, anyFailed: true, results: 9 }, 'pass'],
  ] as const)('%s', (_name, more, answer) => expect(readRun({ ...facts, ...more })).toBe(answer));

  test('an API that a patch took away is a regression, one that the base never had says nothing', () => {
    expect(weigh(['unlinkable', 'unlinkable'], ['pass', 'pass'], 1)).toMatchObject({
      candidate: { fail: 2 },
      base: { pass: 2 },
    });
    expect(weigh(['fail'], ['unlinkable'], 1)).toMatchObject({ candidate: { fail: 1 }, base: { fail: 0, missing: 1 } });
    expect(weigh(['unlinkable'], ['unlinkable'], 1)).toMatchObject({ candidate: { fail: 1 }, base: { fail: 1 } });
    expect(countRuns(['pass', 'crash', 'missing'], 'missing')).toEqual({ pass: 1, fail: 1, missing: 1, crashed: 1 });
  });
});

describe('statistics', () => {
  test('Fisher’s exact test gives the published values', () => {
    expect(fisherWorse(runs(0, 5), runs(5, 0))).toBeCloseTo(1 / 252, 10);
    expect(fisherWorse(runs(0, 3), runs(3, 0))).toBeCloseTo(0.05, 10);
    expect(fisherWorse(runs(5, 5), runs(10, 0))).toBeCloseTo(0.01625, 4);
    expect(fisherWorse(runs(5, 0), runs(0, 5))).toBeCloseTo(1, 10);
  });

  test('forty clean passes an arm exclude ten points at 0.05, twenty do not', () => {
    expect(worseByAtMost(runs(40, 0), runs(40, 0))).toBeLessThan(0.1);
    expect(worseByAtMost(runs(20, 0), runs(20, 0))).toBeGreaterThan(0.1);
  });

  test('power grows with runs and with the difference', () => {
    const power = (runsAnArm: number, candidateRate: number) =>
      powerOf({ candidateRate, baseRate: 0, runs: runsAnArm, alpha: 0.01 });
    expect(power(40, 0.1)).toBeGreaterThan(power(20, 0.1));
    expect(power(40, 0.5)).toBeGreaterThan(0.99);
    expect(powerOf({ candidateRate: 0, baseRate: 0, runs: 40, alpha: 0.01 })).toBe(0);
  });
});
