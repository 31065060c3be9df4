import { sql } from 'kysely';
import type { VerdictKind } from '../workflows/types.ts';
import type { Db } from './database.ts';

/** How a class, or a method of it, did in past suites. `failureRate`: the newest runs weigh most. */
export type TestPast = { name: string; runs: number; failures: number; failureRate: number; seconds: number };

/** The history of a class and of those of its methods that are remembered, those that fail most first. */
export async function testPast(db: Db, fork: string, unit: string): Promise<TestPast[]> {
  const { rows } = await sql<TestPast>`
    select unit as name, runs, failures, failure_rate as "failureRate", seconds from unit_history
      where fork = ${fork} and unit = ${unit}
    union all
    (select unit || '#' || method, runs, failures, failure_rate, seconds from method_history
      where fork = ${fork} and unit = ${unit} order by failure_rate desc, method limit 20)`.execute(db);
  return rows;
}

export type PastVerdict = { release: string; test: string; kind: VerdictKind; message: string };

/** Verdicts on tests of this class in other suite runs of the fork, newest first. */
export async function pastVerdicts(db: Db, about: { fork: string; unit: string; not: string }): Promise<PastVerdict[]> {
  const { rows } = await sql<PastVerdict>`
    select r.release, f.test, f.verdict ->> 'kind' as kind, left(coalesce(f.verdict ->> 'message', ''), 200) as message
    from suite_failure f join suite_run r on r.suite_run = f.suite_run
    where r.fork = ${about.fork} and f.unit = ${about.unit} and r.suite_run <> ${about.not} and f.verdict is not null
      and f.verdict ->> 'kind' is not null
    order by r.started_at desc limit 10`.execute(db);
  return rows;
}

/** Candidates of releases that go on, whose outlines an agent may soon be given. */
export async function openCandidates(db: Db): Promise<{ fork: string; base: string; candidate: string }[]> {
  const rows = await db
    .selectFrom('candidate as c')
    .innerJoin('release as r', 'r.id', 'c.release')
    .select(['r.fork', 'r.base_commit', 'c.commit'])
    .where('r.ended_at', 'is', null)
    .execute();
  return rows.flatMap(({ fork, base_commit, commit }) =>
    base_commit === null ? [] : [{ fork, base: base_commit, candidate: commit }],
  );
}

/** The base of the newest release of a fork that was built, but for one. */
export async function lastBuiltBase(
  db: Db,
  fork: string,
  not: string,
): Promise<{ release: string; commit: string } | undefined> {
  const { rows } = await sql<{ release: string; commit: string }>`
    select r.id as release, r.base_commit as commit from release r
    where r.fork = ${fork} and r.base_commit <> ${not}
      and exists (select from candidate c where c.release = r.id and c.base_build_key is not null)
    order by r.started_at desc limit 1`.execute(db);
  return rows[0];
}
