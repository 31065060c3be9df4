import { clusterKey } from '../../decisions/failure-cluster.ts';
import { distinctPlaces, type PlacedFailure, placeFailures } from '../../decisions/found-failures.ts';
import { quarantineOf } from '../../decisions/quarantine.ts';
import type { PlannedUnit } from '../../decisions/unit-plan.ts';
import { saveFailures } from '../../store/suite-failures.ts';
import { failuresFor, savePlaces } from '../../store/triage.ts';
import type { SuiteRunnerDeps } from './deps.ts';
import { type Arm, type Place, testsOf } from './units.ts';

/** The plan of a triage: nothing to run, and what is to be judged. */
export type FoundPlan = { units: PlannedUnit[]; failures: PlacedFailure[] };

/**
 * Which of the failures that another CI has found this suite holds. Whatever no suite before it has taken is asked
 * for; the same again at every retry.
 */
export async function planFound(deps: SuiteRunnerDeps, place: Place, arm: Arm, triage: string): Promise<FoundPlan> {
  const found = await failuresFor(deps.db, triage, place.order.suite);
  if (found.length === 0) return { units: [], failures: [] };
  const placed = placeFailures(found, await testsOf(deps, place, arm, found));
  await savePlaces(deps.db, triage, place.order.suite, placed);
  const failures = distinctPlaces(placed);
  const units = new Map(failures.map((failure) => [failure.unit, plannedUnit(failure)]));
  return { units: [...units.values()], failures };
}

export const plannedUnit = ({ unit, selector, partOf, found }: PlacedFailure): PlannedUnit => ({
  ...{ unit, selector, estimate: found.seconds },
  ...(partOf === undefined ? {} : { partOf }),
});

/** What failed elsewhere is judged here as what failed in the suite would be. Its trace is its log. Safe to repeat. */
export async function saveFound(
  deps: SuiteRunnerDeps,
  suiteRun: string,
  { suite }: Pick<Place, 'suite'>,
  failures: readonly PlacedFailure[],
): Promise<void> {
  const quarantine = quarantineOf(suite.quarantine, new Date().toISOString().slice(0, 10));
  const rows = [];
  for (const { unit, test, found } of failures) {
    const { message, trace, seconds } = found;
    const log = trace === '' ? null : (await deps.artifacts.put(trace)).sha256;
    const failure = { unit, test, unique_id: '', message, reason: null, seconds, log };
    rows.push({ ...failure, cluster: clusterKey(message), quarantine: quarantine(failure) });
  }
  await saveFailures(deps.db, suiteRun, rows);
}
