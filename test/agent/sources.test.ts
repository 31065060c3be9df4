import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createSources } from '../../activities/agent/sources.ts';
import { commitEnsurer } from '../../git/clone.ts';
import { run } from '../../lib/run.ts';
import { makeRepository } from '../release/repository.ts';

const dir = mkdtempSync(join(tmpdir(), 'pw-sources-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const fork = makeRepository(join(dir, 'fork'));
const large = `${'x'.repeat(99)}\n`.repeat(20_001);
const commit = fork.commit({ 'a.txt': 'one\n', 'large.txt': large, 'just.txt': large.slice(0, 2_000_000) }, 'Files');
fork.git('update-ref', 'refs/patchwright/fork-1/1', commit);
const tools = { run, environment: { PATH: process.env.PATH ?? '', HOME: dir } };
const mirror = join(fork.dir, '.git');

test('a file is read as it is; what is too large, absent or outside is said to be so', async () => {
  const { read } = createSources(tools, mirror);
  expect(await read(commit, 'a.txt')).toBe('one\n');
  expect((await read(commit, 'just.txt'))?.length).toBe(2_000_000);
  expect(await read(commit, 'large.txt')).toMatch(/more than 2000000 bytes: too large to be read; search in it/);
  for (const path of ['none.txt', '../a.txt', '/etc/passwd', '']) expect(await read(commit, path)).toBeUndefined();
});

test('when a file was changed, and by what, as far as the commit has it; of unseen characters it is told', async () => {
  const { history, search } = createSources(tools, mirror);
  const second = fork.commit({ 'a.txt': 'two\r\n', 'b.txt': 'b\n' }, 'Second');
  expect(await history(second, 'a.txt')).toMatch(
    /^[0-9a-f]{7,} 2026-01-01T00:00:00\S* Second\n[0-9a-f]{7,} \S+ Files\n$/,
  );
  expect(await history(commit, 'a.txt')).not.toContain('Second');
  expect(await history(second, 'a.txt', second)).toMatch(/Second\n[\s\S]*-one\n\+two/);
  expect(await history(second, 'a.txt', second)).not.toContain('b.txt');
  expect(await history(commit, '', second)).toBe(`there is no commit ${second} here`);
  expect(await history(second, 'none.txt')).toBe('no commit changed it');
  expect(await history(second, '../a.txt')).not.toContain('Second');
  expect(await search(second, 'two', '')).toContain('(of what is found in a.txt: 1 of its lines end in CR LF)');
  expect(await search(commit, 'one', '')).not.toContain('of what is found');
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
