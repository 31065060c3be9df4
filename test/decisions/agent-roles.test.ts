import { expect, test } from 'vitest';
import { onlyRead } from '../../decisions/agent-roles.ts';
import type { AgentRole } from '../../workflows/agent-types.ts';

const calls = (...names: string[]) => names.map((name) => ({ name }));

test.each<[AgentRole, string[], boolean]>([
  ['diagnose', ['read_file', 'answer'], true],
  ['investigate', ['plan'], true],
  ['repair', ['read_file', 'search', 'read_on'], true],
  ['repair', ['read_file', 'edit_file'], false],
  ['repair', ['shell'], false],
  ['patch', ['run_tests'], false],
  ['patch', ['hand_in'], false],
  // A tool that there is not: the model is told so.
  ['repair', ['rm'], true],
  ['repair', [], true],
])('whether calls of a %s only read: %j', (role, names, reads) => {
  expect(onlyRead(role, calls(...names))).toBe(reads);
});
