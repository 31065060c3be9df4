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

const SYMBOL = 'cannot find symbol; symbol: variable nam; location: class Greeter';

test.each<[what: string, log: string, reasons: string[]]>([
  [
    'javac',
    `Greeter.java:4: error: cannot find symbol
    return "hello " + nam;
                      ^
  symbol:   variable nam
  location: class Greeter
Greeter.java:9: error: incompatible types: int cannot be converted to String
    return 5;
           ^
2 errors`,
    [
      `Greeter.java:4: error: ${SYMBOL}`,
      'Greeter.java:9: error: incompatible types: int cannot be converted to String',
    ],
  ],
  [
    'Maven, which says it all twice',
    `[ERROR] COMPILATION ERROR : 
[ERROR] /x/A.java:[3,5] cannot find symbol
  symbol:   variable nam
  location: class Greeter
[INFO] 1 error
[ERROR] Failed to execute goal compile on project clients: Compilation failure
[ERROR] /x/A.java:[3,5] cannot find symbol
[ERROR]   symbol:   variable nam
[ERROR]   location: class Greeter
[ERROR] -> [Help 1]
[ERROR] 
[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.`,
    [
      `[ERROR] /x/A.java:[3,5] ${SYMBOL}`,
      '[ERROR] Failed to execute goal compile on project clients: Compilation failure',
    ],
  ],
  [
    'a generic method',
    `A.java:7: error: method put in interface Map<K,V> cannot be applied to given types;
    map.put(1);
       ^
  required: String,Integer
  found:    int
  reason: actual and formal argument lists differ in length`,
    [
      'A.java:7: error: method put in interface Map<K,V> cannot be applied to given types;; required: String,Integer; found: int; reason: actual and formal argument lists differ in length',
    ],
  ],
])('what an error is about stands beside it: %s', (_, log, reasons) => {
  expect(judgeBuildFailure(log, 1)).toEqual({
    kind: 'broken',
    reasons: ['the build command ended with exit 1', ...reasons],
  });
});
