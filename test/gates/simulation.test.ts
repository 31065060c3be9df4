import { expect, test } from 'vitest';
import { measure } from '../../bench/gates/measure.ts';
import { SCENARIOS } from '../../bench/gates/scenarios.ts';
import { COMPRESSED, FULL } from '../../bench/gates/trial.ts';

/** `npm run bench -- gates` runs each three thousand times; seeded, so that it tells the same every time. */
const RUNS = 25;
/** One of them, in case. */
const ONE = 1.01 / RUNS;
const named = (name: string) => SCENARIOS.find((scenario) => scenario.name === name)!;

test.each(SCENARIOS.filter(({ kind }) => kind === 'clean'))('nothing is wrong, and it passes: $name', (scenario) => {
  for (const setup of [FULL, COMPRESSED]) {
    const { gate } = measure(scenario, setup, RUNS, 11);
    expect(gate.failed).toBeLessThanOrEqual(ONE);
    expect(gate.noVerdict).toBeLessThanOrEqual(ONE);
  }
});

test.each(SCENARIOS.filter(({ kind }) => kind === 'blind'))('without data it never passes: $name', (scenario) => {
  for (const setup of [FULL, COMPRESSED]) {
    const { failed, noVerdict } = measure(scenario, setup, RUNS, 11).gate;
    expect(failed + noVerdict).toBe(1);
  }
});

test.each([
  ['errors 3 x', 90],
  ['errors where there were none', 15],
  ['level 1.5 x', undefined],
  ['variance 3 x', undefined],
] as const)('it sees %s', (name, events) => {
  const { gate, kayenta, medianEvents } = measure(named(name), FULL, RUNS, 11);
  expect(gate.failed).toBeGreaterThanOrEqual(0.9);
  if (events) expect(medianEvents).toBeLessThanOrEqual(events);
  // What Kayenta's rule is blind to, in the same looks.
  if (name === 'variance 3 x' || name === 'errors where there were none') expect(kayenta.failed).toBeLessThan(0.1);
});

test('beside it, Kayenta’s rule takes what nodes naturally differ by for a fault', () => {
  expect(measure(named('offset'), FULL, RUNS, 11).kayenta.failed).toBeGreaterThan(0.5);
});
