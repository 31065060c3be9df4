import { memoryText } from '../../decisions/memory.ts';
import type { MemoryRow } from '../../store/memory.ts';
import type { GivenMemory } from './transcript.ts';

/** What was remembered, each with what it comes from. Its words are those of users and of agents: material, like a log. */
export function memoryLayer(memories: readonly MemoryRow[]): string {
  if (memories.length === 0) return 'nothing that was confirmed is remembered of this';
  const parts = memories.map((memory) => {
    const files = memory.rests_on.map(({ place, path }) => `${place}: ${path}`).join(', ');
    const from = `from ticket ${memory.ticket}, confirmed ${memory.confirmed_at?.toISOString().slice(0, 10)}`;
    return `### ${memory.id} (${from}; its files are as they were then: ${files || 'it rests on none'})\n${memoryText(memory)}`;
  });
  return [
    'Fixes that were verified once. The causes are agents’ words, which nothing proves: check them here.',
    ...parts,
  ].join('\n\n');
}

export const givenMemory = ({ id, ticket, digest, confirmed_by }: MemoryRow): GivenMemory => ({
  ...{ memory: id, from: ticket, digest, confirmedBy: confirmed_by },
});
