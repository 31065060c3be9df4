/** A piece of a document as it was indexed. */
export type KnowledgeChunk = {
  id: string;
  source: string;
  /** None of a memory. */
  kind?: string;
  path: string;
  commit?: string;
  fromLine: number;
  toLine: number;
  title: string;
  text: string;
  /** False where it only shares some words with what was asked. */
  speaks?: boolean;
};

/** What answering needs of the knowledge. `audience`: persons, all of whom must be allowed to read what is found. */
export type Knowledge = {
  searchKnowledge: (order: {
    question: string;
    audience: string[];
    asker?: string;
    room?: string;
    limit?: number;
    /** `note`: why it found less than it could, in words. */
  }) => Promise<{ chunks: KnowledgeChunk[]; enough: boolean; privateFor: number; note?: string }>;
  /** Whether the chunk still exists, all of the audience may read it, and the quote stands in it. */
  checkCitation: (citation: { chunkId: string; quote: string; audience?: string[]; room?: string }) => Promise<boolean>;
};
