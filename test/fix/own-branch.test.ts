import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FixAt } from '../../activities/fixes/kind.ts';
import { repositoryKind } from '../../activities/fixes/repository.ts';
import { parseSettings } from '../../config/load.ts';
import { run } from '../../lib/run.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import type { GitChange } from '../../workflows/fix-types.ts';
import { makeRepository } from '../release/repository.ts';

/** `land: branch`: what is on the server already, and what people have made of it. */
let dir: string;
let repository: ReturnType<typeof makeRepository>;
let at: FixAt;
let change: GitChange;
const BASE = 'limits:\n  a: 1\nothers: {}\n';
const FIXED = 'limits:\n  a: 1\n  b: 2\nothers: {}\n';
const git = (...args: string[]) => repository.git(...args);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pw-own-branch-'));
  repository = makeRepository(join(dir, 'limits'));
  const base = repository.commit({ 'limits.yaml': BASE }, 'Limits');
  git('branch', 'main');
  const commit = repository.commit({ 'limits.yaml': FIXED }, 'Limit b too');
  const [ref, onto] = [`refs/heads/patchwright/${commit.slice(0, 12)}`, 'refs/heads/main'];
  const rest = { tree: git('rev-parse', 'HEAD^{tree}'), patch: '', inverse: base };
  change = { kind: 'repository', target: 'limits', base, commit, ref, onto, ...rest };
  const yaml = `forks: {}\nsupport: { repositories: { limits: { repository: ${repository.dir}, branch: main, land: branch } } }\n`;
  at = {
    settings: parseSettings(yaml, 'p.yaml', dir),
    digest: '',
    ticket: 'cli:1',
    fix: 'cli:1/1',
    run: 'cli:1/1/1-1',
  };
});
afterAll(() => rmSync(dir, { recursive: true }));

const kindOf = () => {
  const never = () => {
    throw new Error('nothing runs here');
  };
  const environment = { PATH: process.env.PATH ?? '', HOME: dir };
  const artifacts = createArtifactStore(join(dir, 'artifacts'));
  return repositoryKind({ run, environment, dataDir: dir, artifacts, sandboxOf: never, allowedEnvironment: never });
};

test('a branch of its name that has anything else, and one that leaves no room for it, are said', async () => {
  const kind = kindOf();
  const found = async () => [await kind.mayNot?.(at, change), (await kind.apply(at, change).readBack())?.words];
  expect(await found()).toEqual([undefined, undefined]);
  const other = git('commit-tree', '-m', 'More than was approved', '-p', change.commit, `${change.base}^{tree}`);
  git('update-ref', change.ref, other);
  expect(await found()).toEqual([
    expect.stringMatching(/^refs\/heads\/patchwright\/.* is there already, at/),
    undefined,
  ]);
  git('update-ref', '-d', change.ref);
  git('branch', 'patchwright', 'main');
  expect(await found()).toEqual([expect.stringContaining('has a branch called patchwright'), undefined]);
  git('branch', '-D', 'patchwright');

  await kind.apply(at, change).perform();
  expect(git('rev-parse', change.ref)).toBe(change.commit);
  expect(await found()).toEqual([undefined, expect.stringContaining('is on refs/heads/patchwright/')]);
  // What is pushed onto the branch itself is looked at by nobody before.
  expect(await kind.mayNot?.(at, { ...change, onto: undefined } as unknown as GitChange)).toBeUndefined();
});

test('the same lines by another commit are merged, and those that were set in otherwise are not', async () => {
  const kind = kindOf();
  git('checkout', '--quiet', 'main');
  const merged = async (text: string) => {
    git('reset', '--quiet', '--hard', change.base);
    repository.commit({ 'other.yaml': 'x: 1\n' }, 'Another file');
    repository.commit({ 'limits.yaml': text }, 'Limit b too (#7)');
    return [await kind.merged?.(at, change), (await kind.verify(at, change)).words];
  };
  const own = expect.stringMatching(/still waits to be merged, or was merged as something else/);
  expect(await merged(FIXED.replace('  b', 'b'))).toEqual([false, own]);
  expect(await merged(FIXED.replace('2', '3'))).toEqual([false, own]);
  const has = `refs/heads/main of limits has the lines of ${change.commit.slice(0, 12)}; there is no check, and no failing case`;
  expect(await merged(FIXED)).toEqual([true, has]);
});
