import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFork } from '../../examples/kafka/make-fork.ts';
import { readPatches } from '../../examples/kafka/patch-file.ts';
import { silent } from '../../setup/progress.ts';

const folder = mkdtempSync(join(tmpdir(), 'patchwright-example-fork-'));
const first = join(folder, 'first.git');
const patches = readPatches('examples/kafka/patches');
const git = (repository: string, ...args: string[]) =>
  execFileSync('git', [`--git-dir=${repository}`, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 }).trim();

beforeAll(() => makeFork({ dir: first, progress: silent }), 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('made twice, the fork has the same commits', async () => {
  const second = join(folder, 'second.git');
  await makeFork({ dir: second, progress: silent });
  expect(git(second, 'for-each-ref')).toBe(git(first, 'for-each-ref'));
  expect(git(first, 'rev-list', '--count', 'upstream..main')).toBe(String(patches.length));
});

test('a fork that is there is left alone', async () => {
  const released = git(first, 'rev-parse', 'main~1');
  git(first, 'update-ref', 'refs/heads/main', released);
  await expect(makeFork({ dir: first, progress: silent })).resolves.toMatchObject({ base: 'upstream', branch: 'main' });
  expect(git(first, 'rev-parse', 'main')).toBe(released);
  git(first, 'update-ref', 'refs/heads/main', 'refs/patchwright/stack');
});

test('a folder that is something else is refused, not written to', async () => {
  const other = join(folder, 'other');
  mkdirSync(other);
  await expect(makeFork({ dir: other, progress: silent })).rejects.toThrow('is not the example');
});

test('the base holds what was published, and a build; the stack holds our patches', () => {
  const files = git(first, 'ls-tree', '-r', '--name-only', 'upstream').split('\n');
  expect(files.filter((file) => /^clients\/src\/main\/java\/.*\.java$/.test(file))).toHaveLength(1314);
  expect(files).toContain('pom.xml');
  expect(files.filter((file) => file.includes('/src/test/'))).toEqual([]);
  expect(git(first, 'rev-parse', 'upstream')).toBe(git(first, 'rev-parse', '3.6.2'));
});

test('nothing of the published sources is in our own repository', () => {
  expect(globSync('examples/kafka/**/*.{java,jar}')).toEqual([]);
});

test('the stack has patches for the clients and for a server module', () => {
  const touches = (module: string) => patches.filter(({ diff }) => diff.includes(`a/${module}/src/main/`)).length;
  expect(touches('clients')).toBeGreaterThanOrEqual(3);
  expect(touches('server-common')).toBeGreaterThanOrEqual(1);
});

// Debian's DEP-3 and Yocto's rules for patches: where a patch stands with upstream is one of a few words.
const UPSTREAM_STATUS = /^(Pending|Submitted \[.+\]|Backport \[.+\]|Inappropriate \[.+\])$/;
const every = [...patches, ...readPatches('examples/kafka/pushes').filter(({ file }) => file !== 'conflicts.patch')];

test.each(every)('$file says why it is there, where it stands and when it goes', ({ message }) => {
  const parsed = execFileSync('git', ['interpret-trailers', '--parse'], { input: message, encoding: 'utf8' });
  const trailers = new Map(
    parsed
      .trim()
      .split('\n')
      .map((line) => line.split(/: (.*)/s, 2) as [string, string]),
  );
  expect(trailers.get('Reason')).toMatch(/\S/);
  expect(trailers.get('Upstream-Status')).toMatch(UPSTREAM_STATUS);
  expect(trailers.get('Drop-When')).toMatch(/\S/);
});

test.each(every)('$file brings a test of its own', ({ diff }) => {
  expect(diff).toMatch(/^\+\+\+ b\/.*\/src\/test\/java\/.*Test\.java$/m);
});

test('the check of a patch holds on the stack and not on the base', () => {
  const checks = patches.flatMap(({ message }) => /^Check: (.*)$/m.exec(message)?.[1] ?? []);
  expect(checks.length).toBeGreaterThanOrEqual(1);
  for (const [ref, holds] of [
    ['main', true],
    ['upstream', false],
  ] as const) {
    const tree = join(folder, `checks-${ref}`);
    mkdirSync(tree);
    execFileSync('sh', ['-c', `git --git-dir="${first}" archive ${ref} clients/src/main | tar -x -C "${tree}"`]);
    for (const check of checks) expect(succeeds(check, tree), `${check} on ${ref}`).toBe(holds);
  }
});

function succeeds(command: string, cwd: string): boolean {
  try {
    execFileSync('sh', ['-c', command], { cwd, stdio: 'ignore' });
    return true;
  } catch (error) {
    expect((error as { status?: number }).status, 'the check itself works').toBe(1);
    return false;
  }
}
