import { questionWords } from './knowledge-words.ts';

export type Readers = 'everyone' | readonly string[];

/**
 * Which sources every one of the audience may read. Somebody who is no person of the configuration, and an audience of
 * nobody, read what everyone may, and nothing else: `every` of nobody would be true.
 */
export function readableBy<Source extends { readers: Readers }>(
  sources: readonly Source[],
  groups: Readonly<Record<string, readonly string[]>>,
  audience: readonly string[],
): Source[] {
  return sources.filter(({ readers }) => {
    if (readers === 'everyone') return true;
    const named = new Set(readers.flatMap((name) => (Object.hasOwn(groups, name) ? (groups[name] ?? []) : [name])));
    return audience.length > 0 && audience.every((person) => named.has(person));
  });
}

/** The usual constant of reciprocal rank fusion (Cormack and others, 2009): how little the first rank is worth more. */
const RRF = 60;

/** Ranked lists made one: what several lists name early comes first. Equal ones stay in the order of their ids. */
export function fuse(lists: readonly (readonly string[])[]): string[] {
  const scores = new Map<string, number>();
  for (const list of lists) {
    for (const [rank, id] of list.entries()) scores.set(id, (scores.get(id) ?? 0) + 1 / (RRF + rank + 1));
  }
  return [...scores].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([id]) => id);
}

/** `words` as they were indexed (`searchedWords`). */
export type Candidate = { id: string; words: string; similarity?: number | undefined };

/** Of what a question asks, by weight, one chunk has to speak of so much. */
const ENOUGH = 0.6;
/** A long question tells a story too: so many words that stand nowhere are as much as is asked of it. */
const MOST_ASKED = 3;

/**
 * Which of the candidates speak of what the question asks: by its words, or by being near it as a vector.
 *
 * A word weighs the more the fewer candidates have it, and most where none has it: a question about something that
 * nobody wrote about is then not answered by a text that shares its common words. The candidates are what this audience
 * may read, so that the weights tell nothing of the rest.
 */
export function speaksOfIt(question: string, candidates: readonly Candidate[], similarity: number): Set<string> {
  const asked = questionWords(question);
  const texts = candidates.map(({ words }) => ` ${words} `);
  const has = asked.map((word) => texts.map((text) => text.includes(` ${word} `)));
  // Those that a vector brought and that share no word say nothing of how rare a word is.
  const sharing = texts.filter((_, i) => has.some((having) => having[i])).length;
  const weights = has.map((having) => rarity(having.filter(Boolean).length, sharing));
  const total = Math.min(sum(weights), MOST_ASKED * rarity(0, sharing));
  const found = candidates.filter((candidate, i) => {
    const covered = sum(weights.filter((_, word) => has[word]?.[i]));
    const byWords = covered > 0 && covered >= ENOUGH * total;
    return byWords || (candidate.similarity !== undefined && candidate.similarity >= similarity);
  });
  return new Set(found.map(({ id }) => id));
}

/** Damped: one odd word of a long question must not outweigh all that a text does speak of. */
const rarity = (having: number, all: number) => Math.sqrt(Math.log(1 + all / (1 + having)));
const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);

/** Beside what speaks of a question: words of one's own may lead past it. */
const MOST_BESIDE = 2;

/** What whoever answers is given, in its order: what speaks of the question, and little of what only shares its words. */
export function worthGiving<Place extends { speaks?: boolean }>(places: readonly Place[]): Place[] {
  let beside = 0;
  return places.filter(({ speaks = true }) => {
    if (!speaks) beside += 1;
    return speaks || beside <= MOST_BESIDE;
  });
}

const SHORTEST_QUOTE = 12;

/** Whether a quote stands in a chunk, whatever the line breaks and spaces. A word or two prove nothing. */
export function quoteStands(quote: string, text: string): boolean {
  const wanted = squeeze(quote);
  return wanted.length >= SHORTEST_QUOTE && squeeze(text).includes(wanted);
}

const squeeze = (text: string) => text.replace(/\s+/g, ' ').trim();
