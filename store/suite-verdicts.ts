import { sql } from 'kysely';
import type { BatchFigures } from '../decisions/first-step.ts';
import type { Build, Digest, RunCounts, VerdictKind } from '../workflows/types.ts';
import type { Db } from './database.ts';
import { counted } from './suite-report.ts';
import type { SuiteDb } from './suites.ts';

/** Where a unit of the suite proper ran. */
export type Ran = { unit: string; batch: string; slot: number; exec: string; host: string };

/** Where each of these units ran, in the execution that counts. */
export async function whereRan(db: SuiteDb, suiteRun: string, units: readonly string[]): Promise<Map<string, Ran>> {
  if (units.length === 0) return new Map();
  const { rows } = await sql<Ran>`
    select e.unit, e.batch, e.slot, e.exec, coalesce(b.host, '') as host
    from (${counted(suiteRun)}) e join suite_batch b on b.batch = e.batch
    where e.unit = any(${sql.val(units)})`.execute(db);
  return new Map(rows.map((row) => [row.unit, row]));
}

/** How many units each of these batches ran, and how many tests passed in it. */
export async function batchFigures(db: SuiteDb, batches: readonly string[]): Promise<Map<string, BatchFigures>> {
  if (batches.length === 0) return new Map();
  const { rows } = await sql<BatchFigures & { batch: string }>`
    select e.batch, count(distinct e.unit) as units, count(r.seq) filter (where r.status = 'passed') as passed
    from suite_execution e
    left join test_result r on r.suite_run = e.suite_run and r.slot = e.slot and r.exec = e.exec
    where e.batch = any(${sql.val(batches)}) and e.phase = 'suite' and e.ended_at is not null
    group by e.batch`.execute(db);
  return new Map(rows.map(({ batch, ...figures }) => [batch, figures]));
}

/** One unit that a slot ran in the suite proper. */
export type SlotUnit = { unit: string; selector: string; exec: string; seconds: number; ended: string };

/** What ran on a slot up to and including one execution, the newest `limit` of it, in its order. */
export async function slotUnits(
  db: SuiteDb,
  { suiteRun, slot, exec, limit }: { suiteRun: string; slot: number; exec: string; limit: number },
): Promise<SlotUnit[]> {
  const { rows } = await sql<SlotUnit>`
    select e.unit, coalesce(u.selector, 'c:' || e.unit) as selector, e.exec, coalesce(e.seconds, 0) as seconds,
      coalesce(e.ended, 'unfinished') as ended
    from suite_execution e
    left join suite_unit u on u.suite_run = e.suite_run and u.unit = e.unit
    where e.suite_run = ${suiteRun} and e.slot = ${slot} and e.phase = 'suite'
      and (e.started_at, e.exec) <= (select started_at, exec from suite_execution
        where suite_run = ${suiteRun} and slot = ${slot} and exec = ${exec})
    order by e.started_at desc, e.exec desc limit ${limit}`.execute(db);
  return rows.reverse();
}

/** One unit in one replay of a batch, with what it recorded about the tests that are asked for. */
export type ReplayedUnit = {
  batch: string;
  phase: 'replay' | 'culprit';
  arm: string;
  unit: string;
  item: number;
  /** It was run for a shorter part of its order, of which it is the last unit. */
  nearer: string | null;
  seconds: number;
  ended: string;
  complete: boolean;
  log: string | null;
  outOfMemory: boolean;
  results: number;
  tests: { test: string; status: string; message: string | null }[];
};

/** Every replay that was run in one piece: a part of one that went to another host proves nothing. */
export async function replayedUnits(db: SuiteDb, suiteRun: string, tests: readonly string[]): Promise<ReplayedUnit[]> {
  const { rows } = await sql<ReplayedUnit>`
    select e.batch, e.phase, e.arm, e.unit, e.item, max(b.items -> e.item ->> 'nearer') as nearer,
      coalesce(e.seconds, 0) as seconds, e.ended, e.complete, e.log,
      count(r.seq) as results,
      coalesce(bool_or(r.status = 'failed' and r.message like '%OutOfMemoryError%'), false) as "outOfMemory",
      coalesce(jsonb_agg(jsonb_build_object('test', r.test, 'status', r.status, 'message', left(r.message, 300)))
        filter (where r.test = any(${sql.val(tests)})), '[]') as tests
    from suite_execution e
    join suite_batch b on b.batch = e.batch and b.finished_at is not null and b.problem is null
    left join test_result r on r.suite_run = e.suite_run and r.slot = e.slot and r.exec = e.exec
    where e.suite_run = ${suiteRun} and e.phase in ('replay', 'culprit') and e.test is null and e.ended_at is not null
      and exists (select from suite_execution f where f.batch = e.batch and f.item = 0 and f.slot = e.slot)
    group by e.suite_run, e.slot, e.exec, b.number
    order by b.number, e.item, e.exec`.execute(db);
  return rows;
}

/** Seconds that a release has spent on reruns for verdicts, the search for culprits apart. */
export async function rerunSecondsOfRelease(db: SuiteDb, release: string): Promise<number> {
  const { rows } = await sql<{ seconds: number }>`
    select coalesce(sum(e.seconds), 0) as seconds from suite_execution e
    join suite_run s on s.suite_run = e.suite_run
    where s.release = ${release} and e.phase not in ('suite', 'culprit')`.execute(db);
  return rows[0]?.seconds ?? 0;
}

export async function keepRerunBudget(db: SuiteDb, suiteRun: string, seconds: number): Promise<void> {
  await db.updateTable('suite_run').set({ rerun_budget: seconds }).where('suite_run', '=', suiteRun).execute();
}

export type BaseKey = { base: string; suite: string; environment: string };
type Test = { unit: string; test: string };

/** Tests that failed in every run on this very base build, in this suite and environment, in an earlier suite run. */
export async function knownBaseFailures(
  db: SuiteDb,
  key: BaseKey,
  suiteRun: string,
): Promise<Map<string, { failures: number; suiteRun: string }>> {
  const rows = await db
    .selectFrom('base_failure')
    .select(['unit', 'test', 'failures', 'suite_run'])
    .where('base', '=', key.base)
    .where('suite', '=', key.suite)
    .where('environment', '=', key.environment)
    .where('suite_run', '<>', suiteRun)
    .execute();
  return new Map(rows.map((row) => [`${row.unit} ${row.test}`, { failures: row.failures, suiteRun: row.suite_run }]));
}

/** Keeps that a test fails on this base, or forgets it where it has passed. Safe to repeat. */
export async function keepBaseFailure(
  db: SuiteDb,
  key: BaseKey,
  { unit, test }: Test,
  failed: { failures: number; suiteRun: string } | undefined,
): Promise<void> {
  if (!failed) {
    await db
      .deleteFrom('base_failure')
      .where('base', '=', key.base)
      .where('suite', '=', key.suite)
      .where('unit', '=', unit)
      .where('test', '=', test)
      .execute();
    return;
  }
  await db
    .insertInto('base_failure')
    .values({ ...key, unit, test, failures: failed.failures, suite_run: failed.suiteRun })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** What earlier suite runs of a fork counted on their bases, test by test: the prior of the sequential test. */
export async function baseHistory(
  db: SuiteDb,
  { fork, suite, suiteRun, tests }: { fork: string; suite: string; suiteRun: string; tests: readonly Test[] },
): Promise<Map<string, RunCounts>> {
  if (tests.length === 0) return new Map();
  const { rows } = await sql<Test & RunCounts>`
    select unit, test, sum(pass)::int as pass, sum(fail)::int as fail from (
      select f.unit, f.test, (f.verdict -> 'base' ->> 'pass')::int as pass, (f.verdict -> 'base' ->> 'fail')::int as fail,
        row_number() over (partition by f.unit, f.test order by s.started_at desc) as age
      from suite_failure f join suite_run s on s.suite_run = f.suite_run
      where s.fork = ${fork} and s.suite = ${suite} and f.suite_run <> ${suiteRun} and f.verdict is not null
        and f.base_arm = 'base' and f.verdict ->> 'baseBroken' is null and f.verdict ->> 'orderDependent' is null and f.verdict ->> 'representative' is null
        and f.unit = any(${sql.val(tests.map(({ unit }) => unit))})) runs
    where age <= 20 group by unit, test`.execute(db);
  return new Map(rows.map(({ unit, test, pass, fail }) => [`${unit} ${test}`, { pass, fail }]));
}

/** Lets another arm stand for the base of these tests, and judges them anew. */
export async function setBaseArm(db: SuiteDb, suiteRun: string, tests: readonly Test[], arm: string): Promise<void> {
  for (const { unit, test } of tests) {
    await db
      .updateTable('suite_failure')
      .set({ base_arm: arm, verdict: null as never })
      .where('suite_run', '=', suiteRun)
      .where('unit', '=', unit)
      .where('test', '=', test)
      .where('base_arm', '<>', arm)
      .execute();
  }
}

/** How many failures nobody has judged. */
export async function openFailures(db: SuiteDb, suiteRun: string): Promise<number> {
  const { open } = await db
    .selectFrom('suite_failure')
    .select(({ fn }) => fn.countAll<number>().as('open'))
    .where('suite_run', '=', suiteRun)
    .where('verdict', 'is', null)
    .executeTakeFirstOrThrow();
  return open;
}

/** Failures by what they were judged to be. */
export async function verdictCounts(db: SuiteDb, suiteRun: string): Promise<Partial<Record<VerdictKind, number>>> {
  const { rows } = await sql<{ kind: VerdictKind; count: number }>`
    select verdict ->> 'kind' as kind, count(*) as count from suite_failure
    where suite_run = ${suiteRun} and verdict is not null group by 1`.execute(db);
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]));
}

const WHOLE_BUILD = sql`b.fork, b.commit, b.version, b.digest, b.build_key as "buildKey",
  (select coalesce(jsonb_agg(jsonb_build_object('name', a.name, 'sha256', a.sha256, 'bytes', a.bytes) order by a.name), '[]')
    from build_artifact a where a.build_key = b.build_key) as artifacts`;

/** Of the candidates of a release the last one was released; those before it were repaired, or held. */
const LAST_OF_RELEASE = sql`(select max(n) from candidate where release = r.id)`;

/** The candidate of this fork that was released last and whose bytes are kept, other than this build. */
export async function lastReleasedBut(db: Db, fork: string, digest: Digest): Promise<Build | undefined> {
  const { rows } = await sql<Build>`
    select ${WHOLE_BUILD}
    from release r
    join candidate c on c.release = r.id
    join build b on b.build_key = c.build_key
    where r.fork = ${fork} and r.outcome ->> 'kind' = 'released' and c.n = ${LAST_OF_RELEASE}
      and b.collected_at is null and b.digest <> ${digest}
    order by r.ended_at desc nulls last limit 1`.execute(db);
  return rows[0];
}

/** The candidate of this fork that was released last, other than the one that this suite run is about. */
export async function lastReleased(db: SuiteDb, suiteRun: string): Promise<Build | undefined> {
  const { rows } = await sql<Build>`
    select ${WHOLE_BUILD}
    from suite_run s
    join release r on r.fork = s.fork and r.id <> s.release and r.outcome ->> 'kind' = 'released'
    join candidate c on c.release = r.id
    join build b on b.build_key = c.build_key
    where s.suite_run = ${suiteRun} and c.n = ${LAST_OF_RELEASE}
    order by r.ended_at desc nulls last limit 1`.execute(db);
  return rows[0];
}
