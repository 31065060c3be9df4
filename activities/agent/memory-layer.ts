import { memoryText } from '../../decisions/memory.ts';
import { isFile, type MemoryRow, type RestsOn } from '../../store/memory.ts';
import type { GivenMemory } from './transcript.ts';

/** What was remembered, each with what it comes from. Its words are those of users and of agents: material, like a log. */
export function memoryLayer(memories: readonly MemoryRow[]): string {
  if (memories.length === 0) return 'nothing that was confirmed is remembered of this';
  const parts = memories.map((memory) => {
    const rests = memory.rests_on.map(restWords).join(', ');
    const from = `from ticket ${memory.ticket}, confirmed ${memory.confirmed_at?.toISOString().slice(0, 10)}`;
    return `### ${memory.id} (${from}; what it rests on is as it was then: ${rests || 'nothing'})\n${memoryText(memory)}`;
  });
  return [
    'Fixes that were verified once. The causes are agents’ words, which nothing proves: check them here.',
    ...parts,
  ].join('\n\n');
}

const restWords = (rest: RestsOn): string =>
  isFile(rest) ? `${rest.place}: ${rest.path}` : `${rest.environment}: ${rest.key}`;

export const givenMemory = ({ id, ticket, digest, confirmed_by }: MemoryRow): GivenMemory => ({
  ...{ memory: id, from: ticket, digest, confirmedBy: confirmed_by },
});
