import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testAlone } from '../../activities/fixes/test-alone.ts';
import { gitIn } from '../../git/clone.ts';
import { run } from '../../lib/run.ts';
import { makeRepository } from '../release/repository.ts';

/** The branch with the file of a failing test alone: what a change brings is run without the rest of it. */
let dir: string;
let repository: ReturnType<typeof makeRepository>;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pw-alone-'));
  repository = makeRepository(join(dir, 'repo'));
});
afterAll(() => rmSync(dir, { recursive: true }));

test('has that file as the change has it, and nothing else of it', async () => {
  const git = gitIn({ run, environment: { PATH: process.env.PATH ?? '', HOME: dir } }, join(dir, 'repo/.git'));
  repository.commit({ 'src/A.java': 'a', 'test/x/ATest.java': 'old', 'test/BTest.java': 'b' }, 'Base');
  const base = repository.git('rev-parse', 'HEAD');
  repository.commit({ 'src/A.java': 'changed', 'test/x/ATest.java': 'new', 'test/[odd] CTest.java': 'c' }, 'Change');
  const commit = repository.git('rev-parse', 'HEAD');
  const alone = (of: string) =>
    testAlone(git, { base, commit, failingTest: { suite: 'unit', test: of } }, join(dir, 'index'));

  const found = (await alone('x.ATest#fails(int)')) ?? '';
  expect(repository.git('diff', '--name-only', base, found)).toBe('test/x/ATest.java');
  expect(repository.git('show', `${found}:test/x/ATest.java`)).toBe('new');
  expect(repository.git('rev-parse', `${found}^`)).toBe(base);
  // The same again, and no index of it is left.
  expect(await alone('x.ATest#fails(int)')).toBe(found);
  expect(repository.git('status', '--porcelain')).toBe('');
  // What the change does not touch is on the branch as it is.
  expect(await alone('BTest#fails')).toBeUndefined();
  expect(await testAlone(git, { base, commit }, join(dir, 'index'))).toBeUndefined();
});

test('is where the change moved it, in a bare clone too', async () => {
  repository.commit({ 'test/old/DTest.java': 'old' }, 'Base');
  const base = repository.git('rev-parse', 'HEAD');
  renameSync(join(repository.dir, 'test/old/DTest.java'), join(repository.dir, 'test/DTest.java'));
  const commit = repository.commit({ 'test/DTest.java': 'new', 'src/A.java': 'changed again' }, 'Move');
  repository.git('clone', '--quiet', '--bare', '.', join(dir, 'bare.git'));
  const git = gitIn({ run, environment: { PATH: process.env.PATH ?? '', HOME: dir } }, join(dir, 'bare.git'));
  const failingTest = { suite: 'unit', test: 'DTest#fails' };
  const found = (await testAlone(git, { base, commit, failingTest }, join(dir, 'index'))) ?? '';
  const differs = await git('diff', '--name-status', '--no-renames', base, found);
  expect(differs).toBe('A\ttest/DTest.java\nD\ttest/old/DTest.java');
});
