import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { allowedEnvironment, GIT_ENVIRONMENT } from '../../config/env.ts';
import { joinedRelease } from '../../decisions/joined-release.ts';
import { tipOf } from '../../git/clone.ts';
import { run } from '../../lib/run.ts';
import { makeRepository } from '../release/repository.ts';

describe('a release that is asked for joins', () => {
  const running = [
    { id: 'urgent', ref: 'main', tip: 'b', expedite: true, suites: ['fast', 'slow'] },
    { id: 'main', ref: 'main', tip: 'a', expedite: false, suites: ['fast', 'slow'] },
    { id: 'old', ref: 'gone', tip: null, expedite: false, suites: ['fast', 'slow'] },
  ];
  test.each<[what: string, asked: Partial<Parameters<typeof joinedRelease>[1]>, id: string | undefined]>([
    ['the same commit of the same reference', { ref: 'main', tip: 'a', expedite: false }, 'main'],
    ['the same commit by another name', { ref: 'topic', tip: 'a', expedite: false }, 'main'],
    ['the same reference where its commit cannot be told', { ref: 'main', expedite: false }, 'main'],
    ['one whose commit was not known', { ref: 'gone', tip: 'x', expedite: false }, 'old'],
    ['the same lane', { ref: 'main', tip: 'b', expedite: true }, 'urgent'],
    ['nothing, where the branch has moved', { ref: 'main', tip: 'c', expedite: false }, undefined],
    ['nothing, of another reference', { ref: 'topic', tip: 'c', expedite: false }, undefined],
    ['nothing, of the other lane', { ref: 'main', tip: 'a', expedite: true }, undefined],
    ['the same suites in another order', { tip: 'a', suites: ['slow', 'fast'] }, 'main'],
    ['nothing, of fewer suites', { tip: 'a', suites: ['fast'] }, undefined],
    ['nothing, of more suites', { tip: 'a', suites: ['fast', 'slow', 'long'] }, undefined],
  ])('%s', (_what, asked, id) => {
    const whole = { ref: 'main', expedite: false, suites: ['fast', 'slow'], ...asked };
    expect(joinedRelease(running, whole)?.id).toBe(id);
  });
});

describe('what a reference names, without a clone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'patchwright-tip-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('a branch, a tag of either kind, a commit, and what is not there', async () => {
    const repository = makeRepository(join(folder, 'fork'));
    const first = repository.commit({ a: '1' }, 'one');
    repository.git('tag', '--annotate', '--message', 'words', 'v1');
    repository.git('checkout', '--quiet', '-b', 'deep/upstream');
    const second = repository.commit({ a: '2' }, 'two');
    const tip = (ref: string, where = repository.dir) =>
      tipOf({ run, environment: allowedEnvironment(GIT_ENVIRONMENT) }, where, ref);
    expect(await tip('upstream')).toBe(first);
    expect(await tip('v1')).toBe(first);
    expect(await tip('refs/heads/deep/upstream')).toBe(second);
    expect(await tip(second)).toBe(second);
    expect(await tip('none')).toBeUndefined();
    expect(await tip('--upload-pack=x')).toBeUndefined();
    expect(await tip('upstream', join(folder, 'none'))).toBeUndefined();
  });
});
