/** A part of a document as it is answered from: its lines as they stand there, secrets taken out. */
export type KnowledgeChunk = {
  id: string;
  source: string;
  kind: string;
  path: string;
  commit?: string;
  fromLine: number;
  toLine: number;
  title: string;
  text: string;
  /** As configured: `['everyone']`, or people and groups; of a closed ticket its channel, or its one person. */
  readers: string[];
  /** Whether it speaks of what was asked, and does not only share some of its words. */
  speaks?: boolean;
};

export type KnowledgeQuestion = {
  question: string;
  /** Ids of people, all of whom must be allowed to read what is found. Nobody named: what everyone may read. */
  audience: string[];
  /** Who asked, where private sources may be offered to that person alone. */
  asker?: string;
  /** The room in which it was asked (`roomOf`), whose closed tickets everybody there may read. */
  room?: string;
  limit?: number;
};

export type KnowledgeAnswer = {
  chunks: KnowledgeChunk[];
  /** Whether an answer may rest on them; otherwise a person is asked, and nothing is guessed. */
  enough: boolean;
  /** How many more the asker alone could read; 0 where nobody is named as the asker. */
  privateFor: number;
  /** What stood in the way, in words for a person: no index, no vectors. */
  note?: string;
};

/** What one source gave. `unreadable`: why it could not be read; what was indexed of it before is kept. */
export type IndexedSource = {
  name: string;
  documents: number;
  chunks: number;
  commit?: string;
  skipped: { large: number; binary: number; links: number; beyond: number };
  unreadable?: string;
};

export type KnowledgeIndexed = {
  chunks: number;
  seconds: number;
  sources: IndexedSource[];
  /** Whether vectors are in it, or why not. */
  vectors: { model: string; dimensions: number; made: number } | { off: string };
};
