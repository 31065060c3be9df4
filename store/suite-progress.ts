import { sql } from 'kysely';
import { secondsLeft } from '../decisions/time-left.ts';
import type { SuiteDb, SuitePhase } from './suites.ts';

/** How far a suite run is. Units are those of the plan: a class that was divided counts as its parts. */
export type SuiteFacts = {
  suiteRun: string;
  suite: string;
  units: number;
  done: number;
  slots: number;
  running: RunningUnit[];
  /** Tests that failed in the suite proper so far. */
  failed: number;
  /** The newest of them. */
  failedTests: string[];
  /** What is expected to be left of the suite proper; null once it has ended. */
  leftSeconds: number | null;
  expectedEnd: string | null;
  slowest: { unit: string; seconds: number }[];
  /** Once it has ended: failures, and how many have their verdict. */
  failures: number;
  judged: number;
};

export type RunningUnit = {
  slot: number;
  host: string | null;
  unit: string;
  /** Of a rerun: the one test, and the arm. */
  test: string | null;
  arm: string;
  phase: SuitePhase;
  seconds: number;
};

const FAILED_TESTS = 5;
const SLOWEST = 5;

/** For the terminal and for queries, while it runs and afterwards. Undefined for an unknown suite run. */
export async function suiteFacts(db: SuiteDb, suiteRun: string, now = new Date()): Promise<SuiteFacts | undefined> {
  const run = await db.selectFrom('suite_run').selectAll().where('suite_run', '=', suiteRun).executeTakeFirst();
  if (!run) return undefined;
  const [counts, running, failed, slowest] = await Promise.all([
    countUnits(db, suiteRun),
    runningUnits(db, suiteRun, now),
    failedTests(db, suiteRun),
    slowestUnits(db, suiteRun),
  ]);
  const { done, ended, waiting, failures, judged } = counts;
  const { slots } = run;
  const of = { waitingSeconds: waiting, running, endedEstimate: ended, endedSeconds: counts.took, slots };
  const left = run.suite_ended_at === null && run.ended_at === null ? secondsLeft(of) : null;
  return {
    ...{ suiteRun, suite: run.suite, units: run.units, done, slots, failures, judged, slowest },
    running: running.map(({ estimate: _, ...one }) => one),
    failed: failed.count,
    failedTests: failed.newest,
    leftSeconds: left,
    expectedEnd: left === null ? null : new Date(now.getTime() + left * 1000).toISOString(),
  };
}

/** One look at the plan: asked several times a second, and a plan may have 100,000 rows. */
async function countUnits(db: SuiteDb, suiteRun: string) {
  const { rows } = await sql<Record<'done' | 'ended' | 'waiting' | 'took' | 'failures' | 'judged', number>>`
    select u.done, coalesce(u.ended, 0) as ended, coalesce(u.waiting, 0) as waiting, coalesce(e.took, 0) as took,
      f.failures, f.judged
    from (select count(*) filter (where finished) as done, sum(estimate) filter (where finished) as ended,
        sum(estimate) filter (where not finished and unit <> all(array(
          select x.unit from suite_execution x join suite_batch b on b.batch = x.batch and b.finished_at is null
          where x.suite_run = ${suiteRun} and x.ended_at is null))) as waiting
      from suite_unit where suite_run = ${suiteRun}) u,
      (select sum(seconds) as took from suite_execution
        where suite_run = ${suiteRun} and phase = 'suite' and ended_at is not null) e,
      (select count(*) as failures, count(verdict) as judged from suite_failure where suite_run = ${suiteRun}) f`.execute(
    db,
  );
  if (!rows[0]) throw new Error('a query of counts alone gave no row');
  return rows[0];
}

type Running = RunningUnit & { estimate: number };

/** What each slot is at. An execution that a crash left open is older than the one that its slot is at. */
async function runningUnits(db: SuiteDb, suiteRun: string, now: Date): Promise<Running[]> {
  const { rows } = await sql<Running>`
    select distinct on (e.slot) e.slot, b.host, e.unit, e.test, e.arm, e.phase, coalesce(u.estimate, 0) as estimate,
      greatest(0, extract(epoch from ${now.toISOString()}::timestamptz - e.started_at))::float8 as seconds
    from suite_execution e join suite_batch b on b.batch = e.batch and b.finished_at is null
    left join suite_unit u on u.suite_run = e.suite_run and u.unit = e.unit
    where e.suite_run = ${suiteRun} and e.ended_at is null
    order by e.slot, e.started_at desc`.execute(db);
  return rows;
}

async function failedTests(db: SuiteDb, suiteRun: string): Promise<{ count: number; newest: string[] }> {
  const { rows } = await sql<{ test: string; count: number }>`
    select r.test, count(*) over () as count
    from test_result r join suite_execution e using (suite_run, slot, exec)
    where r.suite_run = ${suiteRun} and r.status = 'failed' and r.status <> 'passed' and e.phase = 'suite'
    order by e.started_at desc, r.seq desc limit ${sql.lit(FAILED_TESTS)}`.execute(db);
  return { count: rows[0]?.count ?? 0, newest: rows.map(({ test }) => test) };
}

async function slowestUnits(db: SuiteDb, suiteRun: string): Promise<SuiteFacts['slowest']> {
  const { rows } = await sql<{ unit: string; seconds: number }>`
    select unit, seconds from suite_execution
    where suite_run = ${suiteRun} and phase = 'suite' and ended_at is not null
    order by seconds desc limit ${sql.lit(SLOWEST)}`.execute(db);
  return rows;
}
