/** One unit that a slot ran in the suite proper, in the order in which it ran. */
export type SlotStep = { unit: string; selector: string; exec: string; seconds: number; ended: string };

/**
 * What is run again in its order: `steps`, of which the failing unit is the last; none where that alone takes too long.
 * `left`: units that its process ran before these, for which there is no time.
 */
export type Stretch<S extends SlotStep = SlotStep> = { steps: S[]; unit?: S; left: number };

/**
 * What to run again before a failing unit (the last of `steps`), in its order and one process: everything that its
 * process ran before, as far as `maxSeconds` reach. A process begins with its runner (the first part of an execution's
 * name) and anew after one that died or was killed; a unit that took the last process down is not part of this one.
 */
export function replayStretch<S extends SlotStep>(steps: readonly S[], maxSeconds: number): Stretch<S> {
  const unit = steps.at(-1);
  if (!unit) return { steps: [], left: 0 };
  const before = steps.slice(0, -1);
  const other = before.findLastIndex((step) => step.ended !== 'completed' || runnerOf(step) !== runnerOf(unit));
  const all = [...before.slice(other + 1), unit];
  let seconds = 0;
  const late = all.findLastIndex((step) => {
    seconds += step.seconds;
    return seconds > maxSeconds;
  });
  return { steps: all.slice(late + 1), unit, left: Math.min(late + 1, all.length - 1) };
}

/** Parts of a stretch that are tried, of the seconds of what ran before: the cheapest first. */
const NEARER = [1 / 16, 1 / 8, 1 / 4, 1 / 2];

/**
 * What ran just before a failing unit (the last of `steps`), in ever longer parts: a failure that shows in one of them
 * can be counted at a fraction of what the whole costs. What left behind what it fails of is more often near than far.
 */
export function nearerStretches<S extends SlotStep>(steps: readonly S[]): S[][] {
  const [before, unit] = [steps.slice(0, -1), steps.at(-1)];
  if (!unit) return [];
  const all = before.reduce((sum, { seconds }) => sum + seconds, 0);
  const lengths = NEARER.map((part) => {
    let seconds = 0;
    const first = before.findLastIndex((step) => {
      seconds += step.seconds;
      return seconds > all * part;
    });
    return before.length - first - 1;
  });
  const distinct = [...new Set(lengths)].filter((length) => length > 0 && length < before.length);
  return distinct.map((length) => steps.slice(-(length + 1)));
}

/** So many units before it. `look`: whether it shows there at all; `count`: how often, which alone decides. */
export type Nearer = `${number}/${'look' | 'count'}`;

/**
 * What of a failure's order was not run again for want of time: that of its class, all that its process ran before,
 * or the beginning of that. `never`: nobody wants it. Nothing where all was, or where nobody knows what ran.
 */
export type Cut = 'class' | 'process' | 'part' | 'never';

/** `whole`: a run of the test alone is a run of its class (`isWhole`). */
export function cutOf({ steps, unit, left }: Stretch, whole: boolean, maxSeconds: number): Cut | undefined {
  const ofClass = unit !== undefined && steps.length === 0 && !whole;
  if (!ofClass && left === 0) return undefined;
  if (maxSeconds === 0) return 'never';
  return ofClass ? 'class' : steps.length > 1 ? 'part' : 'process';
}

const runnerOf = ({ exec }: SlotStep) => exec.split('.')[0];

/**
 * The same for a failure that another system has found: nothing ran here, but the test's class can run in its own
 * order. `seconds`: of the class, as far as that is known.
 */
export function ownClass(failure: { unit: string; class: string; selector: string }, seconds: number): SlotStep {
  const selector = failure.class === failure.unit ? failure.selector : `c:${failure.class}`;
  return { unit: failure.class, selector, exec: '', seconds, ended: 'completed' };
}

/**
 * A run of this test alone is a run of its whole unit already: the unit failed as a whole, its tests cannot be
 * selected, or the command knows no single test. `item`: how it runs alone; `step`: how its unit runs.
 */
export function isWhole(
  test: string,
  item: { selector: string },
  step: { unit: string; selector: string },
  suite: { runner: string; rerun?: unknown },
): boolean {
  if (test === step.unit) return true;
  if (suite.runner === 'junit-platform') return item.selector === step.selector;
  return suite.runner === 'junit-xml' && suite.rerun === undefined;
}
