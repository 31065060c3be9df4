import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { makeFork } from '../../examples/kafka/make-fork.ts';
import { PUSH_KINDS, pushExample, RELEASED_REF } from '../../examples/kafka/push.ts';
import { silent } from '../../setup/progress.ts';

const folder = mkdtempSync(join(tmpdir(), 'patchwright-example-push-'));
const repository = join(folder, 'fork.git');
const git = (...args: string[]) =>
  execFileSync('git', [`--git-dir=${repository}`, ...args], { encoding: 'utf8' }).trim();
const push = (kind: string) => pushExample({ repository, kind });
const changed = (from: string, to: string) =>
  git('diff', '--name-only', from, to)
    .split('\n')
    .filter((path) => path.includes('/src/main/'));
const CLIENTS = 'clients/src/main/java/org/apache/kafka';
const STACK = 'refs/patchwright/stack';

beforeAll(() => makeFork({ dir: repository, progress: silent }), 120_000);
beforeEach(() => {
  for (const [ref, commit] of [
    ['refs/heads/main', STACK],
    ['refs/heads/upstream', '3.6.2'],
  ] as const) {
    git('update-ref', ref, commit);
  }
  git('update-ref', '-d', RELEASED_REF);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ['breaks-tests', [`${CLIENTS}/common/internals/Topic.java`]],
  ['flaky', [`${CLIENTS}/clients/producer/internals/RecordAccumulator.java`]],
  ['breaks-cluster', [`${CLIENTS}/clients/NetworkClient.java`, `${CLIENTS}/clients/RequestRateGuard.java`]],
  ['breaks-cluster-fixed', [`${CLIENTS}/clients/NetworkClient.java`, `${CLIENTS}/clients/RequestRateGuard.java`]],
  [
    'good',
    ['Boolean', 'Double', 'Float', 'Integer', 'Long', 'Short'].map(
      (type) => `${CLIENTS}/common/serialization/${type}Deserializer.java`,
    ),
  ],
])('%s is one more patch on the stack, and the base stays', async (kind, files) => {
  const { commit, summary } = await push(kind);
  expect(git('rev-parse', 'main')).toBe(commit);
  expect(git('rev-parse', 'main~1')).toBe(git('rev-parse', STACK));
  expect(changed('main~1', 'main')).toEqual(files);
  expect(git('rev-parse', 'upstream')).toBe(git('rev-parse', '3.6.2'));
  expect(summary).toContain(git('log', '-1', '--format=%s', 'main'));
});

test.each(PUSH_KINDS)('%s, pushed twice, is the same', async (kind) => {
  const first = await push(kind);
  const refs = git('for-each-ref');
  expect(await push(kind)).toEqual(first);
  expect(git('for-each-ref')).toBe(refs);
});

test('conflicts moves the base so that the first patch no longer applies, and leaves the stack', async () => {
  const { commit } = await push('conflicts');
  expect(git('rev-parse', 'main')).toBe(git('rev-parse', STACK));
  expect(git('rev-parse', 'upstream')).toBe(commit);
  const merge = ['merge-tree', '--write-tree', '--name-only', 'upstream', 'main'];
  expect(() => git(...merge)).toThrow();
  expect(mergeOutput(merge)).toContain(`${CLIENTS}/clients/admin/internals/FenceProducersHandler.java`);
});

test('what comes after conflicts stands on the base that it had before', async () => {
  await push('conflicts');
  await push('good');
  expect(git('rev-parse', 'upstream')).toBe(git('rev-parse', '3.6.2'));
});

test('a push starts from what was last released, and what is released is not pushed again', async () => {
  const first = await push('good');
  git('update-ref', RELEASED_REF, first.commit);
  await push('breaks-tests');
  expect(git('rev-parse', 'main~1')).toBe(first.commit);

  const second = await push('good');
  expect(git('rev-parse', 'main~1')).toBe(first.commit);
  git('update-ref', RELEASED_REF, second.commit);
  expect(await push('good')).toMatchObject({
    commit: second.commit,
    summary: expect.stringContaining('already released'),
  });
});

test('the released tip can be given', async () => {
  const tip = git('rev-parse', `${STACK}~1`);
  await pushExample({ repository, kind: 'flaky', releasedTip: tip });
  expect(git('rev-parse', 'main~1')).toBe(tip);
});

test('the corrected patch takes the place of a broken one that was released', async () => {
  const broken = await push('breaks-cluster');
  await push('breaks-cluster-fixed');
  const corrected = git('rev-parse', `main:${CLIENTS}/clients/RequestRateGuard.java`);
  git('update-ref', RELEASED_REF, broken.commit);
  await push('breaks-cluster-fixed');
  expect(git('rev-parse', 'main~1')).toBe(broken.commit);
  expect(git('rev-parse', `main:${CLIENTS}/clients/RequestRateGuard.java`)).toBe(corrected);
});

test('an unknown kind is refused with the kinds that there are', async () => {
  await expect(push('nonsense')).rejects.toThrow(`take one of ${PUSH_KINDS.join(', ')}`);
});

function mergeOutput(args: string[]): string {
  try {
    return git(...args);
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout);
  }
}
