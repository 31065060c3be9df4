import { expect, test } from 'vitest';
import { classesOf, readDurations } from '../../../bench/suite/durations.ts';
import { simulate } from '../../../bench/suite/simulate.ts';

/** What `npm run bench -- suite` measures over 200 seeds, on few: a plan that got worse is seen at once. */
test.each([2, 4, 8, 16, 64])('on %d slots the plan stays near the bound, with estimates that are off', (slots) => {
  const durations = readDurations();
  const classes = classesOf(durations);
  const { jvmStartSeconds } = durations;
  const seeds = [1, 2, 3, 4, 5];
  const ratios = seeds.map((seed) => {
    const { plan, bound } = simulate({ classes, slots, jvmStartSeconds, handOverSeconds: 0, sigma: 0.4, seed });
    expect(plan).toBeGreaterThanOrEqual(bound - 1e-6);
    return plan / bound;
  });
  expect(ratios.reduce((sum, ratio) => sum + ratio, 0) / seeds.length).toBeLessThanOrEqual(1.03);
});
