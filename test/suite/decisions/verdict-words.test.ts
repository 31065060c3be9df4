import { describe, expect, test } from 'vitest';
import { holdReasons, suiteWords } from '../../../decisions/release-words.ts';
import { gateSuites } from '../../../decisions/suite-gate.ts';
import {
  byWeight,
  countWords,
  culpritWords,
  evidenceWords,
  kindWords,
  testName,
} from '../../../decisions/verdict-words.ts';
import type { SuiteOutcome, Verdict } from '../../../workflows/types.ts';

const PATCHES = [
  { commit: '1'.repeat(40), subject: 'Retry what is fenced' },
  { commit: '2'.repeat(40), subject: 'Refuse mixed names' },
].map((patch) => ({ ...patch, author: 'a', reason: 'r', upstreamStatus: 's', dropWhen: 'd' }));
const verdict: Verdict = {
  unit: 'org.x.TopicTest',
  test: 'org.x.TopicTest#accepts()',
  kind: 'regression',
  candidate: { pass: 0, fail: 8 },
  base: { pass: 5, fail: 0 },
  message: 'expected: <1> but was: <2>',
  culprit: ['2'.repeat(40)],
  culpritReason: 'the test fails with this patch alone on the base',
  logDifference: 'ab'.repeat(32),
  evidence: 'cd'.repeat(32),
};
const outcome: SuiteOutcome = {
  suite: 'fast',
  suiteRun: 'kafka-1/1/fast',
  units: 2,
  slots: 2,
  seconds: 57.4,
  boundSeconds: 50,
  tests: { passed: 6_301, failed: 4, skipped: 12 },
  executions: 2,
  repeated: 0,
  rerunSeconds: 40.4,
  verdicts: { regression: 1, 'pre-existing': 3 },
  holding: [verdict],
};

test('a thread names the test, the counts of both arms, the patch and the evidence', () => {
  expect(suiteWords(outcome, PATCHES)).toBe(
    [
      'fast: 6301 passed, 4 failed, 12 skipped in 57 s on 2 slots',
      `• regression TopicTest#accepts(): fails 8 of 8 on the candidate, 0 of 5 on the base; patch 2 "Refuse mixed names" (222222222222); new in its log: artifacts/ab/${'ab'.repeat(32)}`,
      'Verdicts: 1 regression, 3 pre-existing; reruns took 40 s',
    ].join('\n'),
  );
  expect(holdReasons([outcome], PATCHES)).toEqual([
    'regression in fast: TopicTest#accepts() by patch 2 "Refuse mixed names" (222222222222): expected: <1> but was: <2>',
  ]);
});

test('a suite whose failures nobody caused says what they were', () => {
  const words = suiteWords({ ...outcome, holding: [], verdicts: { 'pre-existing': 3, flaky: 1 } }, PATCHES);
  expect(words).toContain("None of the failures is the patches'");
  expect(words).toContain('Verdicts: 1 flaky, 3 pre-existing');
});

test.each([
  ['nothing failed', [{ ...outcome, holding: [] }], 'pass'],
  ['a verdict holds it', [outcome], 'held'],
  ['nothing was executed', [{ ...outcome, holding: [], problem: 'nothing was executed' }], 'held'],
  [
    'the machines never ran a batch',
    [{ ...outcome, holding: [], problem: 'could not be run', machines: true }],
    'failed',
  ],
  [
    'the machines failed one suite, a patch the other',
    [outcome, { ...outcome, holding: [], problem: 'could not be run', machines: true }],
    'held',
  ],
] as const)('suites: %s', (_name, outcomes, kind) => {
  expect(gateSuites(outcomes as unknown as SuiteOutcome[], PATCHES).kind).toBe(kind);
});

describe('words', () => {
  test.each([
    ['org.x.TopicTest', 'org.x.TopicTest#accepts(String)[1]', 'TopicTest#accepts(String)[1]'],
    ['org.x.TopicTest', 'org.x.TopicTest', 'TopicTest'],
    ['org.x.Outer$Inner', 'org.x.Outer$Inner#a()', 'Outer$Inner#a()'],
    ['tests', 'creates a topic', 'tests creates a topic'],
  ])('%s %s is called %s', (unit, name, expected) => expect(testName({ unit, test: name })).toBe(expected));

  test.each([
    [{}, 'patch 2 "Refuse mixed names" (222222222222)'],
    [
      { culprit: [PATCHES[0]?.commit ?? '', PATCHES[1]?.commit ?? ''] },
      'patch 1 "Retry what is fenced" (111111111111) together with patch 2 "Refuse mixed names" (222222222222)',
    ],
    [
      { culprit: PATCHES.map(({ commit }) => commit), culpritReason: 'one of these: what is between does not build' },
      'one of patch 1 "Retry what is fenced" (111111111111), patch 2 "Refuse mixed names" (222222222222)',
    ],
    [{ culprit: ['3'.repeat(40)] }, '333333333333'],
    [{ culprit: [] }, 'no patch stands out'],
  ] as const)('a culprit %#', (more, words) => {
    expect(culpritWords({ culpritReason: 'x', ...verdict, ...more } as Verdict, PATCHES)).toBe(words);
  });

  test('no search, no culprit, no evidence: no words', () => {
    expect(culpritWords({}, PATCHES)).toBe('');
    expect(evidenceWords({ evidence: 'kafka-1/1/fast' })).toBe('');
    expect(evidenceWords({ evidence: 'cd'.repeat(32) })).toBe(`log: artifacts/cd/${'cd'.repeat(32)}`);
  });

  test('counts say what stood for the base, and that nothing was run', () => {
    expect(countWords({ candidate: { pass: 3, fail: 2 }, base: { pass: 5, fail: 0 }, against: '3.6.2-fork.4' })).toBe(
      'fails 2 of 5 on the candidate, 0 of 5 on 3.6.2-fork.4',
    );
    expect(countWords({ candidate: { pass: 0, fail: 0 }, base: { pass: 0, fail: 0 } })).toContain('not run');
  });

  test('what holds a release comes first', () => {
    const of = (kind: Verdict['kind'], name: string) => ({ ...verdict, kind, test: name });
    const sorted = byWeight([of('flaky', 'a'), of('regression', 'c'), of('pre-existing', 'b'), of('regression', 'b')]);
    expect(sorted.map(({ kind, test: name }) => `${kind} ${name}`)).toEqual([
      'regression b',
      'regression c',
      'flaky a',
      'pre-existing b',
    ]);
    expect(kindWords({ flaky: 2, undecided: 1 })).toBe('1 undecided, 2 flaky');
  });
});
