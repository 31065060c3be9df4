import { fuse, speaksOfIt } from '../../decisions/knowledge.ts';
import { questionWords } from '../../decisions/knowledge-words.ts';
import { logger } from '../../lib/log.ts';
import type { Embeddings, NoEmbeddings } from './embeddings.ts';
import { byIds, byVector, byWords, filterOf, type OpenIndex, type Ranked, type Row } from './table.ts';

/** Of each list; what stands lower than that in both is never shown. */
const RANKED = 50;

export type Asked = { question: string; vector: number[] | undefined; similarity: number };
/** `speaks`: whether it speaks of what was asked, and does not only share some words with it. */
export type Found = { best: (Row & { speaks: boolean })[]; speaking: number; enough: boolean };

/** What of some sources speaks of a question, by words and vectors together. */
export async function find(index: OpenIndex, asked: Asked, origins: readonly string[], limit: number): Promise<Found> {
  const filter = filterOf(origins);
  if (filter === undefined) return { best: [], speaking: 0, enough: false };
  const lists = await Promise.all([
    byWords(index, questionWords(asked.question).join(' '), filter, RANKED),
    asked.vector === undefined ? [] : byVector(index, asked.vector, filter, RANKED),
  ]);
  const hits = new Map<string, Ranked>();
  for (const hit of lists.flat()) hits.set(hit.id, { ...hits.get(hit.id), ...hit });
  const ranked = fuse(lists.map((list) => list.map(({ id }) => id)));
  const best = withoutCopies(await byIds(index, ranked.slice(0, 2 * limit), filter)).slice(0, limit);
  const speaking = speaksOfIt(asked.question, [...hits.values()], asked.similarity);
  const told = best.map((row) => ({ ...row, speaks: speaking.has(row.id) }));
  return { best: told, speaking: speaking.size, enough: told.some(({ speaks }) => speaks) };
}

/** The same words in several files (a licence, a copied page) would push everything else out. */
function withoutCopies(rows: readonly Row[]): Row[] {
  const seen = new Set<string>();
  return rows.filter(({ text }) => !seen.has(text) && seen.add(text));
}

/** The question as a vector of the index's own model; words alone, and why, where that cannot be had now. */
export async function vectorOf(
  question: string,
  embeddings: Embeddings | NoEmbeddings,
  { pointer }: OpenIndex,
): Promise<{ vector?: number[]; note?: string }> {
  if (pointer.dimensions === 0) return {};
  if (embeddings.kind === 'off') return { note: `found by words alone: ${embeddings.reason}` };
  if (embeddings.model !== pointer.model)
    return { note: 'found by words alone: the index has vectors of another model; index anew' };
  try {
    const [vector] = await embeddings.embed([question], { quick: true });
    if (vector?.length !== pointer.dimensions)
      return { note: 'found by words alone: the index has vectors of another length; index anew' };
    return { vector };
  } catch (error) {
    // Whoever asks is not kept waiting for a server: words alone find most things.
    logger('knowledge').warn({ err: (error as Error).message }, 'a question was searched for by words alone');
    return { note: `found by words alone: ${(error as Error).message}` };
  }
}
