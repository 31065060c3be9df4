import { expect, test } from 'vitest';
import { toolsOf } from '../../activities/agent/tool-inputs.ts';
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
  ['repair', ['propose'], false],
  // A tool that there is not: the model is told so.
  ['repair', ['rm'], true],
  ['repair', [], true],
])('whether calls of a %s only read: %j', (role, names, reads) => {
  expect(onlyRead(role, calls(...names))).toBe(reads);
});

// Whoever adds a tool has to say here, and in the decision, what it does.
test('every tool of who changes files reads, or is known to do more', () => {
  const more = (['repair', 'patch'] as const).flatMap((role) =>
    toolsOf(role, ['staging']).filter((name) => !onlyRead(role, calls(name))),
  );
  expect(new Set(more)).toEqual(new Set(['edit_file', 'shell', 'run_tests', 'propose', 'hand_in']));
});
