import { type Kysely, sql } from 'kysely';

/** Suites over many hosts: who is there, leases that can be revoked, plans that no host's paths are in. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table suite_host (
      host text primary key,
      queue text not null,
      slots integer not null,
      joined_at timestamptz not null default now(),
      seen_at timestamptz not null default now()
    );
    alter table suite_run drop column runner, add column arms jsonb not null default '{}';
    alter table suite_slot add column number integer not null;
    create unique index suite_slot_place on suite_slot (suite_run, host, number);
    alter table suite_batch add column revoked_at timestamptz;
    create index suite_batch_open on suite_batch (suite_run, host) where finished_at is null;
  `.execute(db);
}
