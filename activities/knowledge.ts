import type { SecretRef } from '../config/env.ts';
import type { Settings } from '../config/schema.ts';
import { quoteStands } from '../decisions/knowledge.ts';
import type { GitTools } from '../git/clone.ts';
import type { Db } from '../store/database.ts';
import type {
  KnowledgeAnswer,
  KnowledgeChunk,
  KnowledgeIndexed,
  KnowledgeQuestion,
} from '../workflows/knowledge-types.ts';
import { sourcesDigest } from './knowledge/document.ts';
import { openEmbeddings } from './knowledge/embeddings.ts';
import { type Audience, createReaders, type MembersOf } from './knowledge/readers.ts';
import { rebuild } from './knowledge/rebuild.ts';
import { find, vectorOf } from './knowledge/search.ts';
import { byIds, createTables, type Row } from './knowledge/table.ts';

export type KnowledgeDeps = GitTools & {
  /** Those of now, not of a release: a reader who was taken out may read nothing from then on. */
  settings: Settings;
  /** Who is in which group now; without it as the settings say. */
  groups?: () => Settings['groups'];
  dataDir: string;
  readSecret: (ref: SecretRef, what: string) => string;
  /** For sources that are in the store. */
  db?: Db;
  /** Who reads along in a channel now; without it closed tickets of channels are found in their own alone. */
  membersOf?: MembersOf;
};

const CHUNKS = 8;
/** What an activity answers is kept in a history: 50 KB at the most. */
const MOST_CHUNKS = 20;
const LONGEST_QUESTION = 8_000;

/** What questions are answered from: indexed out of folders, repositories and the store, read by whoever may. */
export function createKnowledgeActivities(deps: KnowledgeDeps) {
  const { knowledge, model } = deps.settings;
  const groups = deps.groups ?? (() => deps.settings.groups);
  const tables = createTables({ settings: knowledge.index, dataDir: deps.dataDir, readSecret: deps.readSecret });
  const embeddings = openEmbeddings(model, knowledge.dimensions);
  const readers = createReaders(knowledge.sources, groups, deps.membersOf);

  return {
    /**
     * What everyone of the audience may read about a question, the best first, and whether an answer may rest on it.
     * Safe to repeat: it only reads.
     */
    async searchKnowledge({
      question,
      audience,
      asker,
      room,
      limit = CHUNKS,
    }: KnowledgeQuestion): Promise<KnowledgeAnswer> {
      const none = { chunks: [], enough: false, privateFor: 0 };
      if (knowledge.sources.length === 0) return { ...none, note: 'no knowledge.sources are configured' };
      const index = await tables.current();
      if (index === undefined) return { ...none, note: 'nothing is indexed yet: npx patchwright knowledge rebuild' };
      const short = question.slice(0, LONGEST_QUESTION);
      const { vector, note } = await vectorOf(short, embeddings, index);
      const asked = { question: short, vector, similarity: knowledge.similarity };
      const shared = await readers.readable(index, { audience, room });
      const askers = asker === undefined ? [] : await readers.readable(index, { audience: [asker] });
      const own = askers.filter((origin) => !shared.includes(origin));
      const most = Math.max(1, Math.min(limit, MOST_CHUNKS));
      const [found, alone] = await Promise.all([find(index, asked, shared, most), find(index, asked, own, most)]);
      const chunks = found.best.flatMap((hit) => chunkOf(hit, readers.partOf(index, hit.origin)) ?? []);
      return { chunks, enough: found.enough, privateFor: alone.speaking, ...(note !== undefined && { note }) };
    },

    /**
     * Whether a chunk is still there, of a source that is still configured (and that all of the audience, where one is
     * given, may read), and the quote stands in it. Safe to repeat: it only reads.
     */
    async checkCitation({
      chunkId,
      quote,
      ...who
    }: { chunkId: string; quote: string } & Partial<Audience>): Promise<boolean> {
      const index = await tables.current();
      const [hit] = index === undefined ? [] : await byIds(index, [chunkId]);
      if (index === undefined || hit === undefined) return false;
      const { audience, room } = who;
      if (audience !== undefined && !(await readers.readable(index, { audience, room })).includes(hit.origin))
        return false;
      return readers.partOf(index, hit.origin) !== undefined && quoteStands(quote, hit.text);
    },

    /** Reads all sources and swaps the index. Safe to repeat: each time a table of its own, and the last one counts. */
    async rebuildKnowledge(): Promise<KnowledgeIndexed> {
      return rebuild(deps, tables);
    },

    /** The same, where the index is older than `refreshHours`, of other sources, or was never made. Safe to repeat. */
    async refreshKnowledge(): Promise<KnowledgeIndexed | undefined> {
      if (knowledge.sources.length === 0) return undefined;
      const { builtAt = '', sources: of } = (await tables.current())?.pointer ?? {};
      const isOld = !(Date.now() - Date.parse(builtAt) < knowledge.refreshHours * 3_600_000);
      return isOld || of !== sourcesDigest(knowledge.sources) ? rebuild(deps, tables) : undefined;
    },
  };
}

export type KnowledgeActivities = ReturnType<typeof createKnowledgeActivities>;

/** A hit of a source that is no longer configured is nobody's to read. */
function chunkOf(
  hit: Row & { speaks: boolean },
  part: { name: string; readers: string[] } | undefined,
): KnowledgeChunk | undefined {
  if (part === undefined) return undefined;
  const { id, kind, path, commit, fromLine, toLine, title, text, speaks } = hit;
  return {
    ...{ id, source: part.name, kind, path, fromLine, toLine, title, text, readers: part.readers, speaks },
    ...(commit !== '' && { commit }),
  };
}
