import { sql } from 'kysely';
import type { TestCounts, Verdict } from '../workflows/types.ts';
import type { SuiteDb } from './suites.ts';

/**
 * The execution of each unit that counts: the first that ended. One that was cut off by a crash of ours and then
 * run again must not count its tests twice.
 */
const counted = (suiteRun: string) => sql`
  select distinct on (unit) * from suite_execution
  where suite_run = ${suiteRun} and phase = 'suite' and ended_at is not null
  order by unit, ended_at, exec`;

export type SuiteFigures = {
  tests: TestCounts;
  unitsFinished: number;
  /** Unit runs of the suite proper that were started. */
  executions: number;
  /** Those of a unit that had already finished: must be 0. */
  repeated: number;
  /** From the first unit's start to the last one's end. */
  seconds: number;
  totalUnitSeconds: number;
  longestUnitSeconds: number;
  rerunSeconds: number;
};

/** Everything counted from the records of what ran, never from what was planned. */
export async function suiteFigures(db: SuiteDb, suiteRun: string): Promise<SuiteFigures> {
  const { rows: tests } = await sql<{ status: keyof TestCounts; count: number }>`
    select r.status, count(*) as count from (${counted(suiteRun)}) e
    join test_result r on r.suite_run = e.suite_run and r.slot = e.slot and r.exec = e.exec
    group by r.status`.execute(db);
  const { rows: units } = await sql<{ finished: number; total: number; longest: number }>`
    select count(*) as finished, coalesce(sum(seconds), 0) as total, coalesce(max(seconds), 0) as longest
    from (${counted(suiteRun)}) e`.execute(db);
  const { rows: runs } = await sql<{ executions: number; repeated: number; seconds: number; reruns: number }>`
    select count(*) filter (where phase = 'suite') as executions,
      count(*) filter (where phase = 'suite' and exists (
        select from suite_execution f
        where f.suite_run = e.suite_run and f.phase = 'suite' and f.unit = e.unit and (f.slot, f.exec) <> (e.slot, e.exec)
          and f.ended_at is not null and (f.ended_at <= e.started_at
            or (e.ended_at is not null and (f.ended_at, f.slot, f.exec) < (e.ended_at, e.slot, e.exec))))) as repeated,
      coalesce(extract(epoch from max(ended_at) filter (where phase = 'suite')
        - min(started_at) filter (where phase = 'suite')), 0)::float8 as seconds,
      coalesce(sum(seconds) filter (where phase <> 'suite'), 0) as reruns
    from suite_execution e where suite_run = ${suiteRun}`.execute(db);
  const count = (status: keyof TestCounts) => tests.find((row) => row.status === status)?.count ?? 0;
  return {
    tests: { passed: count('passed'), failed: count('failed'), skipped: count('skipped') },
    unitsFinished: units[0]?.finished ?? 0,
    executions: runs[0]?.executions ?? 0,
    repeated: runs[0]?.repeated ?? 0,
    seconds: runs[0]?.seconds ?? 0,
    totalUnitSeconds: units[0]?.total ?? 0,
    longestUnitSeconds: units[0]?.longest ?? 0,
    rerunSeconds: runs[0]?.reruns ?? 0,
  };
}

/** What an execution was expected to record and did not: units of the plan without an end. */
export async function unfinishedUnits(db: SuiteDb, suiteRun: string, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('suite_unit')
    .select('unit')
    .where('suite_run', '=', suiteRun)
    .where('finished', '=', false)
    .orderBy('unit')
    .limit(limit)
    .execute();
  return rows.map(({ unit }) => unit);
}

export type SuiteProgress = {
  suiteRun: string;
  units: number;
  finished: number;
  running: { slot: number; unit: string; test: string | null; arm: string; seconds: number }[];
  tests: TestCounts;
  /** Expected seconds of what has not finished, over the slots; undefined once the suite proper has ended. */
  leftSeconds?: number;
  slowest: { unit: string; seconds: number }[];
  failures: number;
  judged: number;
};

/** For the terminal and for queries, while it runs and afterwards. Undefined for an unknown suite run. */
export async function suiteProgress(db: SuiteDb, suiteRun: string): Promise<SuiteProgress | undefined> {
  const run = await db.selectFrom('suite_run').selectAll().where('suite_run', '=', suiteRun).executeTakeFirst();
  if (!run) return undefined;
  const figures = await suiteFigures(db, suiteRun);
  const { rows: running } = await sql<SuiteProgress['running'][number]>`
    select distinct on (slot) slot, unit, test, arm, extract(epoch from now() - started_at)::float8 as seconds
    from suite_execution e where suite_run = ${suiteRun} and ended_at is null
      and exists (select from suite_batch b where b.batch = e.batch and b.finished_at is null)
    order by slot, started_at desc`.execute(db);
  const { rows: left } = await sql<{ seconds: number }>`
    select coalesce(sum(estimate), 0) as seconds from suite_unit where suite_run = ${suiteRun} and not finished`.execute(
    db,
  );
  const { rows: slowest } = await sql<{ unit: string; seconds: number }>`
    select unit, seconds from (${counted(suiteRun)}) e order by seconds desc limit 5`.execute(db);
  const { rows: failures } = await sql<{ failures: number; judged: number }>`
    select count(*) as failures, count(verdict) as judged from suite_failure where suite_run = ${suiteRun}`.execute(db);
  return {
    suiteRun,
    units: run.units,
    finished: figures.unitsFinished,
    running,
    tests: figures.tests,
    ...(run.suite_ended_at ? {} : { leftSeconds: (left[0]?.seconds ?? 0) / run.slots }),
    slowest,
    failures: failures[0]?.failures ?? 0,
    judged: failures[0]?.judged ?? 0,
  };
}

/** Every verdict of a suite run, the ones that hold first. */
export async function suiteVerdicts(db: SuiteDb, suiteRun: string): Promise<Verdict[]> {
  const rows = await db
    .selectFrom('suite_failure')
    .select('verdict')
    .where('suite_run', '=', suiteRun)
    .where('verdict', 'is not', null)
    .orderBy('unit')
    .orderBy('test')
    .execute();
  return rows.flatMap(({ verdict }) => verdict ?? []);
}

/** The suite runs of a candidate, in the order in which they began. */
export async function suiteRunsOf(db: SuiteDb, release: string, candidateNumber: number) {
  return db
    .selectFrom('suite_run')
    .selectAll()
    .where('release', '=', release)
    .where('candidate_number', '=', candidateNumber)
    .orderBy('started_at')
    .execute();
}

/** Learns from what ran: half of what is known, half of what was seen, so that one slow day does not reorder everything. */
export async function learnDurations(db: SuiteDb, suiteRun: string): Promise<void> {
  await sql`
    insert into unit_history (fork, unit, seconds, runs)
    select s.fork, e.unit, e.seconds, 1 from (${counted(suiteRun)}) e
      join suite_run s on s.suite_run = e.suite_run where e.complete and s.ended_at is null
    on conflict (fork, unit) do update
      set seconds = (unit_history.seconds + excluded.seconds) / 2, runs = unit_history.runs + 1, updated_at = now()`.execute(
    db,
  );
}
