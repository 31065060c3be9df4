import { expect, test } from 'vitest';
import { type ItemSize, leftOut } from '../../decisions/agent-context.ts';

const output = (characters: number): ItemSize => ({ characters, isOutput: true });
const words = (characters: number): ItemSize => ({ characters, isOutput: false });
/** Room for 2,400 characters. */
const TOKENS = 1_000;

test.each<[what: string, items: ItemSize[], left: number[]]>([
  ['all of it where it fits', [words(400), ...Array(5).fill(output(400))], []],
  ['without the oldest outputs, as many as it needs', [words(400), ...Array(7).fill(output(400))], [1, 2, 3]],
  [
    'an output that is smaller than what stands in its place makes no room',
    [output(50), ...Array(6).fill(output(500))],
    [0, 1, 2],
  ],
  ['its own words and calls stay', [words(5_000), output(500), words(500), ...Array(4).fill(output(500))], [1]],
  ['the last four are left whole, whatever their size', Array(4).fill(output(5_000)), []],
])('a transcript is sent %s', (_what, items, left) => {
  expect([...leftOut(items, TOKENS)]).toEqual(left);
});
