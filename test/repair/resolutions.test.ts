import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createRepairActivities } from '../../activities/repair.ts';
import { changedLines } from '../../decisions/review.ts';
import { gitIn } from '../../git/clone.ts';
import { foldFix } from '../../git/fix-stack.ts';
import { run } from '../../lib/run.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { makeRepository, patchMessage } from '../release/repository.ts';

const dir = mkdtempSync(join(tmpdir(), 'pw-resolutions-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('of a stack in which several patches conflict, each resolution is kept after those before it', async () => {
  const artifacts = createArtifactStore(join(dir, 'artifacts'));
  const environment = { PATH: process.env.PATH ?? '', HOME: dir };
  const { resolvePatch } = createRepairActivities({ dataDir: dir, run, environment, artifacts } as never);
  const fork = makeRepository(join(dir, 'fork'));
  const base = fork.commit({ 'a.txt': 'one\n', 'b.txt': 'one\n' }, 'Files');
  const first = fork.commit({ 'a.txt': 'two\n' }, 'First');
  const second = fork.commit({ 'b.txt': 'two\n' }, 'Second');
  fork.git('clone', '--quiet', '--bare', fork.dir, join(dir, 'git/toy.git'));
  const tree = (commit: string) => fork.git('rev-parse', `${commit}^{tree}`);
  const about = { release: 'toy-1', fork: 'toy', settings: 's' };
  const resolve = async (onto: string, patch: string, more: object) => {
    const order = { ...about, run: 'toy-1/1/repair-1', onto, patch, tree: tree(patch), files: [] };
    const made = await resolvePatch({ ...order, ...more });
    if (made.kind === 'refused') throw new Error(made.reason);
    return made;
  };
  const text = async (digest = '') => (await artifacts.read(digest)).toString('utf8');
  const one = await resolve(base, first, { subject: 'First', before: [] });
  expect(one.whole).toBeUndefined();
  const before = [{ subject: 'First', change: one.change }];
  const two = await resolve(one.commit, second, { subject: 'Second', before });
  expect(await text(two.change)).not.toContain('a.txt');
  const whole = await text(two.whole);
  expect(whole).toMatch(/^# Patch "First"\ndiff [\s\S]*\n# Patch "Second"\ndiff /);
  expect([...changedLines(whole)]).toEqual([
    ['a.txt', ['one', 'two']],
    ['b.txt', ['one', 'two']],
  ]);
});

test.each<
  [what: string, files: Record<string, string>, into: 'first' | 'second' | 'none', refused: RegExp | undefined]
>([
  ['that mends its patch', { 'a.txt': 'mended\n' }, 'first', undefined],
  ['that takes its patch away', { 'a.txt': 'one\n' }, 'first', /takes everything away that "First" does/],
  [
    'that takes a later patch away',
    { 'b.txt': 'one\n' },
    'first',
    /the stack makes other files than those that were handed in/,
  ],
  ['that takes the last patch away', { 'b.txt': 'one\n' }, 'second', /takes everything away that "Second" does/],
  ['for a patch of another stack', { 'a.txt': 'mended\n' }, 'none', /is no patch of this stack/],
])('a change %s is put into it, or goes back', async (what, files, into, refused) => {
  const fork = makeRepository(join(dir, what.replaceAll(' ', '-')));
  const base = fork.commit({ 'a.txt': 'one\n', 'b.txt': 'one\n' }, 'Files');
  const first = fork.commit({ 'a.txt': 'two\n' }, patchMessage('First'));
  const second = fork.commit({ 'b.txt': 'two\n' }, patchMessage('Second'));
  const tree = fork.git('rev-parse', `${fork.commit(files, 'Change')}^{tree}`);
  const environment = { PATH: process.env.PATH ?? '', HOME: dir };
  const folded = await foldFix(gitIn({ run, environment }, join(fork.dir, '.git')), {
    ...{ base, candidate: second, tree, into: { first, second, none: base }[into] },
    patches: [
      { commit: first, subject: 'First' },
      { commit: second, subject: 'Second' },
    ],
    ...{ trailer: 'Repaired-By: x', scratch: join(dir, 'fold') },
  });
  if (refused !== undefined) return expect(folded).toEqual({ kind: 'refused', reason: expect.stringMatching(refused) });
  if (folded.kind === 'refused') throw new Error(folded.reason);
  expect(fork.git('log', '--reverse', '--format=%s', `${base}..${folded.commit}`)).toBe('First\nSecond');
  expect(fork.git('show', `${folded.commit}:a.txt`)).toBe('mended');
});
