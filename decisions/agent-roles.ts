import type { AgentRole, AgentSubject, Arm } from '../workflows/agent-types.ts';

/** Roles that have files of their own: their calls are made one after the other, each on what the one before left. */
export const changesFiles = (role: AgentRole): boolean => role === 'repair' || role === 'patch';

/** What a run can read. The states before a conflict are there for what is about one, and for nothing else. */
export function armsOf(role: AgentRole, { old }: Pick<AgentSubject, 'old'>): Arm[] {
  return [
    'candidate',
    'base',
    ...(changesFiles(role) ? (['mine'] as const) : []),
    ...(old === undefined ? [] : (['old_base', 'old_patched'] as const)),
  ];
}
