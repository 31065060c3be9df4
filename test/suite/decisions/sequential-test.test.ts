import { describe, expect, test } from 'vitest';
import { ALPHA_NO_WORSE, ALPHA_WORSE, compareArms, looksUpTo, powerSoFar } from '../../../decisions/sequential-test.ts';
import { fisherWorse, logBeta, powerOf, worseByAtMost } from '../../../decisions/statistics.ts';
import type { RunCounts } from '../../../workflows/types.ts';
import { draw, random } from './random.ts';

const runs = (pass: number, fail: number): RunCounts => ({ pass, fail });
const SIMULATIONS = 3_000;
/** Three standard errors of a share near 0.05 over so many simulations. */
const NOISE = 3 * Math.sqrt((0.05 * 0.95) / SIMULATIONS);

type Share = { worse: number; noWorse: number; undecided: number; runs: number };

/** Runs the whole test, look by look, on two arms of known failure rates, again and again. */
function simulate(candidateRate: number, baseRate: number, most: number, historyRate?: number): Share {
  const next = random(most * 1_000 + Math.round(candidateRate * 100) * 10 + Math.round(baseRate * 100));
  const share: Share = { worse: 0, noWorse: 0, undecided: 0, runs: 0 };
  for (let i = 0; i < SIMULATIONS; i += 1) {
    const [candidate, base] = [runs(0, 0), runs(0, 0)];
    const history = historyRate === undefined ? undefined : draw(next, historyRate, 80);
    let compared = compareArms(candidate, base, most, history);
    while (compared.kind === 'open') {
      const more = compared.next - candidate.pass - candidate.fail;
      for (const [arm, rate] of [
        [candidate, candidateRate],
        [base, baseRate],
      ] as const) {
        const drawn = draw(next, rate, more);
        arm.pass += drawn.pass;
        arm.fail += drawn.fail;
      }
      compared = compareArms(candidate, base, most, history);
    }
    const key = compared.kind === 'worse' ? 'worse' : compared.kind === 'no-worse' ? 'noWorse' : 'undecided';
    share[key] += 1 / SIMULATIONS;
    share.runs += (candidate.pass + candidate.fail) / SIMULATIONS;
  }
  return share;
}

describe('over all its looks', () => {
  test.each([40, 120, 400])(
    'a candidate like its base is called worse in at most one of a hundred (%d runs)',
    (most) => {
      for (const rate of [0, 0.02, 0.1, 0.25, 0.5, 0.8]) {
        expect(simulate(rate, rate, most).worse, `rate ${rate}`).toBeLessThanOrEqual(ALPHA_WORSE);
      }
    },
  );

  test.each([40, 120, 400])(
    'a candidate worse by the margin is called no worse in at most five of a hundred (%d runs)',
    (most) => {
      for (const [candidate, base] of [
        [0.1, 0],
        [0.15, 0.05],
        [0.2, 0.1],
        [0.375, 0.25],
        [0.45, 0.3],
        [0.75, 0.5],
      ] as const) {
        expect(simulate(candidate, base, most).noWorse, `${candidate} against ${base}`).toBeLessThanOrEqual(
          ALPHA_NO_WORSE + NOISE,
        );
      }
    },
  );

  test('a history that is wrong costs no false alarm, and hardly a missed one', () => {
    for (const history of [0, 0.1, 0.5]) {
      expect(simulate(0.25, 0.25, 120, history).worse, `history ${history}`).toBeLessThanOrEqual(ALPHA_WORSE);
    }
    for (const [candidate, base, history] of [
      [0.3, 0.1, 0.3],
      [0.15, 0.05, 0.15],
      [0.375, 0.25, 0.375],
    ] as const) {
      expect(simulate(candidate, base, 120, history).noWorse).toBeLessThanOrEqual(1.5 * ALPHA_NO_WORSE + NOISE);
    }
  });

  test('a history that is right clears more of what is flaky on both arms', () => {
    expect(simulate(0.25, 0.25, 120, 0.25).noWorse).toBeGreaterThan(simulate(0.25, 0.25, 120).noWorse + 0.02);
  });

  test('power: a 50 % race shows in some twenty runs, a 10 % race in a hundred and twenty, four times of five', () => {
    expect(simulate(0.5, 0, 40)).toMatchObject({ noWorse: 0, undecided: 0 });
    expect(simulate(0.5, 0, 40).runs).toBeLessThan(25);
    expect(simulate(0.1, 0, 120).worse).toBeGreaterThan(0.8);
    expect(simulate(0.1, 0, 400).worse).toBeGreaterThan(0.95);
  });

  test('what never fails again is flaky after forty runs, whatever the limit', () => {
    for (const most of [40, 120, 400])
      expect(simulate(0, 0, most)).toEqual({
        worse: 0,
        noWorse: expect.closeTo(1),
        undecided: 0,
        runs: expect.closeTo(40),
      });
  });

  test.each([5, 6, 12, 40, 100, 120, 400])('the looks up to %d spend all of α and no more', (most) => {
    const looks = looksUpTo(most);
    expect(looks.at(-1)?.runs).toBe(most);
    expect(looks.reduce((sum, { worse }) => sum + worse, 0)).toBeCloseTo(ALPHA_WORSE, 12);
    expect(looks.reduce((sum, { noWorse }) => sum + noWorse, 0)).toBeCloseTo(ALPHA_NO_WORSE, 12);
    expect(looks.every(({ worse, noWorse }) => worse > 0 && noWorse > 0)).toBe(true);
  });
});

describe('statistics', () => {
  test('Fisher’s exact test gives the published values', () => {
    expect(fisherWorse(runs(0, 5), runs(5, 0))).toBeCloseTo(1 / 252, 10);
    expect(fisherWorse(runs(0, 3), runs(3, 0))).toBeCloseTo(0.05, 10);
    expect(fisherWorse(runs(5, 5), runs(10, 0))).toBeCloseTo(0.01625, 4);
    expect(fisherWorse(runs(5, 0), runs(0, 5))).toBeCloseTo(1, 10);
  });

  test('forty clean passes an arm exclude ten points at 0.05 and not at 0.01, twenty do not', () => {
    expect(worseByAtMost(runs(40, 0), runs(40, 0))).toBeLessThan(0.1);
    expect(worseByAtMost(runs(40, 0), runs(40, 0), 2.326)).toBeGreaterThan(0.1);
    expect(worseByAtMost(runs(20, 0), runs(20, 0))).toBeGreaterThan(0.1);
  });

  test('power grows with runs and with the difference', () => {
    const power = (runsAnArm: number, candidateRate: number) =>
      powerOf({ candidateRate, baseRate: 0, runs: runsAnArm, alpha: 0.01 });
    expect(power(40, 0.1)).toBeGreaterThan(power(20, 0.1));
    expect(power(40, 0.5)).toBeGreaterThan(0.99);
    expect(powerOf({ candidateRate: 0, baseRate: 0, runs: 40, alpha: 0.01 })).toBe(0);
    expect(powerSoFar(runs(120, 0), runs(120, 0), 120)).toBeGreaterThan(powerSoFar(runs(40, 0), runs(40, 0), 120));
  });

  test('the beta function is that of the tables', () => {
    expect(Math.exp(logBeta(1, 1))).toBeCloseTo(1, 12);
    expect(Math.exp(logBeta(2, 3))).toBeCloseTo(1 / 12, 12);
    expect(Math.exp(logBeta(0.5, 0.5))).toBeCloseTo(Math.PI, 10);
    expect(logBeta(100, 400)).toBeCloseTo(-251.4724116, 6);
  });
});
