import { type Kysely, sql } from 'kysely';

/** What verdicts need beside the runs: which arm is the base, points that cannot be run, bases that always fail. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table suite_failure add column base_arm text not null default 'base';
    alter table suite_run add column rerun_budget double precision;
    alter table suite_batch add column avoid_host text;
    create index suite_failure_test on suite_failure (unit, test) where verdict is not null;
    create table suite_point (
      suite_run text not null references suite_run on delete cascade,
      arm text not null,
      answer text not null,
      reason text not null,
      primary key (suite_run, arm)
    );
    create table base_failure (
      base text not null,
      suite text not null,
      environment text not null,
      unit text not null,
      test text not null,
      failures integer not null,
      suite_run text not null,
      seen_at timestamptz not null default now(),
      primary key (base, suite, environment, unit, test)
    );
  `.execute(db);
}
