import { Command } from 'commander';
import { expect, test } from 'vitest';
import { GROUPS, groupsFor } from '../../cli/groups.ts';

test.each(GROUPS.map(({ words, load }) => [words, load] as const))(
  '%j are the words of one group',
  async (words, load) => {
    const program = new Command();
    (await load())(program, async () => {});
    expect(program.commands.map((command) => command.name())).toEqual(words);
  },
);

test.each([
  [
    ['tickets', '--json'],
    ['ticket', 'tickets'],
  ],
  [
    ['--json', 'tickets'],
    ['ticket', 'tickets'],
  ],
  [['--data', 'release', 'agent', 'runs'], ['agent']],
  [['--config', 'up', '--data=down', 'memory'], ['memory']],
])('%j needs that group alone', (argv, words) => {
  expect(groupsFor(argv).flatMap((group) => group.words)).toEqual(words);
});

test.each([
  [[]],
  [['--help']],
  [['help', 'release']],
  [['--help', 'release']],
  [['releas']],
  [['--data']],
  [['--data', 'release']],
])('%j needs all of them', (argv) => {
  expect(groupsFor(argv)).toBe(GROUPS);
});
