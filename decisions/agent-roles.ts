import type { AgentRole } from '../workflows/agent-types.ts';

/** Roles that have files of their own: their calls are made one after the other, each on what the one before left. */
export const changesFiles = (role: AgentRole): boolean => role === 'repair' || role === 'patch';
