import { ownClass, replayStretch, type SlotStep, type Stretch } from '../../decisions/replay-plan.ts';
import type { OpenFailure } from '../../store/suite-failures.ts';
import { unitHistory } from '../../store/suite-history.ts';
import { type Ran, slotUnits } from '../../store/suite-verdicts.ts';
import type { SuiteRunnerDeps } from './deps.ts';
import { type Case, keyOf, type Shown } from './judge-case.ts';

/** More of a slot's past than this is not looked at: a replay is bounded by its seconds anyway. */
const MAX_REPLAYED_UNITS = 2_000;

/**
 * What ran before a failing unit in its process, and the unit itself; where another system ran it, its class in its
 * own order, as far as that is known and not too long.
 */
export async function stretchOf(deps: SuiteRunnerDeps, it: Case, failure: OpenFailure): Promise<Stretch> {
  const at: Ran | undefined = it.ran.get(failure.unit);
  const key = at ? failure.unit : keyOf(failure);
  const known = it.stretches.get(key);
  if (known) return known;
  const where = { suiteRun: it.run.suite_run, limit: MAX_REPLAYED_UNITS };
  const steps = at
    ? once(it, at.slot, await slotUnits(deps.db, { ...where, slot: at.slot, exec: at.exec }))
    : [ownClass(failure, await secondsOfClass(deps, it, failure))];
  const stretch = replayStretch(steps, it.suite.reruns.replaySeconds);
  it.stretches.set(key, stretch);
  return stretch;
}

/** Failures of one slot have most of their past in common: kept for each, it took 100 MB where 200 units of 100,000 fail. */
const once = ({ steps }: Case, slot: number, units: readonly SlotStep[]) =>
  units.map((unit) => {
    const key = `${slot} ${unit.exec}`;
    const known = steps.get(key);
    if (known === undefined) steps.set(key, unit);
    return known ?? unit;
  });

/** What a replay of one kind runs. */
export async function stretchFor(
  deps: SuiteRunnerDeps,
  it: Case,
  failure: OpenFailure,
  scope: Shown,
): Promise<SlotStep[]> {
  const { steps } = await stretchOf(deps, it, failure);
  if (scope === 'batch') return steps;
  return scope === 'unit' ? steps.slice(-1) : steps.slice(-(Number.parseInt(scope, 10) + 1));
}

async function secondsOfClass(deps: SuiteRunnerDeps, { run }: Case, failure: OpenFailure): Promise<number> {
  const past = await unitHistory(deps.db, run.fork, [failure.class]);
  return past.get(failure.class)?.seconds ?? failure.seconds;
}
