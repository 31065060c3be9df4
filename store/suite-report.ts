import { sql } from 'kysely';
import type { TestKey } from '../workflows/proof-types.ts';
import type { TestCounts, Verdict } from '../workflows/types.ts';
import type { SuiteDb } from './suites.ts';

/**
 * The execution of each unit that counts: the first that ended. One that was cut off by a crash of ours and then
 * run again must not count its tests twice.
 */
export const counted = (suiteRun: string) => sql`
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
  /** For verdicts, and apart from it for the search for culprits. */
  rerunSeconds: number;
  culpritSeconds: number;
};

/**
 * Everything counted from the records of what ran, never from what was planned. What befell a class as a whole in
 * each of its parts (its `@BeforeAll` failed) is one result.
 */
export async function suiteFigures(db: SuiteDb, suiteRun: string): Promise<SuiteFigures> {
  const { rows: units } = await sql<{ finished: number; total: number; longest: number }>`
    select count(*) as finished, coalesce(sum(seconds), 0) as total, coalesce(max(seconds), 0) as longest
    from (${counted(suiteRun)}) e`.execute(db);
  const { rows: runs } = await sql<Record<'executions' | 'repeated' | 'seconds' | 'reruns' | 'culprits', number>>`
    select count(*) filter (where phase = 'suite') as executions,
      count(*) filter (where phase = 'suite' and exists (
        select from suite_execution f
        where f.suite_run = e.suite_run and f.phase = 'suite' and f.unit = e.unit and (f.slot, f.exec) <> (e.slot, e.exec)
          -- what was cut off with its host was begun before, whatever that host's clock said
          and not (e.ended_at is null and exists (
            select from suite_batch b where b.batch = e.batch and b.revoked_at is not null))
          and f.ended_at is not null and (f.ended_at <= e.started_at
            or (e.ended_at is not null and (f.ended_at, f.slot, f.exec) < (e.ended_at, e.slot, e.exec))))) as repeated,
      coalesce(extract(epoch from max(ended_at) filter (where phase = 'suite')
        - min(started_at) filter (where phase = 'suite')), 0)::float8 as seconds,
      coalesce(sum(seconds) filter (where phase not in ('suite', 'culprit')), 0) as reruns,
      coalesce(sum(seconds) filter (where phase = 'culprit'), 0) as culprits
    from suite_execution e where suite_run = ${suiteRun}`.execute(db);
  return {
    tests: await testCounts(db, suiteRun),
    unitsFinished: units[0]?.finished ?? 0,
    executions: runs[0]?.executions ?? 0,
    repeated: runs[0]?.repeated ?? 0,
    seconds: runs[0]?.seconds ?? 0,
    totalUnitSeconds: units[0]?.total ?? 0,
    longestUnitSeconds: units[0]?.longest ?? 0,
    rerunSeconds: runs[0]?.reruns ?? 0,
    culpritSeconds: runs[0]?.culprits ?? 0,
  };
}

/** What the tests of a suite run came to: all of them, or those that are named. */
export async function testCounts(db: SuiteDb, suiteRun: string, named?: readonly TestKey[]): Promise<TestCounts> {
  const keys = sql`select * from unnest(${sql.val(named?.map(({ unit }) => unit) ?? [])}::text[],
    ${sql.val(named?.map(({ test }) => test) ?? [])}::text[])`;
  const some = named === undefined ? sql`true` : sql`(coalesce(u.part_of, e.unit), r.test) in (${keys})`;
  const { rows } = await sql<{ status: keyof TestCounts; count: number }>`
    select r.status, count(*) filter (where r.test is distinct from u.part_of)
        + count(distinct u.part_of) filter (where r.test = u.part_of) as count
    from (${counted(suiteRun)}) e
    join test_result r on r.suite_run = e.suite_run and r.slot = e.slot and r.exec = e.exec
    left join suite_unit u on u.suite_run = e.suite_run and u.unit = e.unit
    where ${some} group by r.status`.execute(db);
  const count = (status: keyof TestCounts) => Number(rows.find((row) => row.status === status)?.count ?? 0);
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/** The tests of a suite run that count, by the class that the plan has them in. */
export async function ranTests(db: SuiteDb, suiteRun: string): Promise<TestKey[]> {
  const { rows } = await sql<TestKey>`
    select distinct coalesce(u.part_of, e.unit) as unit, r.test
    from (${counted(suiteRun)}) e
    join test_result r on r.suite_run = e.suite_run and r.slot = e.slot and r.exec = e.exec
    left join suite_unit u on u.suite_run = e.suite_run and u.unit = e.unit`.execute(db);
  return rows;
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

/** Every verdict of a suite run, with the class that its unit is a part of. */
export async function suiteVerdicts(db: SuiteDb, suiteRun: string): Promise<Verdict[]> {
  const rows = await db
    .selectFrom('suite_failure as f')
    .leftJoin('suite_unit as u', (join) => join.onRef('u.suite_run', '=', 'f.suite_run').onRef('u.unit', '=', 'f.unit'))
    .select(['verdict', 'part_of'])
    .where('f.suite_run', '=', suiteRun)
    .where('verdict', 'is not', null)
    .orderBy('f.unit')
    .orderBy('f.test')
    .execute();
  return rows.flatMap(({ verdict, part_of }) => (verdict ? [{ ...verdict, unit: part_of ?? verdict.unit }] : []));
}

/** What a test of the candidate failed with, stack and all: a runner tells it beside the log, which has what was printed. */
export async function failureTrace(
  db: SuiteDb,
  suiteRun: string,
  { unit, test }: TestKey,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('test_result as r')
    .innerJoin('suite_execution as e', (join) =>
      join.onRef('e.suite_run', '=', 'r.suite_run').onRef('e.slot', '=', 'r.slot').onRef('e.exec', '=', 'r.exec'),
    )
    .leftJoin('suite_unit as u', (join) => join.onRef('u.suite_run', '=', 'e.suite_run').onRef('u.unit', '=', 'e.unit'))
    .select('r.trace')
    .where('r.suite_run', '=', suiteRun)
    .where('r.test', '=', test)
    .where((where) => where.fn.coalesce('u.part_of', 'e.unit'), '=', unit)
    .where('r.status', '=', 'failed')
    .where('e.arm', '=', 'candidate')
    .where('r.trace', 'is not', null)
    .orderBy('e.started_at')
    .limit(1)
    .executeTakeFirst();
  return row?.trace ?? undefined;
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
