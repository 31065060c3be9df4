import { sql } from 'kysely';
import type { Db } from '../../store/database.ts';

export async function createBareTable(db: Db): Promise<void> {
  await sql`create table bench_write (run text, n int, note text, primary key (run, n))`.execute(db);
}

/** The bare side's only activity: so many commits, each one row of a journal, each durable before the next. */
export function createBareActivities(db: Db) {
  return {
    async bareWrites({ run, writes }: { run: string; writes: number }): Promise<void> {
      for (let n = 0; n < writes; n += 1) {
        await sql`insert into bench_write values (${run}, ${n}, ${`intent and result of step ${n} of ${run}`})`.execute(
          db,
        );
      }
    },
  };
}

export type BareActivities = ReturnType<typeof createBareActivities>;
