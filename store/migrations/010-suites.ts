import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table suite_run (
      suite_run text primary key,
      release text not null,
      candidate_number integer not null,
      fork text not null,
      suite text not null,
      settings text not null,
      slots integer not null,
      units integer not null,
      runner jsonb not null,
      started_at timestamptz not null default now(),
      suite_ended_at timestamptz,
      ended_at timestamptz,
      problem text
    );
    create index suite_run_release on suite_run (release, candidate_number);
    create table suite_unit (
      suite_run text not null references suite_run on delete cascade,
      unit text not null,
      selector text not null,
      estimate double precision not null,
      batch text,
      finished boolean not null default false,
      primary key (suite_run, unit)
    );
    create index suite_unit_waiting on suite_unit (suite_run, estimate desc, unit) where batch is null;
    create table suite_batch (
      batch text primary key,
      suite_run text not null references suite_run on delete cascade,
      number integer not null,
      phase text not null,
      items jsonb not null,
      slot integer,
      host text,
      lease text,
      claimed_at timestamptz,
      finished_at timestamptz,
      problem text,
      unique (suite_run, number)
    );
    create table suite_slot (
      suite_run text not null references suite_run on delete cascade,
      slot integer not null,
      host text not null,
      events_offset bigint not null default 0,
      primary key (suite_run, slot)
    );
    create table suite_execution (
      suite_run text not null references suite_run on delete cascade,
      slot integer not null,
      exec text not null,
      batch text not null,
      item integer not null,
      phase text not null,
      arm text not null,
      unit text not null,
      test text,
      started_at timestamptz not null,
      ended_at timestamptz,
      seconds double precision,
      ended text,
      complete boolean,
      detail text,
      log text,
      log_bytes bigint,
      primary key (suite_run, slot, exec)
    );
    create index suite_execution_unit on suite_execution (suite_run, unit);
    create table test_result (
      suite_run text not null,
      slot integer not null,
      exec text not null,
      seq integer not null,
      test text not null,
      unique_id text not null,
      status text not null,
      seconds double precision not null,
      message text,
      trace text,
      primary key (suite_run, slot, exec, seq),
      foreign key (suite_run, slot, exec) references suite_execution on delete cascade
    );
    create index test_result_not_passed on test_result (suite_run, test) where status <> 'passed';
    create table suite_failure (
      suite_run text not null references suite_run on delete cascade,
      unit text not null,
      test text not null,
      unique_id text not null,
      cluster text not null,
      message text not null,
      reason text,
      seconds double precision not null,
      log text,
      verdict jsonb,
      primary key (suite_run, unit, test)
    );
    create table unit_history (
      fork text not null,
      unit text not null,
      seconds double precision not null,
      runs integer not null,
      updated_at timestamptz not null default now(),
      primary key (fork, unit)
    );
  `.execute(db);
}
