/** A piece of a document as it was indexed. */
export type KnowledgeChunk = {
  id: string;
  source: string;
  path: string;
  commit?: string;
  fromLine: number;
  toLine: number;
  title: string;
  text: string;
};

/** What answering needs of the knowledge. `audience`: persons, all of whom must be allowed to read what is found. */
export type Knowledge = {
  searchKnowledge: (order: {
    question: string;
    audience: string[];
    asker?: string;
    limit?: number;
  }) => Promise<{ chunks: KnowledgeChunk[]; enough: boolean; privateFor: number }>;
  /** Whether the chunk still exists, and the quote stands in it. */
  checkCitation: (citation: { chunkId: string; quote: string }) => Promise<boolean>;
};
