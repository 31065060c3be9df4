import type { Settings } from '../../config/schema.ts';
import { quoteStands } from '../../decisions/knowledge.ts';
import { memoryText } from '../../decisions/memory.ts';
import { oneLine } from '../../lib/plain-text.ts';
import type { MemoryRow } from '../../store/memory.ts';
import type { Recall } from '../memory.ts';
import { NO_KNOWLEDGE } from './answer.ts';
import type { Knowledge, KnowledgeChunk } from './knowledge.ts';

const NOTHING: Knowledge = {
  searchKnowledge: async () => ({ chunks: [], enough: false, privateFor: 0, note: NO_KNOWLEDGE }),
  checkCitation: async () => false,
};

/** The knowledge, and beside it what verified fixes have taught: for one ticket, whose recalls are kept. */
export function withMemory(
  knowledge: Knowledge | undefined,
  recall: Recall,
  of: { ticket: string; settings: Settings },
): Knowledge {
  const beside = knowledge ?? NOTHING;
  const recalled = new Map<string, string>();
  return {
    async searchKnowledge(order) {
      const found = await beside.searchKnowledge(order);
      const memories = await recall({ ...of, question: order.question, audience: order.audience });
      const chunks = memories.map(chunkOf);
      for (const { id, text } of chunks) recalled.set(id, text);
      return { ...found, chunks: [...found.chunks, ...chunks], enough: found.enough || chunks.length > 0 };
    },

    // Of what was given in this very answer alone: it was readable, and held, when it was recalled.
    async checkCitation(citation) {
      const text = recalled.get(citation.chunkId);
      return text === undefined ? beside.checkCitation(citation) : quoteStands(citation.quote, text);
    },
  };
}

function chunkOf(memory: MemoryRow): KnowledgeChunk {
  const text = memoryText(memory);
  const lines = text.split('\n').length;
  return {
    ...{ id: `memory/${memory.id}`, source: 'memory', path: memory.id, fromLine: 1, toLine: lines },
    ...{ title: oneLine(memory.asked, 120), text },
  };
}
