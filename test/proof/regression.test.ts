import { expect, test } from 'vitest';
import { proveRegressions } from '../../proof/kafka/prove-regressions.ts';
import { REGRESSIONS } from '../../proof/kafka/regression-cases.ts';

/** One of upstream's own; `npm run proof -- regressions` has them all. A time limit only ends what hangs. */
test('a real regression of upstream is held with its tests and the patch that did it', {
  timeout: 600_000,
}, async () => {
  const cheap = REGRESSIONS.filter(({ id }) => id === 'kafka-16319');
  const told: string[] = [];
  const [outcome] = await proveRegressions(cheap, { seed: 1, say: (line) => told.push(line) });
  expect(outcome?.problems, told.join('\n')).toEqual([]);
  expect(outcome?.verdicts).toHaveLength(2);
});
