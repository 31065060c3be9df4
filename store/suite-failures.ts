import { sql } from 'kysely';
import type { RunFacts } from '../decisions/run-answers.ts';
import type { Quarantine, Verdict } from '../workflows/types.ts';
import type { SuiteDb, SuitePhase } from './suites.ts';

export type FoundFailure = {
  unit: string;
  test: string;
  unique_id: string;
  message: string;
  reason: string | null;
  seconds: number;
  log: string | null;
};

/**
 * What failed in the executions that count. `test` = `unit` for a failure of the class as a whole, and for a class
 * of which tests were never reached. What failed for a class as a whole in several of its parts is one failure.
 */
export async function failuresOfSuite(db: SuiteDb, suiteRun: string): Promise<FoundFailure[]> {
  const { rows } = await sql<FoundFailure>`
    select distinct on (coalesce(u.part_of, e.unit), r.test) e.unit, r.test, r.unique_id, coalesce(r.message, '') as message,
      nullif(e.ended, 'completed') as reason, r.seconds, e.log
    from (select distinct on (unit) * from suite_execution
          where suite_run = ${suiteRun} and phase = 'suite' and ended_at is not null
          order by unit, ended_at, exec) e
    join test_result r on r.suite_run = e.suite_run and r.slot = e.slot and r.exec = e.exec
    left join suite_unit u on u.suite_run = e.suite_run and u.unit = e.unit
    where r.status = 'failed'
    order by coalesce(u.part_of, e.unit), r.test, e.unit, r.seq`.execute(db);
  const { rows: cutShort } = await sql<FoundFailure>`
    select unit, unit as test, '' as unique_id, seconds, log, nullif(ended, 'completed') as reason,
      'tests of this unit were never reached: ' || coalesce(detail, ended) as message
    from (select distinct on (unit) * from suite_execution
          where suite_run = ${suiteRun} and phase = 'suite' and ended_at is not null
          order by unit, ended_at, exec) e
    where not complete`.execute(db);
  const whole = new Set(rows.filter(({ unit, test }) => unit === test).map(({ unit }) => unit));
  return [...rows, ...cutShort.filter(({ unit }) => !whole.has(unit))];
}

/** Safe to repeat: what is known of a failure stays. */
export async function saveFailures(
  db: SuiteDb,
  suiteRun: string,
  failures: readonly (FoundFailure & { cluster: string; quarantine?: Quarantine | undefined })[],
): Promise<void> {
  for (let at = 0; at < failures.length; at += 1_000) {
    await db
      .insertInto('suite_failure')
      .values(
        failures.slice(at, at + 1_000).map(({ quarantine, ...failure }) => ({
          suite_run: suiteRun,
          ...failure,
          verdict: null as never,
          quarantine: (quarantine ? JSON.stringify(quarantine) : null) as never,
        })),
      )
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

export type OpenFailure = FoundFailure & {
  cluster: string;
  verdict: Verdict | null;
  quarantine: Quarantine | null;
  /** What runs its unit again as it ran in the suite. */
  selector: string;
  /** The class that its unit is, or is a part of. */
  class: string;
  /** The arm that stands for the base. */
  base_arm: string;
};

export async function listFailures(db: SuiteDb, suiteRun: string): Promise<OpenFailure[]> {
  const rows = await db
    .selectFrom('suite_failure as f')
    .leftJoin('suite_unit as u', (join) => join.onRef('u.suite_run', '=', 'f.suite_run').onRef('u.unit', '=', 'f.unit'))
    .select(['f.unit', 'test', 'unique_id', 'cluster', 'message', 'reason', 'seconds', 'log', 'verdict'])
    .select(['quarantine', 'selector', 'part_of', 'base_arm'])
    .where('f.suite_run', '=', suiteRun)
    .orderBy('f.unit')
    .orderBy('test')
    .execute();
  return rows.map(({ part_of, selector, ...row }) => ({
    ...row,
    class: part_of ?? row.unit,
    selector: selector ?? `c:${row.unit}`,
  }));
}

export async function saveVerdict(db: SuiteDb, suiteRun: string, verdict: Verdict): Promise<void> {
  await db
    .updateTable('suite_failure')
    .set({ verdict: JSON.stringify(verdict) })
    .where('suite_run', '=', suiteRun)
    .where('unit', '=', verdict.unit)
    .where('test', '=', verdict.test)
    .execute();
}

/** `log`: its digest, where it was kept. `cost`: seconds of the whole execution, a new process included. */
export type TestRun = RunFacts & {
  unit: string;
  test: string;
  arm: string;
  phase: SuitePhase;
  seconds: number;
  cost: number;
  log: string | null;
};

/** Every ended run of one test (or one unit) alone, with what it recorded about it. */
export async function runsAlone(db: SuiteDb, suiteRun: string, phases: readonly SuitePhase[]): Promise<TestRun[]> {
  const { rows } = await sql<TestRun>`
    select e.unit, e.test, e.arm, e.phase, e.ended, e.complete, e.log, coalesce(e.seconds, 0) as cost,
      coalesce(max(r.seconds) filter (where r.test = e.test), e.seconds, 0) as seconds,
      coalesce(bool_or(r.test = e.test and r.status = 'passed'), false) as "ownPassed",
      coalesce(bool_or(r.test = e.test and r.status = 'failed'), false) as "ownFailed",
      coalesce(bool_or(r.test = e.test and r.status = 'skipped'), false) as "ownSkipped",
      coalesce(bool_or(r.status = 'failed'), false) as "anyFailed",
      count(r.seq) as results,
      e.test = e.unit as "wholeUnit",
      (array_agg(r.message order by (r.test = e.test) desc, r.seq) filter (where r.status = 'failed'))[1] as message
    from suite_execution e
    left join test_result r on r.suite_run = e.suite_run and r.slot = e.slot and r.exec = e.exec
    where e.suite_run = ${suiteRun} and e.phase = any(${sql.val(phases)}) and e.test is not null and e.ended_at is not null
    group by e.suite_run, e.slot, e.exec
    order by e.started_at, e.exec`.execute(db);
  return rows;
}
