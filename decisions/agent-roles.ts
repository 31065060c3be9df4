import type { AgentRole, AgentSubject, Arm } from '../workflows/agent-types.ts';

/** Roles that have files of their own: their calls are made one after the other, each on what the one before left. */
export const changesFiles = (role: AgentRole): boolean => role === 'repair' || role === 'patch';

/** Tools that change a run's files, run what is the fork's, or hand a change in. */
const MORE_THAN_READS: readonly string[] = ['edit_file', 'shell', 'run_tests', 'propose', 'hand_in'];

/** Calls after which everything is as before: they may be made in any order, and again. */
export const onlyRead = (role: AgentRole, calls: readonly { name: string }[]): boolean =>
  !changesFiles(role) || calls.every(({ name }) => !MORE_THAN_READS.includes(name));

/** What a run can read. The states before a conflict are there for what is about one, and for nothing else. */
export function armsOf(role: AgentRole, { old }: Pick<AgentSubject, 'old'>): Arm[] {
  return [
    'candidate',
    'base',
    ...(changesFiles(role) ? (['mine'] as const) : []),
    ...(old === undefined ? [] : (['old_base', 'old_patched'] as const)),
  ];
}
