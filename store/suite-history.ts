import { sql } from 'kysely';
import type { UnitPast } from '../decisions/unit-plan.ts';
import { counted } from './suite-report.ts';
import type { SuiteDb, SuiteTransaction } from './suites.ts';

/**
 * What past runs say of units and methods, for the next plan and for verdicts. Every figure is a mean in which the
 * newest run weighs three tenths (more while there are few): a machine that was slow for a day does not reorder
 * everything, and a test that was mended is soon believed.
 */

/** In SQL: how much the newest of `runs` + 1 runs weighs. */
const weight = (runs: string) => sql.raw(`greatest(0.3, 1.0 / (${runs} + 1))`);
/** Methods of shorter classes are kept only once they have failed: such a class is never divided. */
const METHODS_FROM_SECONDS = 1;
/** A method without what counts its invocations, as `methodOf` of decisions/test-pattern.ts has it. */
const METHOD = sql.raw(`regexp_replace(r.test, '(\\[\\d+\\])*(~\\d+)?$', '')`);

/** Expected seconds of the classes of a fork that have run before; of `units` alone where they are named. */
export async function unitHistory(
  db: SuiteDb,
  fork: string,
  units?: readonly string[],
): Promise<Map<string, UnitPast>> {
  if (units?.length === 0) return new Map();
  let query = db.selectFrom('unit_history').select(['unit', 'seconds', 'overhead']).where('fork', '=', fork);
  if (units) query = query.where(sql<boolean>`unit = any(${sql.val(units)})`);
  const rows = await query.execute();
  return new Map(rows.map(({ unit, seconds, overhead }) => [unit, { seconds, overheadSeconds: overhead }]));
}

/** `seconds`: of all invocations together. `failureRate`: of the runs of the method in the suite proper. */
export type MethodPast = { unit: string; method: string; seconds: number; runs: number; failureRate: number };

/** Methods of these classes that are worth remembering: all of long classes, those that ever failed of others. */
export async function methodHistory(db: SuiteDb, fork: string, units: readonly string[]): Promise<MethodPast[]> {
  if (units.length === 0) return [];
  const rows = await db
    .selectFrom('method_history')
    .select(['unit', 'method', 'seconds', 'runs', 'failure_rate'])
    .where('fork', '=', fork)
    .where(sql<boolean>`unit = any(${sql.val(units)})`)
    .execute();
  return rows.map(({ failure_rate, ...row }) => ({ ...row, failureRate: failure_rate }));
}

/** Learns from what ran in the suite proper. The caller's transaction makes sure that it happens once a suite run. */
export async function learnFrom(tx: SuiteTransaction, suiteRun: string): Promise<void> {
  // Methods first: a first failure is weighed by how often its class had run before.
  await learnMethods(tx, suiteRun);
  await learnUnits(tx, suiteRun);
}

/** Each execution that counts, with its class and what its tests took. */
const ran = (suiteRun: string) => sql`
  select e.slot, e.exec, coalesce(u.part_of, e.unit) as class, e.seconds, t.tests, coalesce(t.failed, false) as failed,
    e.ended = 'completed' and e.complete as whole
  from (${counted(suiteRun)}) e
  left join suite_unit u on u.suite_run = e.suite_run and u.unit = e.unit
  left join (select slot, exec, sum(seconds) as tests, bool_or(status = 'failed') as failed
    from test_result where suite_run = ${suiteRun} group by slot, exec) t on t.slot = e.slot and t.exec = e.exec`;

/** A class that ran in parts counts its overhead once; the median, since the first part of a JVM waited for its start. */
async function learnUnits(tx: SuiteTransaction, suiteRun: string): Promise<void> {
  await sql`
    with part as (${ran(suiteRun)}), class as (
      select class, sum(seconds) as seconds, count(*) as parts, bool_or(failed) as failed, bool_and(whole) as whole,
        percentile_cont(0.5) within group (order by greatest(0, seconds - coalesce(tests, 0))) as overhead
      from part group by class)
    insert into unit_history as h (fork, unit, seconds, overhead, runs, failures, failure_rate)
    select s.fork, c.class, greatest(0, c.seconds - (c.parts - 1) * c.overhead), c.overhead, 1, c.failed::int, c.failed::int
      from class c cross join (select fork from suite_run where suite_run = ${suiteRun}) s
      where c.whole or exists (select from unit_history k where k.fork = s.fork and k.unit = c.class)
    on conflict (fork, unit) do update set
      -- What was cut short says that it failed, not how long it takes.
      seconds = h.seconds + ${weight('h.runs')} * case when excluded.unit in (select class from class where whole)
        then excluded.seconds - h.seconds else 0 end,
      overhead = h.overhead + ${weight('h.runs')} * case when excluded.unit in (select class from class where whole)
        then excluded.overhead - h.overhead else 0 end,
      failure_rate = h.failure_rate + ${weight('h.runs')} * (excluded.failure_rate - h.failure_rate),
      failures = h.failures + excluded.failures, runs = h.runs + 1, updated_at = now()`.execute(tx);
}

async function learnMethods(tx: SuiteTransaction, suiteRun: string): Promise<void> {
  await sql`
    with part as (${ran(suiteRun)}), known as (
      select p.*, s.fork, coalesce(k.runs, 0) as runs, sum(p.seconds) over (partition by p.class) as class_seconds
      from part p cross join (select fork from suite_run where suite_run = ${suiteRun}) s
      left join unit_history k on k.fork = s.fork and k.unit = p.class),
    method as (
      select k.fork, k.class, ${METHOD} as method, min(k.runs) as runs, sum(r.seconds) as seconds,
        bool_or(r.status = 'failed')::int as failed, max(k.class_seconds) as class_seconds
      from known k join test_result r on r.suite_run = ${suiteRun} and r.slot = k.slot and r.exec = k.exec
      where r.test like '%#%' group by 1, 2, 3)
    insert into method_history as h (fork, unit, method, seconds, runs, failures, failure_rate)
    select m.fork, m.class, m.method, m.seconds, m.runs + 1, m.failed, m.failed * ${weight('m.runs')}
      from method m
      where m.failed = 1 or m.class_seconds >= ${METHODS_FROM_SECONDS}
        or exists (select from method_history k where k.fork = m.fork and k.unit = m.class and k.method = m.method)
    on conflict (fork, unit, method) do update set
      seconds = h.seconds + ${weight('h.runs')} * (excluded.seconds - h.seconds),
      failure_rate = h.failure_rate + ${weight('h.runs')} * (excluded.failures - h.failure_rate),
      failures = h.failures + excluded.failures, runs = h.runs + 1, updated_at = now()`.execute(tx);
}
