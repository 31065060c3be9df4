import { createHash } from 'node:crypto';
import type { Generated, JSONColumnType } from 'kysely';
import type { ConfigFields } from '../workflows/fix-types.ts';
import { appendAudit } from './audit.ts';
import type { Db } from './database.ts';
import { ticketText } from './tickets.ts';

/** What a memory rests on, as it was then: a file's content (null where there was none), or a value that was set. */
export type RestsOnFile = { place: string; path: string; blob: string | null };
export type RestsOnValue = { environment: string; value: string | null } & Pick<ConfigFields, 'resource' | 'key'>;
export type RestsOn = RestsOnFile | RestsOnValue;

export const isFile = (rest: RestsOn): rest is RestsOnFile => 'place' in rest;

export type MemoryTables = {
  memory: {
    id: string;
    ticket: string;
    fix: string;
    digest: string;
    asked: string;
    cause: string;
    change: string;
    rests_on: JSONColumnType<RestsOn[]>;
    readers: JSONColumnType<string[]>;
    written_at: Generated<Date>;
    confirmed_by: string | null;
    confirmed_at: Date | null;
    forgotten_by: string | null;
    forgotten_at: Date | null;
  };
  memory_recall: { memory: string; ticket: string; at: Generated<Date> };
};

export type NewMemory = {
  ticket: string;
  fix: string;
  digest: string;
  asked: string;
  cause: string;
  change: string;
  restsOn: RestsOn[];
  readers: string[];
};

const idOf = (fix: string) => `m-${createHash('sha256').update(fix).digest('hex').slice(0, 10)}`;

/** Writes it, unconfirmed. Safe to repeat: a fix is remembered once, as it was first told. */
export async function keepMemory(db: Db, { restsOn, readers, ...memory }: NewMemory): Promise<string> {
  const id = idOf(memory.fix);
  const { ticket, fix, digest } = memory;
  const words = {
    asked: ticketText(memory.asked),
    cause: ticketText(memory.cause),
    change: ticketText(memory.change),
  };
  await db
    .insertInto('memory')
    .values({
      ...{ id, ticket, fix, digest, ...words, rests_on: JSON.stringify(restsOn), readers: JSON.stringify(readers) },
      ...{ confirmed_by: null, confirmed_at: null, forgotten_by: null, forgotten_at: null },
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return id;
}

const MOST = 2_000;

/** What counts: confirmed, and not forgotten. The newest first. */
export async function confirmedMemories(db: Db) {
  return db
    .selectFrom('memory')
    .selectAll()
    .where('confirmed_at', 'is not', null)
    .where('forgotten_at', 'is', null)
    .orderBy('written_at', 'desc')
    .limit(MOST)
    .execute();
}

export type MemoryRow = Awaited<ReturnType<typeof confirmedMemories>>[number];

/** All of them, what waits for a confirmation first. */
export async function listMemories(db: Db) {
  return db
    .selectFrom('memory')
    .selectAll()
    .where('forgotten_at', 'is', null)
    .orderBy('confirmed_at', (order) => order.desc().nullsFirst())
    .orderBy('written_at')
    .limit(MOST)
    .execute();
}

/** From now on it counts, for these. False where there is no such memory. In the audit. */
export async function confirmMemory(db: Db, { id, by, readers }: { id: string; by: string; readers?: string[] }) {
  return db.transaction().execute(async (tx) => {
    const row = await tx
      .updateTable('memory')
      .set({
        ...{ confirmed_by: by, confirmed_at: new Date() },
        ...(readers && { readers: JSON.stringify(readers) }),
      })
      .where('id', '=', id)
      .where('forgotten_at', 'is', null)
      .returning(['confirmed_at', 'readers', 'digest'])
      .executeTakeFirst();
    if (row === undefined) return false;
    const key = `memory/${id}/confirmed/${row.confirmed_at?.toISOString()}`;
    const entry = { readers: row.readers, digest: row.digest };
    await appendAudit(tx, { key, kind: 'memory-confirmed', about: id, by, entry });
    return true;
  });
}

/** Its words are gone; that it was there, and what it came from, stays. False where there is none. In the audit. */
export async function forgetMemory(db: Db, { id, by }: { id: string; by: string }): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const row = await tx
      .updateTable('memory')
      .set({ asked: '', cause: '', change: '', forgotten_by: by, forgotten_at: new Date() })
      .where('id', '=', id)
      .where('forgotten_at', 'is', null)
      .returning('digest')
      .executeTakeFirst();
    if (row === undefined) return false;
    const entry = { digest: row.digest };
    await appendAudit(tx, { key: `memory/${id}/forgotten`, kind: 'memory-forgotten', about: id, by, entry });
    return true;
  });
}

/** That an answer to a ticket, or an agent of a ticket or a release, was given it. Safe to repeat. */
export async function keepRecall(db: Db, recall: { memory: string; ticket: string }): Promise<void> {
  await db
    .insertInto('memory_recall')
    .values(recall)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** What the answers of a ticket, or the agents of a ticket or release, were given, whatever became of it since. */
export async function recallsOf(db: Db, ticket: string) {
  return db
    .selectFrom('memory_recall')
    .innerJoin('memory', 'memory.id', 'memory_recall.memory')
    .select(['memory.id', 'memory.ticket as from', 'memory.digest', 'memory.confirmed_by', 'memory_recall.at'])
    .where('memory_recall.ticket', '=', ticket)
    .orderBy('memory_recall.at')
    .execute();
}
