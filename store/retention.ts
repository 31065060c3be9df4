import { sql } from 'kysely';
import type { Digest } from '../workflows/types.ts';
import type { Db } from './database.ts';
import { dropShown } from './work.ts';

/**
 * What must stay whatever its age: releases that run, the newest and the newest released one of each fork, those that
 * are held back or frozen since then, and those whose candidate an environment runs or returns to.
 */
const NEEDED_RELEASES = sql`
  with newest as (
    select fork, max(number) as number, coalesce(max(number) filter (where outcome ->> 'kind' = 'released'), 0) as released
    from release group by fork)
  select r.id from release r join newest n on n.fork = r.fork
  where r.ended_at is null or r.number in (n.number, n.released)
    or (r.outcome ->> 'kind' in ('held', 'frozen') and r.number > n.released)
    or exists (select from candidate c join build b on b.build_key = c.build_key
      where c.release = r.id and b.digest in (select digest from rollout where id in (${liveRollouts()})))
    or r.id in (select release from rollout where id in (${liveRollouts()}))`;

/** Those that run, and the last two that each environment ended: what it runs, and what it would return to. */
function liveRollouts() {
  return sql`select id from (
    select id, ended_at, row_number() over (partition by environment order by started_at desc) as age,
      row_number() over (partition by environment, outcome ->> 'kind' order by started_at desc) as age_of_kind, outcome
    from rollout) aged
    where ended_at is null or age <= 2 or (age_of_kind <= 2 and outcome ->> 'kind' = 'promoted')`;
}

const NEEDED_BUILDS = sql`
  select unnest(array[c.build_key, c.base_build_key]) from candidate c where c.release in (${NEEDED_RELEASES})
  union select b.build_key from build b
    where b.digest in (select digest from rollout where id in (${liveRollouts()}))
  -- a fork that never had a release: an environment may have begun with its base
  union select b.build_key from build b where not exists (select from release r where r.fork = b.fork)`;

const older = (days: number) => sql`now() - make_interval(secs => ${days * 86_400})`;

/** Suite runs that ended so many days ago and whose release needs them no more. */
export async function oldSuiteRuns(db: Db, days: number): Promise<string[]> {
  const { rows } = await sql<{ suite_run: string }>`
    select suite_run from suite_run where ended_at < ${older(days)} and release not in (${NEEDED_RELEASES})
    order by ended_at`.execute(db);
  return rows.map(({ suite_run }) => suite_run);
}

/** Removes what is known of a suite run, in one step. What was learnt from it (durations, failure rates) stays. */
export async function dropSuiteRun(db: Db, suiteRun: string): Promise<void> {
  await db.deleteFrom('suite_run').where('suite_run', '=', suiteRun).execute();
}

/** Forgets the logs of failed units and of builds that are so many days old and that nobody needs. Returns how many. */
export async function forgetOldLogs(db: Db, days: number): Promise<number> {
  const units = await sql`
    update suite_execution e set log = null from suite_run s
    where s.suite_run = e.suite_run and e.log is not null and e.ended_at < ${older(days)}
      and s.ended_at is not null and s.release not in (${NEEDED_RELEASES})`.execute(db);
  const builds = await sql`
    update build set log = null
    where log is not null and created_at < ${older(days)} and build_key not in (${NEEDED_BUILDS})`.execute(db);
  return Number(units.numAffectedRows ?? 0) + Number(builds.numAffectedRows ?? 0);
}

/** Gives up the bytes of builds that are so many days old and that nobody needs; their names stay. Returns their keys. */
export async function giveUpOldBuilds(db: Db, days: number): Promise<string[]> {
  const { rows } = await sql<{ build_key: string }>`
    update build set collected_at = now()
    where collected_at is null and used_at < ${older(days)} and build_key not in (${NEEDED_BUILDS})
    returning build_key`.execute(db);
  return rows.map(({ build_key }) => build_key);
}

/** A run that never ended (its Temporal is gone) is as old as one that ended so long after its start. */
const LONGEST_RUN = sql`interval '30 days'`;

/** Removes agents' runs that ended so many days ago and whose release or ticket needs them no more. Returns how many. */
export async function dropOldAgentRuns(db: Db, days: number): Promise<number> {
  return db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ run: string }>`
      select a.run from agent_run a
      where coalesce(a.ended_at, a.started_at + ${LONGEST_RUN}) < ${older(days)} and a.release not in (${NEEDED_RELEASES})
        and not exists (select from ticket t where t.id = a.release and t.closed_at is null)`.execute(tx);
    const runs = rows.map(({ run }) => run);
    await sql`delete from agent_turn where run = any(${runs})`.execute(tx);
    await sql`delete from agent_run where run = any(${runs})`.execute(tx);
    // How code tried what they made is only shown beside them.
    await sql`delete from fix_proof where coalesce(ended_at, started_at + ${LONGEST_RUN}) < ${older(days)}`.execute(tx);
    return runs.length;
  });
}

/**
 * Removes tickets that were closed so many days ago, then what was said in those that are no more, and to people who may
 * not ask. Killed in between, the next one finds the rest. Returns how many tickets.
 *
 * That it was handed to an agent stays of each, without words: fixes are numbered by it, and their approvals and effects
 * are kept for ever; one that is opened again must not find those of an old fix under its name. Whatever begins so is
 * counted, a person's message too.
 */
export async function dropOldTickets(db: Db, days: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from ticket t where t.closed_at < ${older(days)}
      and not exists (select from approval q where q.ticket = t.id and q.ended_at is null)`.execute(db);
  await sql`
    delete from ticket_event e where e.at < ${older(days)} and not starts_with(e.text, 'hand-off')
      and not exists (select from ticket t where t.id = e.ticket)`.execute(db);
  await sql`
    update ticket_event e set text = 'hand-off' where e.at < ${older(days)} and starts_with(e.text, 'hand-off')
      and e.text <> 'hand-off' and not exists (select from ticket t where t.id = e.ticket)`.execute(db);
  await dropOldThreads(db, days);
  return Number(numAffectedRows ?? 0);
}

/** Threads of tickets that are no more (their names have a colon), and what was written to somebody himself about one. */
async function dropOldThreads(db: Db, days: number): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ release: string }>`
      select h.release from thread h
      where h.release ~ '^[^/:]+:' and h.opened_at < ${older(days)}
        and not exists (select from ticket t where t.id = regexp_replace(h.release, '/(calls|direct)/[^/]*$', ''))
        and not exists (select from thread_message m where m.release = h.release and m.at >= ${older(days)})
      for update`.execute(tx);
    const threads = rows.map(({ release }) => release);
    await sql`delete from thread_message where release = any(${threads})`.execute(tx);
    await dropShown(tx, threads);
    await sql`delete from thread where release = any(${threads})`.execute(tx);
  });
}

/** So long a triage may build before a suite run of it is there. */
const LONGEST_BUILD_DAYS = 7;

/** Removes what was read for a triage so many days ago, once no run of it is left. The newest of a fork numbers the next. */
export async function dropOldTriages(db: Db, days: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from triage t where t.started_at < ${older(Math.max(days, LONGEST_BUILD_DAYS))}
      and not exists (select from suite_run s where s.release = t.id)
      and t.number < (select max(n.number) from triage n where n.fork = t.fork)`.execute(db);
  return Number(numAffectedRows ?? 0);
}

/**
 * Every digest that something in the store still refers to. Documents (verdicts, ledgers, reasons) are searched as text: whoever
 * adds one more reference to them need not tell the collector.
 */
export async function neededDigests(db: Db, logDays: number): Promise<Set<Digest>> {
  const { rows } = await references(db, logDays);
  return new Set(rows.map(({ sha256 }) => sha256));
}

function references(db: Db, logDays: number) {
  const digests = (text: ReturnType<typeof sql>) => sql`(regexp_matches(${text}, '[0-9a-f]{64}', 'g'))[1]`;
  return sql<{ sha256: string }>`
    select a.sha256 from build_artifact a join build b on b.build_key = a.build_key where b.collected_at is null
    union select log from build where log is not null
    union select log from suite_execution where log is not null
    union select ${digests(sql`f.verdict::text`)} from suite_failure f join suite_run s on s.suite_run = f.suite_run
      where f.verdict is not null and (s.ended_at is null or s.ended_at >= ${older(logDays)} or s.release in (${NEEDED_RELEASES}))
    union select ${digests(sql`r.outcome::text`)} from release r
      where r.ended_at is null or r.ended_at >= ${older(logDays)} or r.id in (${NEEDED_RELEASES})
    union select ${digests(sql`m.text`)} from thread_message m
      where m.at >= ${older(logDays)} or m.release in (${NEEDED_RELEASES})
    union select ${digests(sql`coalesce(w.record, '') || ' ' || coalesce(r.before_looks, '')`)}
      from rollout_wave w join rollout r on r.id = w.rollout
      where r.ended_at is null or r.ended_at >= ${older(logDays)} or r.release in (${NEEDED_RELEASES})
    union select ${digests(sql`a.brief || coalesce(a.outcome::text, '')`)} from agent_run a where ${livingRun(logDays)}
    union select ${digests(sql`t.outcome::text || t.results::text`)} from agent_turn t join agent_run a on a.run = t.run
      where ${livingRun(logDays)}
    union select ${digests(sql`q.question::text`)} from approval q
      where q.ended_at is null or q.ended_at >= ${older(logDays)}
    union select ${digests(sql`r.artifacts::text`)} from rollout r where r.id in (${liveRollouts()})
    union select ${digests(sql`t.from_build::text || t.to_build::text`)} from rollout_target t
      where t.rollout in (${liveRollouts()})`.execute(db);
}

/** An agent's run whose transcript is kept: as long as logs are, and as its release is needed. */
const livingRun = (logDays: number) =>
  sql`(a.ended_at is null or a.ended_at >= ${older(logDays)} or a.release in (${NEEDED_RELEASES}))`;

/** The ids of suite runs that have not ended, or not long ago: what their runners left behind stays. */
export async function recentSuiteRuns(db: Db, days: number): Promise<Set<string>> {
  const { rows } = await sql<{ suite_run: string }>`
    select suite_run from suite_run where ended_at is null or ended_at >= ${older(days)}`.execute(db);
  return new Set(rows.map(({ suite_run }) => suite_run));
}

/** Hosts that have not been seen for so many days. */
export async function forgetHosts(db: Db, days: number): Promise<void> {
  await sql`delete from suite_host where seen_at < ${older(days)}`.execute(db);
}

/** One collector at a time, over all processes: false where another one is at it. */
export async function alone(db: Db, work: () => Promise<void>): Promise<boolean> {
  return db.connection().execute(async (connection) => {
    const { rows } = await sql<{
      taken: boolean;
    }>`select pg_try_advisory_lock(hashtext('patchwright retention')) as taken`.execute(connection);
    if (!rows[0]?.taken) return false;
    try {
      await work();
    } finally {
      await sql`select pg_advisory_unlock(hashtext('patchwright retention'))`.execute(connection);
    }
    return true;
  });
}
