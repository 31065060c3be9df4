import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table settings (
      digest text primary key,
      document jsonb not null,
      created_at timestamptz not null default now()
    );
    create table release (
      id text primary key,
      fork text not null,
      number integer not null,
      ref text not null,
      requested_by text not null,
      settings text not null references settings (digest),
      suites jsonb not null,
      environments jsonb not null,
      base_commit text,
      base_version text,
      step text not null default 'start',
      started_at timestamptz not null default now(),
      ended_at timestamptz,
      outcome jsonb,
      unique (fork, number)
    );
    create index release_started on release (started_at desc);
    create table release_patch (
      release text not null references release (id),
      position integer not null,
      commit text not null,
      subject text not null,
      author text not null,
      reason text not null,
      upstream_status text not null,
      drop_when text not null,
      check_command text,
      primary key (release, position)
    );
    create table build (
      build_key text primary key,
      fork text not null,
      commit text not null,
      version text not null,
      digest text not null,
      command jsonb not null,
      toolchain jsonb not null,
      seconds double precision not null,
      log text,
      created_at timestamptz not null default now()
    );
    create table build_artifact (
      build_key text not null references build (build_key),
      name text not null,
      sha256 text not null,
      bytes bigint not null,
      primary key (build_key, name)
    );
    create index build_artifact_digest on build_artifact (sha256);
    create table candidate (
      release text not null references release (id),
      n integer not null,
      commit text not null,
      version text not null,
      build_key text references build (build_key),
      base_build_key text references build (build_key),
      sandbox jsonb not null,
      outcome jsonb,
      primary key (release, n)
    );
    create table release_step (
      release text not null references release (id),
      step text not null,
      started_at timestamptz not null default now(),
      ended_at timestamptz,
      primary key (release, step)
    );
  `.execute(db);
}
