import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createGitActivities } from '../../activities/git.ts';
import { parseSettings } from '../../config/load.ts';
import { run } from '../../lib/run.ts';
import type { Db } from '../../store/database.ts';
import { makeRepository, patchMessage } from './repository.ts';

const environment = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/' };
let folder: string;
let repository: ReturnType<typeof makeRepository>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'patchwright-cut-'));
  repository = makeRepository(join(folder, 'fork'));
  repository.commit({ 'a.txt': 'one\n', 'b.txt': 'one\n' }, 'Upstream 1.0');
  repository.git('checkout', '--quiet', '-b', 'main');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function activities(base = 'upstream') {
  const settings = parseSettings(
    `forks: {demo: {repository: ${repository.dir}, base: ${base}, baseVersion: '1.0', build: {command: [make], artifacts: [{name: a, path: a}]}, suites: {unit: {runner: junit-xml, command: [make], reports: [r]}}, release: {suites: [unit]}}}`,
    'test.yaml',
    folder,
  );
  // Cutting does not touch the store; a database here would only slow the test down.
  const db = undefined as unknown as Db;
  return createGitActivities({
    run,
    environment,
    db,
    dataDir: join(folder, 'data'),
    settings: async () => settings,
  });
}

function cut(ref = 'main', base = 'upstream') {
  return activities(base).cutCandidate({ fork: 'demo', ref, settings: 'x', release: 'demo-1', n: 1 });
}

describe('a stack on its base', () => {
  test('is the candidate as it stands, with a version of its own and every prefix', async () => {
    const first = repository.commit({ 'a.txt': 'two\n' }, patchMessage('Change a'));
    const second = repository.commit({ 'b.txt': 'two\n' }, patchMessage('Change b', 'Check: grep -q two b.txt\n'));
    const result = await cut();
    if (result.kind !== 'cut') throw new Error(JSON.stringify(result));
    expect(result.candidate).toEqual({ fork: 'demo', commit: second, version: `1.0-fork.2.g${second.slice(0, 10)}` });
    expect(result.prefixes.map(({ commit }) => commit)).toEqual([first, second]);
    expect(result.patches.map(({ subject, check }) => [subject, check])).toEqual([
      ['Change a', undefined],
      ['Change b', 'grep -q two b.txt'],
    ]);
  });

  test('whose base has moved is put on it, twice to the same commit', async () => {
    repository.commit({ 'a.txt': 'two\n' }, patchMessage('Change a'));
    repository.git('checkout', '--quiet', 'upstream');
    const moved = repository.commit({ 'c.txt': 'new\n' }, 'Upstream 1.1');
    const [one, two] = [await cut(), await cut()];
    if (one.kind !== 'cut' || two.kind !== 'cut') throw new Error(JSON.stringify(one));
    expect(one.base.commit).toBe(moved);
    expect(one.candidate.commit).toBe(two.candidate.commit);
    expect(repository.git('rev-parse', 'main')).not.toBe(one.candidate.commit);
  });

  test('that conflicts says which patch and which files', async () => {
    repository.commit({ 'b.txt': 'fine\n' }, patchMessage('Change b'));
    const patch = repository.commit({ 'a.txt': 'ours\n' }, patchMessage('Change a'));
    repository.git('checkout', '--quiet', 'upstream');
    repository.commit({ 'a.txt': 'theirs\n' }, 'Upstream 1.1');
    expect(await cut()).toMatchObject({ kind: 'conflict', patch, subject: 'Change a', files: ['a.txt'] });
  });

  test('with a patch that upstream has is held, not dropped', async () => {
    const patch = repository.commit({ 'a.txt': 'same\n' }, patchMessage('Change a'));
    repository.git('checkout', '--quiet', 'upstream');
    repository.commit({ 'a.txt': 'same\n' }, 'Upstream 1.1 takes it');
    expect(await cut()).toMatchObject({ kind: 'empty-patch', patch });
  });
});

describe('what is no stack', () => {
  test('a commit without trailers is refused with commit and rule', async () => {
    const commit = repository.commit({ 'a.txt': 'two\n' }, 'Change a');
    const result = await cut();
    expect(result).toMatchObject({ kind: 'refused' });
    expect(JSON.stringify(result)).toContain(commit.slice(0, 12));
  });

  test('no patch at all is refused', async () => {
    expect(await cut()).toMatchObject({ kind: 'refused', reasons: [expect.stringMatching(/empty/)] });
  });

  test.each(['nowhere', '--upload-pack=touch /tmp/x'])('a ref that is not there (%s) says so', async (ref) => {
    repository.commit({ 'a.txt': 'two\n' }, patchMessage('Change a'));
    await expect(cut(ref)).rejects.toThrow(/no branch, tag or commit|cannot be a ref/);
  });

  test('a hook in the fork never runs', async () => {
    repository.git('config', 'core.fsmonitor', `touch ${join(folder, 'ran')}`);
    repository.git('config', 'uploadpack.packObjectsHook', `touch ${join(folder, 'ran')}`);
    repository.commit({ 'a.txt': 'two\n' }, patchMessage('Change a'));
    await rm(join(folder, 'ran'), { force: true });
    expect(await cut()).toMatchObject({ kind: 'cut' });
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });
});

describe('a part of a stack, for the search for a culprit', () => {
  const part = (base: string, ...commits: string[]) =>
    activities().cutPart({
      fork: 'demo',
      settings: 'x',
      key: 'demo-1/1/without-2',
      base,
      patches: commits.map((commit) => ({ commit, subject: 'a patch' })),
    });

  test('is the base with these patches alone, twice the same commit', async () => {
    const base = repository.git('rev-parse', 'upstream');
    const first = repository.commit({ 'a.txt': 'two\n' }, patchMessage('Change a'));
    repository.commit({ 'b.txt': 'two\n' }, patchMessage('Change b'));
    const third = repository.commit({ 'c.txt': 'two\n' }, patchMessage('Add c'));
    const [one, two] = [await part(base, first, third), await part(base, first, third)];
    if (one.kind !== 'cut') throw new Error(JSON.stringify(one));
    expect(two).toEqual(one);
    const mirror = join(folder, 'data', 'git', 'demo.git');
    const files = await run('git', ['ls-tree', '-r', '--name-only', one.source.commit], {
      cwd: mirror,
      env: environment,
    });
    expect(files.stdout.split('\n').filter(Boolean)).toEqual(['a.txt', 'b.txt', 'c.txt']);
    const b = await run('git', ['show', `${one.source.commit}:b.txt`], { cwd: mirror, env: environment });
    expect(b.stdout).toBe('one\n');
  });

  test('that does not fit without the others is an answer', async () => {
    const base = repository.git('rev-parse', 'upstream');
    repository.commit({ 'a.txt': 'two\n' }, patchMessage('Change a'));
    const second = repository.commit({ 'a.txt': 'three\n' }, patchMessage('Change a again'));
    expect(await part(base, second)).toMatchObject({ kind: 'conflict', reasons: [expect.stringContaining('a.txt')] });
  });
});
