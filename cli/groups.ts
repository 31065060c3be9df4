import type { Register } from './main.ts';

type Group = { words: readonly string[]; load: () => Promise<Register> };

/** The commands, in the order of the help. A call loads those of its first word alone: the others' libraries take a second. */
export const GROUPS: readonly Group[] = [
  {
    words: ['start', 'up', 'down', 'doctor', 'config'],
    load: async () => (await import('./register-machine.ts')).addMachineCommands,
  },
  {
    words: ['release', 'releases', 'report', 'stack', 'example'],
    load: async () => (await import('./register-releases.ts')).addReleaseCommands,
  },
  { words: ['env', 'stop-all'], load: async () => (await import('./register-environments.ts')).addEnvironmentCommands },
  { words: ['agent'], load: async () => (await import('./register-agents.ts')).addAgentCommands },
  {
    words: ['gate', 'can-roll', 'shadow'],
    load: async () => (await import('./register-gates.ts')).addGateCommands,
  },
  {
    words: ['approvals', 'approve', 'reject', 'people', 'page', 'audit'],
    load: async () => (await import('./register-approvals.ts')).addApprovalCommands,
  },
  { words: ['knowledge'], load: async () => (await import('./register-knowledge.ts')).addKnowledgeCommands },
  { words: ['memory'], load: async () => (await import('./register-memory.ts')).addMemoryCommands },
  { words: ['triage'], load: async () => (await import('./register-triage.ts')).addTriageCommand },
  { words: ['ticket', 'tickets'], load: async () => (await import('./register-tickets.ts')).addTicketCommands },
];

/** Global options that are followed by a value. */
const WITH_VALUE = ['--data', '--config'];

/** What a call needs: the group of its first word; all of them for the help, and for a word that none has. */
export function groupsFor(argv: readonly string[]): readonly Group[] {
  const at = argv.findIndex((arg, at) => !arg.startsWith('-') && !WITH_VALUE.includes(argv[at - 1] ?? ''));
  const word = argv[at];
  // Before a word they ask for the help of everything.
  const whole = argv.slice(0, Math.max(at, 0)).some((arg) => arg === '-h' || arg === '--help');
  const own = GROUPS.filter(({ words }) => word !== undefined && !whole && words.includes(word));
  return own.length > 0 ? own : GROUPS;
}
