import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Connection, Table, VectorQuery } from '@lancedb/lancedb';
import type { SecretRef } from '../../config/env.ts';
import type { KnowledgeSettings } from '../../config/knowledge.ts';
import type { TicketRoom } from '../../decisions/closed-ticket.ts';
import type { Chunk } from './chunks.ts';

/** A chunk as it lies in the index. `words` is what is searched in: those of title, path and text. */
export type Row = Chunk & { origin: string; source: string; kind: string; words: string };
export type StoredRow = Row & { vector?: readonly number[] };
/** What is ranked: little of it, since most is never shown, and reading texts takes longer than finding them. */
export type Ranked = { id: string; words: string; similarity?: number };

/** Tickets of a room, and the source (by its origin) that they are of. */
export type IndexedRoom = TicketRoom & { origin: string };

/**
 * The index that is searched now. `model` and `dimensions` are empty where it has no vectors; `sources` says of which
 * definitions it is made, `rooms` what closed tickets it has.
 */
export type Pointer = {
  table: string;
  builtAt: string;
  sources: string;
  model: string;
  dimensions: number;
  rooms: IndexedRoom[];
};

export type KnowledgeTables = ReturnType<typeof createTables>;
export type OpenIndex = { pointer: Pointer; table: Table };

const POINTER = 'current';
const SHOWN = 'id origin source kind path commit fromLine toLine title text words'.split(' ');
/** With several workers one may still search what another has replaced. */
const POINTER_MS = 5_000;
const KEEP_MS = 24 * 3_600_000;
/** Below it looking at every vector that may be read is quicker than an index is good. */
const WORTH_AN_INDEX = 20_000;
const PARTITIONS = 64;
const PROBES = 16;

type Place = { settings: KnowledgeSettings['index']; dataDir: string; readSecret: ReadSecret };
type ReadSecret = (ref: SecretRef, what: string) => string;

/**
 * LanceDB over a folder or a bucket. An index is written into a table of its own and is found once the pointer names
 * it, in one step: whoever searches sees the old one or the new one, whole.
 */
export function createTables(place: Place) {
  let connecting: Promise<Connection> | undefined;
  let found: { at: number; index: OpenIndex | undefined } | undefined;
  const connection = () => {
    connecting ??= connect(place).catch((error: unknown) => {
      connecting = undefined;
      throw error;
    });
    return connecting;
  };

  return {
    /** The index that is searched now; undefined where none was ever made. */
    async current(): Promise<OpenIndex | undefined> {
      if (found !== undefined && Date.now() - found.at < POINTER_MS) return found.index;
      const db = await connection();
      const pointer = await readPointer(db);
      const known = found?.index;
      const isSame = known !== undefined && known.pointer.table === pointer?.table;
      const index = isSame || pointer === undefined ? known : { pointer, table: await db.openTable(pointer.table) };
      found = { at: Date.now(), index };
      return index;
    },

    /** A writer for a new index that nobody sees before it is published. Safe to repeat: each begins its own. */
    async begin(): Promise<IndexWriter> {
      return createWriter(await connection(), () => {
        found = undefined;
      });
    },
  };
}

export type IndexWriter = {
  add(rows: readonly StoredRow[]): Promise<void>;
  publish(pointer: Omit<Pointer, 'table' | 'builtAt'>): Promise<void>;
  abandon(): Promise<void>;
};

function createWriter(db: Connection, published: () => void): IndexWriter {
  const builtAt = new Date();
  const name = `chunks_${builtAt.getTime()}_${Math.random().toString(36).slice(2, 8)}`;
  let table: Table | undefined;
  const write = async (rows: readonly StoredRow[]) => {
    const given = rows as unknown as Record<string, unknown>[];
    if (table === undefined) table = await db.createTable(name, given);
    else await table.add(given);
    return table;
  };
  return {
    add: async (rows) => {
      if (rows.length > 0) await write(rows);
    },
    async publish(pointer) {
      // A table has the columns of its first row: without any there is a row that no filter names.
      const made = table ?? (await write([NO_ROW]));
      await indexColumns(made, pointer.dimensions > 0);
      const rooms = JSON.stringify(pointer.rooms);
      const now = { table: name, builtAt: builtAt.toISOString(), ...pointer, rooms };
      const before = await readPointer(db);
      const old = new Date(Date.now() - KEEP_MS);
      const named = await db.createTable(POINTER, [now], { mode: before === undefined ? 'create' : 'overwrite' });
      published();
      await named.optimize({ cleanupOlderThan: old });
      // What was searched until now may be searched by others for some seconds more.
      await dropOlder(db, old, [name, before?.table]);
    },
    async abandon() {
      if (table !== undefined) await db.dropTable(name);
    },
  };
}

const NO_ROW: StoredRow = {
  ...{ id: '', origin: '', source: '', kind: '', path: '', commit: '', title: '', text: '', words: '' },
  ...{ fromLine: 0, toLine: 0 },
};

async function indexColumns(table: Table, hasVectors: boolean): Promise<void> {
  const { Index } = await lancedb();
  await table.optimize();
  // Words are made alike by us, for both sides (decisions/knowledge-words.ts): nothing is left to be done.
  const asTheyAre = { baseTokenizer: 'whitespace', lowercase: false, stem: false, removeStopWords: false } as const;
  const config = Index.fts({ ...asTheyAre, asciiFolding: false, maxTokenLength: 100, withPosition: false });
  await table.createIndex('words', { config });
  // Who may read is decided before anything is ranked: the filter has to be quick.
  await table.createIndex('origin', { config: Index.bitmap() });
  await table.createIndex('id', { config: Index.btree() });
  if (!hasVectors || (await table.countRows()) < WORTH_AN_INDEX) return;
  const near = Index.ivfFlat({ distanceType: 'cosine', numPartitions: PARTITIONS });
  await table.createIndex('vector', { config: near });
}

/** What was replaced, or was begun and never published. One that is being written now is younger. */
async function dropOlder(db: Connection, than: Date, keep: readonly (string | undefined)[]): Promise<void> {
  for (const name of await db.tableNames()) {
    const [, at] = /^chunks_(\d+)_/.exec(name) ?? [];
    if (at !== undefined && !keep.includes(name) && Number(at) < than.getTime()) await db.dropTable(name);
  }
}

async function readPointer(db: Connection): Promise<Pointer | undefined> {
  if (!(await db.tableNames()).includes(POINTER)) return undefined;
  const [row] = (await (await db.openTable(POINTER)).query().limit(1).toArray()) as (Omit<Pointer, 'rooms'> & {
    rooms?: string;
  })[];
  if (row === undefined) return undefined;
  const { table, builtAt, sources, model, dimensions, rooms = '[]' } = row;
  return { table, builtAt, sources, model, dimensions: Number(dimensions), rooms: JSON.parse(rooms) };
}

/** What may be read, as a filter; undefined where that is nothing. Origins are digests of ours: no text gets into it. */
export function filterOf(origins: readonly string[]): string | undefined {
  const fine = origins.filter((origin) => /^[0-9a-f]{32}$/.test(origin));
  return fine.length === 0 ? undefined : `origin IN (${fine.map((origin) => `'${origin}'`).join(',')})`;
}

/** By words, the best first. The filter holds before anything is ranked, so that nothing of the rest shows. */
export async function byWords({ table }: OpenIndex, words: string, filter: string, limit: number): Promise<Ranked[]> {
  if (words === '') return [];
  const { MatchQuery } = await lancedb();
  const query = table.query().fullTextSearch(new MatchQuery(words, 'words'));
  const rows = await query.where(filter).select(['id', 'words', '_score']).limit(limit).toArray();
  return rows.map((row: Ranked) => ({ id: row.id, words: row.words }));
}

/** By nearness, the nearest first; the same filter. */
export async function byVector(
  { table }: OpenIndex,
  vector: number[],
  filter: string,
  limit: number,
): Promise<Ranked[]> {
  const query = (table.query().nearestTo(vector) as VectorQuery).distanceType('cosine').nprobes(PROBES);
  const rows = await query.where(filter).select(['id', 'words', '_distance']).limit(limit).toArray();
  return rows.map(({ id, words, _distance }: Ranked & { _distance: number }) => ({
    ...{ id, words, similarity: 1 - _distance },
  }));
}

/** The whole of some chunks, in the order of their ids; where a filter is given, of those that it lets through. */
export async function byIds({ table }: OpenIndex, ids: readonly string[], filter?: string): Promise<Row[]> {
  const fine = ids.filter((id) => /^[0-9a-f]{32}$/.test(id));
  if (fine.length === 0) return [];
  const named = `id IN (${fine.map((id) => `'${id}'`).join(',')})`;
  const where = filter === undefined ? named : `${named} AND ${filter}`;
  const rows = await table.query().where(where).select(SHOWN).limit(fine.length).toArray();
  const found = new Map(rows.map((row: Record<string, unknown>) => [row.id, rowOf(row)]));
  return fine.flatMap((id) => found.get(id) ?? []);
}

/** Vectors that an earlier index has already: nothing is paid twice. */
export async function vectorsOf({ table }: OpenIndex, ids: readonly string[]): Promise<Map<string, number[]>> {
  const list = ids.map((id) => `'${id}'`).join(',');
  const rows = await table.query().where(`id IN (${list})`).select(['id', 'vector']).limit(ids.length).toArray();
  return new Map(rows.map(({ id, vector }: { id: string; vector: Iterable<number> }) => [id, [...vector]]));
}

/** All of one source. */
export async function* rowsOf({ table }: OpenIndex, origin: string): AsyncGenerator<Row[]> {
  const filter = filterOf([origin]);
  if (filter === undefined) return;
  const all = await table.query().where(filter).select(SHOWN).toArray();
  for (let at = 0; at < all.length; at += 1_000) yield all.slice(at, at + 1_000).map(rowOf);
}

function rowOf(row: Record<string, unknown>): Row {
  const text = (name: string) => String(row[name]);
  return {
    ...{ id: text('id'), origin: text('origin'), source: text('source'), kind: text('kind'), path: text('path') },
    ...{ commit: text('commit'), fromLine: Number(row.fromLine), toLine: Number(row.toLine) },
    ...{ title: text('title'), text: text('text'), words: text('words') },
  };
}

/** Loaded where it is used: it is large, and a machine that it does not know runs everything else. */
async function lancedb() {
  try {
    return await import('@lancedb/lancedb');
  } catch (error) {
    const why = (error as Error).message.split('\n')[0];
    throw new Error(
      `the index of the knowledge cannot be opened: LanceDB has no build for this machine, or \`npm ci\` left it out (${why})`,
    );
  }
}

async function connect({ settings, dataDir, readSecret }: Place): Promise<Connection> {
  const { connect: open } = await lancedb();
  const { folder, s3 } = settings;
  if (s3 === undefined) {
    const dir = folder === undefined ? join(dataDir, 'knowledge') : resolve(folder);
    // It holds what not everybody may read, in the clear.
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    return open(dir);
  }
  const { bucket, region, endpoint, prefix, pathStyle = endpoint !== undefined, accessKeyId, secretAccessKey } = s3;
  const keys = accessKeyId &&
    secretAccessKey && {
      awsAccessKeyId: readSecret(accessKeyId, 'knowledge.index.s3.accessKeyId'),
      awsSecretAccessKey: readSecret(secretAccessKey, 'knowledge.index.s3.secretAccessKey'),
    };
  return open(`s3://${bucket}/${prefix}knowledge`, {
    storageOptions: {
      awsRegion: region,
      ...(endpoint !== undefined && { awsEndpoint: endpoint, allowHttp: String(endpoint.startsWith('http:')) }),
      awsVirtualHostedStyleRequest: String(!pathStyle),
      ...keys,
    },
  });
}
