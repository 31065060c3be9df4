import { expect, test } from 'vitest';
import { investigate } from '../../activities/agent/investigate.ts';
import { settingsSchema } from '../../config/schema.ts';

type World = Parameters<typeof investigate>[0];
type Order = Parameters<typeof investigate>[1];

const searched = (pattern: string, text: string) => ({ given: JSON.stringify({ in: 'repo.limits', pattern }), text });
const answers = [
  searched('secret', 'limits.conf:1:secret=nothing matches'),
  searched('odd[', 'git grep: nothing matches'),
  searched('no-such-word', 'nothing matches'),
];
const file = 'secret=nothing matches\n';
const world = {
  settings: settingsSchema.parse({ forks: {} }),
  kinds: [{ name: 'repository', targets: () => ['limits'] }],
  answers: async (tool: string) => (tool === 'search' ? answers : []),
  sources: () => ({ read: async (_commit: string, path: string) => (path === 'limits.conf' ? file : undefined) }),
} as unknown as World;
const order = { subject: { places: [{ name: 'repo.limits', commit: '0'.repeat(40), paths: [] }] } } as unknown as Order;

/** A line that a search found is of a file, and whoever may not read its repository may not read what rests on it. */
test.each<[string, { in: string; of: string; text: string }, taken: boolean]>([
  ['a search in vain', { in: 'search', of: 'no-such-word', text: 'nothing matches' }, true],
  ['a part of that', { in: 'search', of: 'no-such-word', text: 'nothing' }, false],
  ['a search that was not made', { in: 'search', of: 'another', text: 'nothing matches' }, false],
  ['a line that it found', { in: 'search', of: 'secret', text: 'limits.conf:1:secret' }, false],
  ['a line that it found and that says so itself', { in: 'search', of: 'secret', text: 'nothing matches' }, false],
  ['the error of one', { in: 'search', of: 'odd[', text: 'nothing matches' }, false],
  ['the same line by its place and path', { in: 'repo.limits', of: 'limits.conf', text: 'secret=' }, true],
])('a plan may quote: %s', async (_what, quote, taken) => {
  const why = 'it is too low for what is asked of it';
  const plan = { kind: 'repository', target: 'limits', what: 'raise it', why, quotes: [quote] };
  const used = await investigate(world, order, 'plan', JSON.stringify(plan));
  expect(used.refused !== true).toBe(taken);
  if (!taken) expect(used.text).toMatch(/does not stand in .* of search \(.*in its repository by its path\)/);
  if (quote.in !== 'search') expect(used.accepted).toContain('"rests":[{"place":"repo.limits","path":"limits.conf"}]');
});
