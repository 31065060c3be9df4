import { expect, test } from 'vitest';
import { judgeBuildFailure } from '../../decisions/build-failure.ts';

test.each([
  ['[ERROR] /x/A.java:[3,5] cannot find symbol', 1, 'broken', /cannot find symbol/],
  ['[ERROR] Could not resolve dependencies for project a:b:jar:1', 1, 'dependencies', /Could not resolve/],
  [
    '[ERROR] Cannot access central in offline mode and the artifact x has not been downloaded',
    1,
    'dependencies',
    /offline/,
  ],
  ['make: *** [all] error: 2', 2, 'broken', /ended with exit 2/],
  ['', undefined, 'broken', /was killed/],
] as const)('%s → %s', (log, exit, kind, reason) => {
  const failure = judgeBuildFailure(log, exit);
  expect(failure.kind).toBe(kind);
  expect(failure.reasons.join('\n')).toMatch(reason);
});

test('the reasons stay short, whatever the log holds', () => {
  const failure = judgeBuildFailure(`${'[ERROR] x'.padEnd(100_000, 'x')}\n`.repeat(50), 1);
  expect(failure.reasons.length).toBeLessThanOrEqual(6);
  expect(Math.max(...failure.reasons.map((reason) => reason.length))).toBeLessThanOrEqual(300);
});
