import type { KnowledgeSource } from '../../config/knowledge.ts';
import { searchedWords } from '../../decisions/knowledge-words.ts';
import { logger } from '../../lib/log.ts';
import { redact } from '../../lib/redact.ts';
import { releaseTexts } from '../../store/knowledge.ts';
import type { IndexedSource, KnowledgeIndexed } from '../../workflows/knowledge-types.ts';
import type { KnowledgeDeps } from '../knowledge.ts';
import { chunksOf } from './chunks.ts';
import { type Document, documentOf, originOf, roomOrigin, type Skipped, sourcesDigest } from './document.ts';
import { type Embeddings, EmbeddingsRefused, type NoEmbeddings, openEmbeddings } from './embeddings.ts';
import { readFolder } from './folder.ts';
import { fetchRepository, placeOf, readCommit } from './repository.ts';
import {
  type IndexedRoom,
  type IndexWriter,
  type KnowledgeTables,
  type OpenIndex,
  type Row,
  rowsOf,
  vectorsOf,
} from './table.ts';
import { ticketDocuments } from './tickets.ts';

const BATCH = 1_000;

/**
 * Reads every source and makes an index of them. A source that cannot be read now keeps what was indexed of it before:
 * a repository that is away for an hour does not make everybody forget.
 */
export async function rebuild(deps: KnowledgeDeps, tables: KnowledgeTables): Promise<KnowledgeIndexed> {
  const begun = Date.now();
  const { knowledge, model } = deps.settings;
  const embeddings = openEmbeddings(model, knowledge.dimensions);
  try {
    const made = await makeIndex(deps, tables, embeddings);
    return { ...made, seconds: Math.round((Date.now() - begun) / 1_000) };
  } catch (error) {
    if (!(error instanceof EmbeddingsRefused)) throw error;
    // Words alone find most things; no index at all finds nothing.
    logger('knowledge').warn({ err: error.message }, 'indexed without vectors');
    const made = await makeIndex(deps, tables, { kind: 'off', reason: error.message });
    return { ...made, seconds: Math.round((Date.now() - begun) / 1_000) };
  }
}

async function makeIndex(
  deps: KnowledgeDeps,
  tables: KnowledgeTables,
  embeddings: Embeddings | NoEmbeddings,
): Promise<Omit<KnowledgeIndexed, 'seconds'>> {
  const before = await tables.current();
  const writer = await tables.begin();
  const keeper = createKeeper(writer, embeddings, before);
  try {
    const sources: IndexedSource[] = [];
    const rooms: IndexedRoom[] = [];
    // Tickets last: whether an answer still rests on something is asked of the index that is being made.
    for (const source of deps.settings.knowledge.sources.filter(({ tickets }) => tickets === undefined))
      sources.push(await indexSource(deps, source, keeper, before));
    for (const source of deps.settings.knowledge.sources.filter(({ tickets }) => tickets !== undefined))
      sources.push(await indexTickets(deps, source, { keeper, before, rooms }));
    const { chunks, dimensions, made } = await keeper.finish();
    const isOn = embeddings.kind === 'on';
    const model = isOn && chunks > 0 ? embeddings.model : '';
    await writer.publish({ sources: sourcesDigest(deps.settings.knowledge.sources), model, dimensions, rooms });
    const vectors = isOn ? { model: embeddings.model, dimensions, made } : { off: embeddings.reason };
    return { chunks, sources, vectors };
  } catch (error) {
    await writer
      .abandon()
      .catch((left: Error) => logger('knowledge').warn({ err: left.message }, 'half an index is left'));
    throw error;
  }
}

type Keeper = ReturnType<typeof createKeeper>;

/** Collects rows, gives each its vector, and writes them in batches: memory holds one batch, whatever there is. */
function createKeeper(writer: IndexWriter, embeddings: Embeddings | NoEmbeddings, before: OpenIndex | undefined) {
  let waiting: Row[] = [];
  const ids = new Set<string>();
  const total = { chunks: 0, dimensions: 0, made: 0 };

  async function flush(): Promise<void> {
    const rows = waiting;
    waiting = [];
    if (rows.length === 0) return;
    if (embeddings.kind === 'off') {
      await writer.add(rows);
    } else {
      const { vectors, made } = await vectorsFor(rows, embeddings, before);
      total.made += made;
      total.dimensions = vectors[0]?.length ?? 0;
      await writer.add(rows.map((row, i) => ({ ...row, vector: vectors[i] ?? [] })));
    }
    total.chunks += rows.length;
  }

  return {
    async add(row: Row): Promise<void> {
      // Once: the same part of a file may be under two paths of a source.
      if (ids.has(row.id)) return;
      ids.add(row.id);
      waiting.push(row);
      if (waiting.length === BATCH) await flush();
    },
    has: (id: string) => ids.has(id),
    async finish() {
      await flush();
      return total;
    },
  };
}

async function vectorsFor(rows: readonly Row[], embeddings: Embeddings, before: OpenIndex | undefined) {
  const isSame =
    before?.pointer.model === embeddings.model &&
    (embeddings.dimensions === undefined || embeddings.dimensions === before.pointer.dimensions);
  const known = isSame
    ? await vectorsOf(
        before,
        rows.map(({ id }) => id),
      )
    : new Map<string, number[]>();
  const missing = rows.filter(({ id }) => !known.has(id));
  const made = await embeddings.embed(missing.map(({ title, text }) => `${title}\n${text}`));
  for (const [i, { id }] of missing.entries()) known.set(id, made[i] ?? []);
  return { vectors: rows.map(({ id }) => known.get(id) ?? []), made: made.length };
}

async function indexSource(
  deps: KnowledgeDeps,
  source: KnowledgeSource,
  keeper: Keeper,
  before: OpenIndex | undefined,
): Promise<IndexedSource> {
  const skipped: Skipped = { large: 0, binary: 0, links: 0, beyond: 0 };
  const told: IndexedSource = { name: source.name, documents: 0, chunks: 0, skipped };
  const as = { origin: originOf(source), source: source.name, kind: kindOf(source) };
  const rows: Row[] = [];
  try {
    for await (const document of documentsOf(deps, source, skipped)) {
      told.documents += 1;
      if (document.commit !== undefined) told.commit = document.commit;
      for (const chunk of chunksOf(document, { origin: as.origin, kind: source.kind }))
        rows.push({ ...chunk, ...as, words: searchedWords(`${chunk.title}\n${chunk.path}\n${chunk.text}`) });
    }
  } catch (error) {
    told.unreadable = reasonOf(error);
    logger('knowledge').warn({ source: source.name, err: told.unreadable }, 'a source cannot be read');
    rows.length = 0;
    if (before !== undefined) for await (const kept of rowsOf(before, as.origin)) rows.push(...kept);
  }
  for (const row of rows) await keeper.add(row);
  told.chunks = rows.length;
  return told;
}

/** Closed tickets: each row under the room whose readers it has. */
async function indexTickets(
  deps: KnowledgeDeps,
  source: KnowledgeSource,
  { keeper, before, rooms }: { keeper: Keeper; before: OpenIndex | undefined; rooms: IndexedRoom[] },
): Promise<IndexedSource> {
  const skipped: Skipped = { large: 0, binary: 0, links: 0, beyond: 0 };
  const told: IndexedSource = { name: source.name, documents: 0, chunks: 0, skipped };
  const of = originOf(source);
  const rows: Row[] = [];
  const found = new Map<string, IndexedRoom>();
  try {
    if (deps.db === undefined) throw new Error('tickets are in the store, which is not open here');
    for await (const { document, room } of ticketDocuments(deps.db, keeper.has)) {
      told.documents += 1;
      const origin = roomOrigin({ ...room, origin: of });
      found.set(origin, { ...room, origin: of });
      for (const chunk of chunksOf(document, { origin, kind: 'ticket' })) {
        const words = searchedWords(`${chunk.title}\n${chunk.text}`);
        rows.push({ ...chunk, origin, source: source.name, kind: 'ticket', words });
      }
    }
  } catch (error) {
    told.unreadable = reasonOf(error);
    logger('knowledge').warn({ source: source.name, err: told.unreadable }, 'closed tickets cannot be read');
    rows.length = 0;
    found.clear();
    for (const room of before?.pointer.rooms.filter(({ origin }) => origin === of) ?? []) {
      found.set(roomOrigin(room), room);
      if (before !== undefined) for await (const kept of rowsOf(before, roomOrigin(room))) rows.push(...kept);
    }
  }
  rooms.push(...found.values());
  for (const row of rows) await keeper.add(row);
  told.chunks = rows.length;
  return told;
}

const kindOf = ({ kind, releases }: KnowledgeSource) => (releases === undefined ? kind : 'report');

async function* documentsOf(deps: KnowledgeDeps, source: KnowledgeSource, skipped: Skipped): AsyncGenerator<Document> {
  if (source.folder !== undefined) {
    yield* readFolder({ ...source, folder: source.folder }, skipped);
  } else if (source.releases !== undefined) {
    if (deps.db === undefined) throw new Error('releases are in the store, which is not open here');
    for await (const { path, text } of releaseTexts(deps.db, source.releases)) {
      const document = documentOf(path, text);
      if (document !== undefined) yield document;
    }
  } else {
    const place = placeOf(source, deps.settings.forks, deps.dataDir);
    const commit = await fetchRepository(deps, place);
    yield* readCommit(deps, { mirror: place.mirror, commit, source }, skipped);
  }
}

/** In words, and without a path of this machine. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'a folder or file of it is not there: look at `folder` and `paths`';
  if (code === 'EACCES' || code === 'EPERM') return 'a folder or file of it may not be read by this user';
  if (code !== undefined) return `it cannot be read (${code})`;
  return redact(message.split('\n')[0] ?? '').slice(0, 300);
}
