import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Investigating, investigate } from '../../activities/agent/investigate.ts';
import { createSources } from '../../activities/agent/sources.ts';
import { settingsSchema } from '../../config/schema.ts';
import { createBlobReader } from '../../git/blobs.ts';
import { commitEnsurer } from '../../git/clone.ts';
import { run } from '../../lib/run.ts';
import type { AgentOrder } from '../../workflows/agent-types.ts';
import { makeRepository } from '../release/repository.ts';

const dir = mkdtempSync(join(tmpdir(), 'pw-sources-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const fork = makeRepository(join(dir, 'fork'));
// Each of its lines reads as the answer to another question would.
const large = `${'0'.repeat(40)} blob 3\nyes\n`.repeat(40_000);
const commit = fork.commit(
  {
    ...{ 'a.txt': 'one\n', 'large.txt': large, 'just.txt': large.slice(0, 2_000_000), 'empty.txt': '' },
    ...{ 'folder/in.txt': 'ünd\n', 'says.txt': `${'0'.repeat(40)} missing\n`, 'answers.txt': large.slice(0, 1_000) },
  },
  'Files',
);
fork.git('update-ref', 'refs/patchwright/fork-1/1', commit);
const tools = { run, environment: { PATH: process.env.PATH ?? '', HOME: dir } };
const mirror = join(fork.dir, '.git');

test.each([
  ['each by a git of its own', tools],
  ['through one git that stays', { ...tools, blobs: createBlobReader(tools) }],
])('a file is read as it is; what is too large, absent or outside is said to be so: %s', async (_how, given) => {
  const { read } = createSources(given, mirror);
  expect(await read(commit, 'a.txt')).toBe('one\n');
  expect((await read(commit, 'just.txt'))?.length).toBe(2_000_000);
  expect(await read(commit, 'large.txt')).toMatch(/more than 2000000 bytes: too large to be read; search in it/);
  expect(await read(commit, 'folder')).toContain('in.txt');
  for (const path of ['none.txt', '../a.txt', '/etc/passwd', '', './a.txt', 'a.txt\na.txt'])
    expect(await read(commit, path)).toBeUndefined();
  expect(await read(commit, 'a.txt')).toBe('one\n');
});

test('questions asked at once are each answered by their own file, also where one of them ends the git that reads', async () => {
  const { read } = createSources({ ...tools, blobs: createBlobReader(tools) }, mirror);
  const paths = [
    'a.txt',
    'empty.txt',
    'none.txt',
    'folder',
    'says.txt',
    'a.txt',
    'large.txt',
    'answers.txt',
    'folder/in.txt',
  ];
  const alone = await Promise.all(paths.map((path) => createSources(tools, mirror).read(commit, path)));
  expect(await Promise.all(paths.map((path) => read(commit, path)))).toEqual(alone);
  // What came after its start is found.
  const later = fork.commit({ 'a.txt': 'two\n' }, 'Later');
  expect(await read(commit, 'empty.txt')).toBe('');
  expect(await read(later, 'a.txt')).toBe('two\n');
});

test('when a file was changed, and by what, as far as the commit has it; of unseen characters it is told', async () => {
  const { history, search } = createSources(tools, mirror);
  const second = fork.commit({ 'a.txt': 'two\r\n', 'b.txt': 'b\n' }, 'Second');
  expect(await history(second, 'a.txt')).toMatch(
    /^[0-9a-f]{7,} 2026-01-01T00:00:00\S* Second\n(?:[0-9a-f]{7,} \S+ Later\n)?[0-9a-f]{7,} \S+ Files\n$/,
  );
  expect(await history(commit, 'a.txt')).not.toContain('Second');
  expect(await history(second, 'a.txt', second)).toMatch(/Second\n[\s\S]*-(?:one|two)\n\+two/);
  expect(await history(second, 'a.txt', second)).not.toContain('b.txt');
  expect(await history(commit, '', second)).toBe(`there is no commit ${second} here`);
  expect(await history(second, 'none.txt')).toBe('no commit changed it');
  expect(await history(second, '../a.txt')).not.toContain('Second');
  expect((await search(second, 'two', '')).text).toMatch(
    /two\r\n\(of what is found in a\.txt: 1 of its lines end in CR LF\)\n$/,
  );
  expect((await search(commit, 'one', '')).text).not.toContain('of what is found');
});

/** A plan that quotes what a search for `pattern` said. */
async function planned(search: { pattern: string; under?: string }, text: string) {
  const kind = { name: 'repository', targets: () => ['limits'] } as unknown as Investigating['kinds'][number];
  const kinds = [kind];
  const settings = settingsSchema.parse({ forks: {} });
  const sources = () => createSources(tools, mirror);
  const places = [{ name: 'repo.limits', commit, paths: [] }];
  const order = { subject: { places } } as unknown as AgentOrder;
  const world = { kinds, settings, sources, looks: {}, answers: async () => [] };
  const call = (name: string, given: object, answers: { given: string; text: string }[]) =>
    investigate({ ...world, answers: async () => answers } as never, order, name, JSON.stringify(given));
  const given = { in: 'repo.limits', ...search };
  const { text: said } = await call('search', given, []);
  const plan = {
    kind: 'repository',
    target: 'limits',
    what: 'Raise it',
    why: 'It is too low for what is asked of it.',
  };
  const quotes = [{ in: 'search', of: search.pattern, text }];
  const answers = [{ given: JSON.stringify(given), text: said }];
  return { said, plan: await call('plan', { ...plan, quotes }, answers) };
}

test('that a search found nothing is quoted; what one found and the error of one that failed are not', async () => {
  // A line that was found is quoted by its path: who may read it is known of files.
  expect((await planned({ pattern: '^one$' }, 'a.txt:1:one')).plan).toMatchObject({ refused: true });
  expect((await planned({ pattern: 'no-such-word' }, 'nothing matches')).plan.text).toBe('taken');
  const path = await planned({ pattern: 'one', under: '../the limit is 10' }, 'the limit is 10');
  expect(path.said).toBe('"../the limit is 10" is not a path inside the repository');
  expect(path.plan).toMatchObject({ refused: true, text: expect.stringContaining('does not stand in one of search') });
  const broken = await planned({ pattern: 'the limit is 10 (' }, 'git grep: ');
  expect(broken.said).toMatch(/^git grep: /);
  expect(broken.plan.refused).toBe(true);
});

test('a patch is shown by the first digits of its commit, of the stack that is named too, and nothing else is', async () => {
  const { showPatch } = createSources(tools, mirror);
  const named = fork.commit({ 'a.txt': 'three\n' }, 'Named');
  const short = named.slice(0, 12);
  expect(await showPatch({ base: commit, candidate: commit }, short)).toBe(`${short} is no patch of this stack`);
  const stack = { base: commit, tip: named };
  expect(await showPatch({ base: commit, candidate: commit, stack }, short)).toContain('+three');
  expect(await showPatch({ base: commit, candidate: commit, stack }, commit)).toContain('is no patch');
});

test('a commit is fetched once, and again where the clone is gone', async () => {
  const ensure = commitEnsurer(tools);
  const clone = join(dir, 'clone.git');
  const isThere = async () => (await createSources(tools, clone).read(commit, 'a.txt')) === 'one\n';
  await ensure(clone, fork.dir, commit);
  expect(await isThere()).toBe(true);
  rmSync(clone, { recursive: true });
  await ensure(clone, fork.dir, commit);
  expect(await isThere()).toBe(true);
});
