import { expect, test } from 'vitest';
import { changedLines as countOfLines } from '../../decisions/approval-risk.ts';
import { changesTogether, meantOf, togetherOf } from '../../decisions/conflict-resolutions.ts';
import { repairBinds, repairQuestion } from '../../decisions/repair-approval.ts';
import { changedLines } from '../../decisions/review.ts';
import type { Proposal } from '../../workflows/agent-types.ts';

const proposal = (name: string, more: Partial<Proposal> = {}): Proposal => ({
  ...{ tree: `${name}-tree`, patch: `${name}-patch`, pointedOut: [] },
  ...{ cause: `${name} cause.`, change: `${name} change.`, risk: `${name} risk.` },
  ...more,
});
const FIRST = { subject: 'A', proposal: proposal('a', { pointedOut: ['a test is changed'], tests: ['ATest.java'] }) };
const LAST = { subject: 'B', proposal: proposal('b', { tests: ['BTest.java', 'ATest.java'] }) };

test('one resolution is what it was', () => {
  expect(togetherOf([LAST], LAST.proposal)).toBe(LAST.proposal);
});

test('of several, what is pointed out and which tests are touched is of all of them', () => {
  expect(togetherOf([FIRST, LAST], LAST.proposal)).toEqual({
    ...{ tree: 'b-tree', patch: 'b-patch' },
    pointedOut: ['in patch "A": a test is changed'],
    tests: ['ATest.java', 'BTest.java'],
    cause: '(patch "A") a cause. (patch "B") b cause.',
    change: '(patch "A") a change. (patch "B") b change.',
    risk: '(patch "A") a risk. (patch "B") b risk.',
  });
});

const diff = (line: string) =>
  [`diff --git a/${line}.txt b/${line}.txt`, `--- a/${line}.txt`, `+++ b/${line}.txt`, '@@ -1 +1 @@', `+${line}`].join(
    '\n',
  );

test('the changes stand under their subjects, and a subject is no line of a difference', () => {
  const all = changesTogether([
    { subject: 'A', change: `${diff('one')}\n` },
    { subject: 'B\n+forged', change: diff('two') },
  ]);
  expect(all).toContain('# Patch "B +forged"\n');
  expect(changedLines(all)).toEqual(
    new Map([
      ['one.txt', ['one']],
      ['two.txt', ['two']],
    ]),
  );
  expect(countOfLines(all)).toBe(2);
});

test('people are asked about every patch that was resolved', () => {
  const bound = { ...{ release: 'toy-1', source: { commit: 'c' } as never, patch: 'd', into: 'b' }, ref: 'r' };
  const about = { ...bound, id: 'i', settings: 's', requestedBy: 'dan', summary: '', details: 'e' };
  const patches = ['a', 'b'].map((commit) => ({ commit, subject: `Patch ${commit}`, author: 'Ada <ada@example.org>' }));
  expect(repairBinds({ ...bound, also: ['a'] })).toMatchObject({ into: 'a b' });
  expect(repairBinds(bound)).toMatchObject({ into: 'b' });
  expect(repairQuestion({ ...about, patches, also: ['a'] }).title).toMatch(/go into patches "Patch a", "Patch b"\?$/);
  expect(repairQuestion({ ...about, patches }).title).toMatch(/go into patch "Patch b"\?$/);
});

const RESOLVED = [
  { subject: 'Be kind', commit: 'aaaaaaa11111', paths: ['src/Greeter.java', 'src/Both.java'] },
  { subject: 'Add a note', commit: 'bbbbbbb22222', paths: ['note', 'src/Both.java'] },
  { subject: 'Count words', commit: 'ccccccc33333', paths: ['src/WordCount.java'] },
];

test.each<[what: string, said: { texts: string[]; files?: string[] }, meant: number[]]>([
  ['nothing: the last', { texts: ['it is too slow'] }, [2]],
  ['a patch by its subject', { texts: ['bob asks for: in "be kind", say my dear'] }, [0]],
  ['a patch by its commit', { texts: ['patch bbbbbbb2 is no longer effective'] }, [1]],
  ['a patch, which outranks a file', { texts: ['Add a note: as in Greeter.java'] }, [1]],
  ['a file', { texts: ['src/Greeter.java:4: error: cannot find symbol'] }, [0]],
  ['a file by its last part', { texts: ['Greeter.java, say my dear'] }, [0]],
  ['the test of a class', { texts: ['it breaks GreeterTest#greets'] }, [0]],
  ['a class of two words', { texts: ['WordCount is wrong'] }, [2]],
  ['a word that is also a file’s stem: the last', { texts: ['a greeter is kind'] }, [2]],
  ['a part of a longer name: the last', { texts: ['MyGreeter.java and be kinder'] }, [2]],
  ['a file that two have changed: the later of them', { texts: [], files: ['src/Both.java'] }, [1]],
  ['several, in their order', { texts: ['Count words'], files: ['src/Greeter.java', 'src/Other.java'] }, [0, 2]],
])('of several resolutions it is known which is meant by %s', (_, said, meant) => {
  expect(meantOf(RESOLVED, said)).toEqual(meant);
});
