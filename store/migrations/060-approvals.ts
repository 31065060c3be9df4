import { type Kysely, sql } from 'kysely';

/** Questions to people and their answers, their tokens, and the audit that holds every decision, refusal and brake. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table approval (
      id text primary key,
      kind text not null,
      release text,
      ticket text,
      question jsonb not null,
      digest text not null,
      -- {digest, expiresAt, needed, deciders, barred}
      open jsonb not null,
      opened_at timestamptz not null default clock_timestamp(),
      expires_at timestamptz not null,
      outcome jsonb,
      ended_at timestamptz
    );
    create index approval_waiting on approval (opened_at) where outcome is null;
    create index approval_release on approval (release);
    create table approval_decision (
      approval text not null references approval,
      key text primary key,
      person text not null,
      decision text not null,
      digest text not null,
      note text,
      refused text,
      at timestamptz not null default clock_timestamp()
    );
    create index approval_decision_of on approval_decision (approval, at);
    create table person_token (
      person text not null,
      hash text primary key,
      issued_by text not null,
      issued_at timestamptz not null default clock_timestamp(),
      revoked_at timestamptz
    );
    create unique index person_token_valid on person_token (person) where revoked_at is null;
    create table audit (
      seq bigint primary key,
      key text not null unique,
      at text not null,
      kind text not null,
      about text not null,
      by text not null,
      entry jsonb not null,
      previous text not null,
      hash text not null
    );
    create function audit_only_grows() returns trigger language plpgsql as $$
      begin raise exception 'the audit only grows: % is refused', tg_op; end $$;
    create trigger audit_only_grows before update or delete on audit
      for each row execute function audit_only_grows();
    create trigger audit_is_not_emptied before truncate on audit
      for each statement execute function audit_only_grows();
  `.execute(db);
}
