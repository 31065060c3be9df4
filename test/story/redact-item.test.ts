import { expect, test } from 'vitest';
import { redactItem } from '../../activities/agent/request.ts';

// Put together here, so that no scanner takes this file for a leak.
const token = ['ghp_', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'].join('');
const TAKEN = /\[redacted:github-token:[0-9a-f]{8}\]/;

test.each([
  ['an output', { type: 'function_call_output', output: `see ${token}` }],
  ['the arguments of a call', { type: 'function_call', arguments: JSON.stringify({ command: `echo "${token}"` }) }],
  ['arguments that are no JSON', { type: 'function_call', arguments: `{"command": "${token}` }],
  ['a message', { role: 'user', content: token }],
  ['parts of a message', { type: 'message', content: [{ type: 'output_text', text: token }, { type: 'refusal' }] }],
])('a secret leaves in no text of an item: %s', (_what, item) => {
  const sent = JSON.stringify(redactItem(item));
  expect(sent).not.toContain(token);
  expect(sent).toMatch(TAKEN);
});

test('what holds none goes as it came, encrypted reasoning too', () => {
  const call = { type: 'function_call', arguments: '{ "key": "max.message.bytes",  "value": "1000000" }' };
  const thought = { type: 'reasoning', encrypted_content: token };
  for (const item of [call, thought]) expect(redactItem(item)).toEqual(item);
});
