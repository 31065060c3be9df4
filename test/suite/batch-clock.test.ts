import { expect, onTestFinished, test } from 'vitest';
import { startBatchClock } from '../../runner/batch-clock.ts';

/** A clock whose time the test makes. */
function clock(seconds: number) {
  let at = 1_000_000;
  const it = startBatchClock(seconds, () => at);
  onTestFinished(() => it.stop());
  let over: string | undefined;
  void it.exceeded.then((why) => {
    over = why;
  });
  return {
    ...it,
    pass: (s: number) => {
      at += s * 1000;
    },
    /** It looks several times a second by itself. */
    isOver: async () => {
      for (let look = 0; look < 100 && over === undefined; look += 1) await new Promise((r) => setTimeout(r, 10));
      return over;
    },
  };
}

test('units may take as long as their own limits; what lies between them counts', async () => {
  const batch = clock(10);
  for (let unit = 0; unit < 20; unit += 1) {
    batch.pass(0.4);
    batch.unitBegins(3_600);
    batch.pass(3_000);
    batch.unitEnded();
  }
  expect(await batch.isOver()).toBeUndefined();
  batch.pass(3);
  expect(await batch.isOver()).toMatch(/10 s .*limits\.batchSeconds/);
});

test('a unit that is not ended when its own time is long over counts again', async () => {
  const batch = clock(10);
  batch.unitBegins(100);
  batch.pass(165);
  expect(await batch.isOver()).toBeUndefined();
  batch.pass(10);
  expect(await batch.isOver()).toMatch(/hangs/);
});
