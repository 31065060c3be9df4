import { type Kysely, sql } from 'kysely';

/** What verified fixes have taught: nobody is told of it until a person has confirmed it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table memory (
      id text primary key,
      ticket text not null,
      -- the approval's id, and the digest that people approved
      fix text not null,
      digest text not null,
      asked text not null,
      cause text not null,
      change text not null,
      -- [{place, path, blob}]: it lapses when one of them is another
      rests_on jsonb not null,
      -- people and groups, or ["everyone"]
      readers jsonb not null,
      written_at timestamptz not null default clock_timestamp(),
      confirmed_by text,
      confirmed_at timestamptz,
      forgotten_by text,
      forgotten_at timestamptz
    );
    create index memory_counts on memory (written_at) where confirmed_at is not null and forgotten_at is null;
    create table memory_recall (
      memory text not null references memory,
      ticket text not null,
      at timestamptz not null default clock_timestamp(),
      primary key (memory, ticket)
    );
    create index memory_recall_of on memory_recall (ticket);
  `.execute(db);
}
