import { type Kysely, sql } from 'kysely';

/** What gates looked at and decided, wave by wave; and whose hold on an artifact was lifted. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // The looks of the window before the first node: a digest in the artifact store.
  await sql`alter table rollout add column before_looks text`.execute(db);
  await sql`
    alter table rollout_wave
      add column attempt integer not null default 1,
      add column why text,
      -- {kind, firstServing}: how long it bakes
      add column shape jsonb,
      -- its place among all waves of the release: α is spent along it
      add column alpha_index integer,
      add column begun_at timestamptz,
      -- everything that the verdict was computed from, and the verdict: a digest in the artifact store
      add column record text`.execute(db);
  // Only while a gate watches: a killed worker's successor goes on from them.
  await sql`
    create table gate_look (
      rollout text not null,
      key text not null,
      n integer not null,
      started_at_ms bigint not null,
      sample jsonb not null,
      state jsonb not null,
      primary key (rollout, key, n)
    )`.execute(db);
  await sql`
    create table artifact_unhold (
      digest text not null,
      environment text not null,
      at timestamptz not null default clock_timestamp(),
      by text not null,
      reason text not null,
      primary key (digest, environment, at)
    )`.execute(db);
}
