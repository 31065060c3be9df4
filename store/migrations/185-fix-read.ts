import { type Kysely, sql } from 'kysely';

/** Which repositories agents have read for each fix: what stands in its runs and in its question may be of them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table fix_read (
      fix text not null,
      repository text not null,
      closed boolean not null,
      primary key (fix, repository)
    )`.execute(db);
}
