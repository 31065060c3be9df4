import { describe, expect, test } from 'vitest';
import { type CommitFacts, readPatch } from '../../decisions/patch-trailers.ts';

const good: CommitFacts = {
  commit: 'a'.repeat(40),
  subject: 'Retry a fenced producer',
  author: 'A <a@example.org>',
  parents: 1,
  trailers: [
    { key: 'Reason', value: ' it hangs' },
    { key: 'Upstream-Status', value: ' Pending' },
    { key: 'Drop-When', value: ' 3.7' },
  ],
};
const withTrailer = (key: string, value: string): CommitFacts => ({
  ...good,
  trailers: [...good.trailers.filter((trailer) => trailer.key !== key), { key, value }],
});

describe('a commit as a patch', () => {
  test('has its words, trimmed, and its check where it has one', () => {
    expect(readPatch(withTrailer('Check', ' grep -q x y'))).toEqual({
      patch: {
        commit: good.commit,
        subject: good.subject,
        author: good.author,
        reason: 'it hangs',
        upstreamStatus: 'Pending',
        dropWhen: '3.7',
        check: 'grep -q x y',
      },
    });
  });

  test.each([
    ['no reason', { ...good, trailers: good.trailers.slice(1) }, /no trailer "Reason:"/],
    ['an empty Drop-When', withTrailer('Drop-When', ' '), /empty trailer "Drop-When:"/],
    ['a trailer twice', { ...good, trailers: [...good.trailers, ...good.trailers.slice(0, 1)] }, /"Reason:" 2 times/],
    ['an unknown status', withTrailer('Upstream-Status', 'Soon'), /"Soon" is none of: Pending/],
    ['a refusal without its reason', withTrailer('Upstream-Status', 'Inappropriate'), /needs its reason or link/],
    ['a merge', { ...good, parents: 2 }, /is a merge/],
    ['an empty check', withTrailer('Check', ''), /empty trailer "Check:"/],
  ] as const)('%s is refused with commit and rule', (_name, facts, message) => {
    const result = readPatch(facts as CommitFacts);
    expect('problems' in result && result.problems.join('\n')).toMatch(message);
    expect('problems' in result && result.problems[0]).toContain('aaaaaaaaaaaa "Retry a fenced producer"');
  });

  test('an Inappropriate one with its reason is a patch', () => {
    expect(readPatch(withTrailer('Upstream-Status', 'Inappropriate [ours alone]'))).toHaveProperty('patch');
  });
});
