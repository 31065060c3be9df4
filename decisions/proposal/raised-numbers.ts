const NUMBER = /(?<![\w.])\d[\d_]*(?:\.\d+)?(?:e-?\d+)?/gi;
/** Longest first, so that `milliseconds` is not read as `seconds`. */
const UNIT = /nano(?:s|seconds?)?|micro(?:s|seconds?)?|milli(?:s|seconds?)?|seconds?|minutes?|hours?|days?/gi;
const SECONDS: Record<string, number> = { na: 1e-9, mic: 1e-6, mil: 1e-3, s: 1, min: 60, h: 3_600, d: 86_400 };

const LIMIT =
  /time-?_?out|wait|deadline|within|limit|retr|attempt|max|sleep|await|eventually|poll|patience|duration|millis|seconds|minutes|until|tries/i;
const TOLERANCE =
  /delta|epsilon|\beps\b|toleran|close|approx|within|precision|error|offset|percent|assertEquals|assertArrayEquals|isEqualTo/i;
const LOWER_BOUND = /greater|atLeast|at_least|isPositive|>=?|minimum|\bmin/i;

/**
 * What a changed line makes easier for a test, as a sentence: the same line but for its numbers and units, where a limit
 * or a tolerance grew, or a lower bound fell. Undefined where it is no such pair.
 */
export function raisedNumber(before: string, after: string): string | undefined {
  if (skeleton(before) !== skeleton(after)) return undefined;
  const [old, now] = [numbersOf(before), numbersOf(after)];
  const changed = old.flatMap((value, i) => (value === now[i] ? [] : [i]));
  // Each of them: a harmless number that changes beside it hides nothing.
  for (const i of changed) {
    const easier = easierBy(after, {
      was: old[i] ?? 0,
      is: now[i] ?? 0,
      isLast: i === old.length - 1,
      count: old.length,
    });
    if (easier !== undefined) return easier;
  }
  return undefined;
}

type Change = { was: number; is: number; isLast: boolean; count: number };

function easierBy(line: string, { was, is, isLast, count }: Change): string | undefined {
  const words = line.replace(/"(?:[^"\\]|\\.)*"/g, '');
  // Of assertEquals(expected, actual, delta) the last number; the first is what it expects.
  const isTolerance = TOLERANCE.test(words) && isLast && (count > 1 || !/assert\w*Equals|isEqualTo/.test(words));
  if (is > was && LIMIT.test(words)) return `a limit is raised from ${was} to ${is}`;
  if (is > was && isTolerance) return `a tolerance is widened from ${was} to ${is}`;
  if (is < was && LOWER_BOUND.test(words)) return `a lower bound is lowered from ${was} to ${is}`;
  return undefined;
}

const skeleton = (text: string) =>
  text.slice(0, 2_000).replace(NUMBER, '#').replace(UNIT, '~').replace(/\s+/g, ' ').trim();

/** In seconds where a unit stands on the line: ofMillis(500) and ofSeconds(500) are different numbers. */
function numbersOf(text: string): number[] {
  const line = text.slice(0, 2_000);
  const units = [...line.matchAll(UNIT)].map(([word]) => secondsOf(word.toLowerCase()));
  const factor = units.length === 0 ? 1 : (units.at(-1) ?? 1);
  return [...line.matchAll(NUMBER)].map(([digits]) =>
    Number((Number(digits.replaceAll('_', '')) * factor).toPrecision(12)),
  );
}

const secondsOf = (unit: string) =>
  Object.entries(SECONDS).find(([start]) => unit.startsWith(start) && !(start === 's' && unit === ''))?.[1] ?? 1;
