import { boundSeconds, efficiency } from '../decisions/batch-plan.ts';
import { byWeight } from '../decisions/verdict-words.ts';
import type { Db } from '../store/database.ts';
import { suiteFigures, suiteRunsOf, suiteVerdicts } from '../store/suite-report.ts';
import type { ReportSuite } from './report.ts';

/** Every suite run of a candidate, in the order in which they began; one that runs has its figures so far. */
export async function suitesOf(db: Db, release: string, candidateNumber: number): Promise<ReportSuite[]> {
  const runs = await suiteRunsOf(db, release, candidateNumber);
  return Promise.all(
    runs.map(async (run) => {
      const [figures, verdicts] = await Promise.all([
        suiteFigures(db, run.suite_run),
        suiteVerdicts(db, run.suite_run),
      ]);
      const { tests, executions, repeated, seconds, totalUnitSeconds, longestUnitSeconds } = figures;
      const bound = boundSeconds(totalUnitSeconds, longestUnitSeconds, run.slots);
      return {
        name: run.suite,
        units: run.units,
        slots: run.slots,
        seconds: tenths(seconds),
        boundSeconds: tenths(bound),
        efficiency: efficiency(bound, seconds) ?? null,
        tests,
        executions,
        repeated,
        rerunSeconds: tenths(figures.rerunSeconds),
        culpritSeconds: tenths(figures.culpritSeconds),
        rerunBudgetSeconds: run.rerun_budget,
        verdicts: byWeight(verdicts),
        ...(run.problem !== null && { problem: run.problem }),
      };
    }),
  );
}

function tenths(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
