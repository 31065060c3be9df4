import { type Kysely, sql } from 'kysely';

/** Parts of classes, quarantine, and what past runs say of units and methods. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table suite_unit add column part_of text;
    alter table suite_failure add column quarantine jsonb;
    create index suite_execution_running on suite_execution (suite_run) where ended_at is null;
    alter table unit_history
      add column overhead double precision not null default 0,
      add column failures integer not null default 0,
      add column failure_rate double precision not null default 0;
    create table method_history (
      fork text not null,
      unit text not null,
      method text not null,
      seconds double precision not null,
      runs integer not null,
      failures integer not null,
      failure_rate double precision not null,
      updated_at timestamptz not null default now(),
      primary key (fork, unit, method)
    );
  `.execute(db);
}
