import { describe, expect, test } from 'vitest';
import { changeOf } from '../../decisions/gate/difference.ts';
import { errorsThatFail, evidenceOf } from '../../decisions/gate/evidence.ts';
import { alphaOfWave } from '../../decisions/gate/profile.ts';
import { studentQuantile, studentTail } from '../../decisions/gate/student.ts';

describe('Student’s t', () => {
  // R: pt(t, df, lower.tail = FALSE)
  test.each([
    [0, 5, 0.5],
    [2.0150483733, 5, 0.05],
    [3.3649299989, 5, 0.01],
    [2.326347874, 1e7, 0.01],
    [-2.0150483733, 5, 0.95],
    [1, 1, 0.25],
    [31.8205159538, 1, 0.01],
  ])('beyond %d with %d degrees of freedom', (t, df, p) => {
    expect(studentTail(t, df)).toBeCloseTo(p, 6);
  });
  test('its quantile is the way back', () => {
    for (const df of [1, 4.5, 22]) expect(studentTail(studentQuantile(0.001, df), df)).toBeCloseTo(0.001, 9);
  });
});

test('however many waves there are, no more than α is spent, most of it on the first', () => {
  const spent = Array.from({ length: 10_000 }, (_, index) => alphaOfWave(0.01, index));
  expect(spent.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(0.01);
  expect(spent[0]).toBeCloseTo(0.00608, 5);
  expect(spent.every((alpha, index) => index === 0 || alpha < spent[index - 1]!)).toBe(true);
});

describe('the e-value of counts', () => {
  const rules = { nullRatio: 1, leastRatio: 1, usual: 0, burst: 5, dispersion: 1, threshold: 1000 };
  const looks = (errors: number[], work = 100) => errors.map((count, index) => ({ atMs: index, errors: count, work }));

  test('its mean is 1 where nothing changed: summed over every outcome', () => {
    // Ten events, each on the wave with probability 1/3 (two peers): binomial, exactly.
    let mean = 0;
    for (let onWave = 0; onWave <= 10; onWave += 1) {
      const wave = looks(Array.from({ length: 10 }, (_, i) => (i < onWave ? 1 : 0)));
      const control = looks(
        Array.from({ length: 10 }, (_, i) => (i < onWave ? 0 : 1)),
        200,
      );
      mean += choose(10, onWave) * (1 / 3) ** onWave * (2 / 3) ** (10 - onWave) * lastOf(wave, control);
    }
    expect(mean).toBeCloseTo(1, 9);
  });

  /** The value at the end, which is the most where the looks are put in one. */
  function lastOf(wave: ReturnType<typeof looks>, control: ReturnType<typeof looks>): number {
    const sum = (all: ReturnType<typeof looks>, key: 'errors' | 'work') => all.reduce((a, b) => a + b[key], 0);
    const [errors, beside] = [sum(wave, 'errors'), sum(control, 'errors')];
    const one = { atMs: 0, errors, work: sum(wave, 'work') };
    const other = { atMs: 0, errors: beside, work: sum(control, 'work') };
    // `most` never goes below 1: a pair of evidences tells the value below it.
    const { most } = evidenceOf({ against: 'peers', looks: [one], control: [other] }, { ...rules, burst: 100 });
    return most > 1 ? most : below(one, other);
  }
  /** By its definition, for values below 1. */
  function below(wave: { errors: number; work: number }, control: { errors: number; work: number }): number {
    const shifts = [
      [1.5, 0.2],
      [2, 0.15],
      [3, 0.35],
      [6, 0.15],
      [20, 0.15],
    ] as const;
    const share = (ratio: number) => (ratio * wave.work) / (ratio * wave.work + control.work);
    return shifts.reduce((sum, [ratio, weight]) => {
      const [p, q] = [share(ratio), share(1)];
      return sum + weight * (p / q) ** wave.errors * ((1 - p) / (1 - q)) ** control.errors;
    }, 0);
  }

  test.each([
    ['against one window before', { against: 'own window' as const, control: { errors: 0, work: 2000 } }],
    ['against peers', { against: 'peers' as const, control: looks(Array(20).fill(0), 200) }],
  ])('a few errors where there were none reach the threshold, %s', (_name, arm) => {
    const evidence = evidenceOf({ looks: looks(Array(20).fill(1)), ...arm } as Parameters<typeof evidenceOf>[0], rules);
    expect(evidence.failed?.events).toBeLessThanOrEqual(15);
    expect(errorsThatFail({ work: 2000, controlWork: 4000 }, rules)).toBeLessThanOrEqual(12);
  });

  test('errors of one look beyond a burst do not count', () => {
    const control = looks([0, 0], 200);
    const most = (errors: number) => evidenceOf({ against: 'peers', looks: looks([errors, 0]), control }, rules).most;
    expect(most(5)).toBeGreaterThan(most(4));
    expect(most(500)).toBe(most(5));
  });

  test('proved, but hardly more than usual, is drift', () => {
    const arms = { against: 'peers' as const, looks: looks([1400], 1e6), control: looks([1000], 1e6) };
    const many = { ...rules, burst: 1e6, threshold: 20 };
    expect(evidenceOf(arms, many).failed).toBeDefined();
    expect(evidenceOf(arms, { ...many, leastRatio: 1.5 }).failed).toBeUndefined();
  });
});

describe('difference in differences', () => {
  const wave = { before: [1, 1.1, 0.9, 1], after: [1.5, 1.6, 1.4, 1.5] };
  const peer = (more: number) => ({ before: [3, 3.1, 2.9, 3], after: [3, 3.1, 2.9, 3].map((x) => x + more) });

  test('what the peers changed too is taken off', () => {
    expect(changeOf(wave, [peer(0), peer(0)], 2)?.effect).toBeCloseTo(0.5, 9);
    expect(changeOf(wave, [peer(0.3), peer(0.3)], 2)?.effect).toBeCloseTo(0.2, 9);
    expect(changeOf(wave, [], 2)?.effect).toBeCloseTo(0.5, 9);
  });
  test('peers that changed differently make it less certain', () => {
    const [alike, apart] = [
      [peer(0.1), peer(0.1)],
      [peer(-0.2), peer(0.4)],
    ].map((peers) => changeOf(wave, peers, 2)!);
    expect(apart!.effect).toBeCloseTo(alike!.effect, 9);
    expect(apart!.error).toBeGreaterThan(2 * alike!.error);
  });
  test('blocks that resemble their neighbours count for less', () => {
    const smooth = { before: [1, 1.1, 1.2, 1.3, 1.4, 1.5], after: [1.5, 1.4, 1.3, 1.2, 1.1, 1] };
    const rough = { before: [1, 1.3, 1.1, 1.5, 1.2, 1.4], after: [1.5, 1.1, 1.4, 1, 1.3, 1.2] };
    expect(changeOf(smooth, [], 2)!.error).toBeGreaterThan(changeOf(rough, [], 2)!.error);
  });
  test('too few blocks say nothing', () => {
    expect(changeOf(wave, [], 5)).toBeUndefined();
    expect(changeOf({ before: [1, 2, 3, 4], after: [Number.NaN, 1, Number.NaN, Number.NaN] }, [], 2)).toBeUndefined();
  });
});

const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k);
