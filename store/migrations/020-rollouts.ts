import { type Kysely, sql } from 'kysely';

/** Roll-outs, their ledger per node, and what runs in each environment. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table rollout (
      id text primary key,
      release text not null,
      candidate_number integer not null,
      environment text not null,
      digest text not null,
      version text not null,
      commit text not null,
      artifacts jsonb not null,
      settings text not null,
      requested_by text not null,
      -- a roll-out that was held may be tried again; its ledger goes on
      attempt integer not null default 1,
      started_at timestamptz not null default clock_timestamp(),
      ended_at timestamptz,
      outcome jsonb,
      -- client figures of the window before the roll
      baseline jsonb,
      traffic jsonb
    )`.execute(db);
  await sql`create index rollout_release on rollout (release, candidate_number, started_at)`.execute(db);
  await sql`create index rollout_environment on rollout (environment, started_at desc)`.execute(db);
  await sql`create index rollout_digest on rollout (digest)`.execute(db);
  await sql`
    create table rollout_target (
      rollout text not null references rollout (id),
      target text not null,
      direction text not null check (direction in ('forward', 'back')),
      position integer not null,
      -- under which the change is in the journal, and lets the node start
      effect_key text not null,
      state text not null check (state in ('planned', 'intent', 'changed', 'done', 'failed')),
      from_build jsonb not null,
      to_build jsonb not null,
      -- the process as we last knew it: another start is somebody else's
      seen jsonb not null,
      -- at the intent: the process that is to be stopped, and the leaders that it will lose
      before jsonb,
      leaders jsonb,
      read_back jsonb,
      seconds jsonb,
      failure text,
      intended_at timestamptz,
      changed_at timestamptz,
      ended_at timestamptz,
      primary key (rollout, target, direction)
    )`.execute(db);
  await sql`
    create table rollout_wave (
      rollout text not null references rollout (id),
      n integer not null,
      targets jsonb not null,
      gate jsonb,
      started_at timestamptz not null default clock_timestamp(),
      ended_at timestamptz,
      primary key (rollout, n)
    )`.execute(db);
  await sql`
    create table environment_target (
      environment text not null,
      target text not null,
      version text,
      commit text,
      artifacts jsonb not null,
      rollout text,
      since timestamptz not null default clock_timestamp(),
      primary key (environment, target)
    )`.execute(db);
}
