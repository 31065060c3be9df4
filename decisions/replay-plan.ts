/** One unit that a slot ran in the suite proper, in the order in which it ran. */
export type SlotStep = { unit: string; selector: string; exec: string; seconds: number; ended: string };

/**
 * What to run again before a failing unit (the last of `steps`), in its order and one process: everything that its
 * process ran before, as far as `maxSeconds` reach. A process begins with its runner (the first part of an execution's
 * name) and anew after one that died or was killed; a unit that took the last process down is not part of this one.
 */
export function replayStretch<S extends SlotStep>(steps: readonly S[], maxSeconds: number): S[] {
  const last = steps.at(-1);
  if (!last || last.seconds > maxSeconds) return [];
  const stretch: S[] = [last];
  let seconds = last.seconds;
  for (const step of steps.slice(0, -1).reverse()) {
    seconds += step.seconds;
    if (step.ended !== 'completed' || runnerOf(step) !== runnerOf(last) || seconds > maxSeconds) break;
    stretch.unshift(step);
  }
  return stretch;
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
