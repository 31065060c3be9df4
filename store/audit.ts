import { type JSONColumnType, sql } from 'kysely';
import { digestOfJson } from '../lib/canonical-json.ts';
import type { Db } from './database.ts';

/** Append-only: each row names the one before by its hash, and the database refuses to change or remove any. */
export type AuditTables = {
  audit: {
    seq: number;
    /** One event is written once, however often it is tried. */
    key: string;
    at: string;
    kind: string;
    about: string;
    by: string;
    entry: JSONColumnType<Record<string, unknown>>;
    previous: string;
    hash: string;
  };
};

export type AuditEvent = {
  key: string;
  /** `decision`, `refused`, `used`, `brake`, `waiver`, `token` … */
  kind: string;
  /** An approval, an environment, a person. */
  about: string;
  by: string;
  entry: Record<string, unknown>;
};

export type AuditRow = AuditEvent & { seq: number; at: string; previous: string; hash: string };

/** What the first row names. */
export const GENESIS = '0'.repeat(64);
/** Any number that nothing else locks by. */
const LOCK = 7_240_911;
const PAGE = 1_000;

/** Appends, once a key. One at a time: the chain has no branches. In a transaction of the caller's, if it has one. */
export async function appendAudit(db: Db, event: AuditEvent): Promise<void> {
  if (db.isTransaction) return append(db, event);
  await db.transaction().execute((tx) => append(tx, event));
}

async function append(tx: Db, { key, kind, about, by, entry }: AuditEvent): Promise<void> {
  await sql`select pg_advisory_xact_lock(${sql.lit(LOCK)})`.execute(tx);
  const known = await tx.selectFrom('audit').select('seq').where('key', '=', key).executeTakeFirst();
  if (known) return;
  const last = await tx.selectFrom('audit').select(['seq', 'hash']).orderBy('seq', 'desc').limit(1).executeTakeFirst();
  const row = {
    ...{ seq: (last?.seq ?? 0) + 1, key, at: new Date().toISOString(), kind, about, by },
    entry: JSON.parse(JSON.stringify(entry)) as Record<string, unknown>,
    previous: last?.hash ?? GENESIS,
  };
  await tx
    .insertInto('audit')
    .values({ ...row, entry: JSON.stringify(row.entry), hash: digestOfJson(row) })
    .execute();
}

export type AuditCheck =
  | { kind: 'whole'; rows: number; head: string }
  | { kind: 'broken'; seq: number; reason: string };

/**
 * Follows the chain from its first row. `noted`: a head that somebody wrote down elsewhere; a chain that does not have
 * it was cut, or made anew.
 */
export async function verifyAudit(db: Db, noted?: string): Promise<AuditCheck> {
  let [rows, head, seen] = [0, GENESIS, noted === undefined];
  for await (const { hash, ...row } of allRows(db)) {
    const seq = rows + 1;
    if (row.seq !== seq) return { kind: 'broken', seq, reason: `row ${seq} is missing` };
    if (row.previous !== head) return { kind: 'broken', seq, reason: `row ${seq} does not follow the one before` };
    if (digestOfJson(row) !== hash) return { kind: 'broken', seq, reason: `row ${seq} is not what was written` };
    [rows, head] = [seq, hash];
    seen ||= hash.startsWith(noted ?? '');
  }
  if (!seen)
    return { kind: 'broken', seq: rows, reason: `no row has the hash ${noted}: rows are gone, or it is another audit` };
  return { kind: 'whole', rows, head };
}

async function* allRows(db: Db): AsyncGenerator<AuditRow> {
  for (let after = 0; ; ) {
    const page = await db.selectFrom('audit').selectAll().where('seq', '>', after).orderBy('seq').limit(PAGE).execute();
    yield* page;
    const last = page.at(-1);
    if (!last) return;
    after = last.seq;
  }
}

/** The newest first. */
export async function auditRows(db: Db, { about, limit = 50 }: { about?: string; limit?: number }) {
  let query = db.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(limit);
  if (about !== undefined) query = query.where('about', '=', about);
  return query.execute();
}
