import { expect, test } from 'vitest';
import {
  couldBeWaived,
  type HeldTest,
  heldTestWords,
  type Waivable,
  waivable,
  waivedFacts,
  waivedWords,
  waiverBinds,
  waiverQuestion,
} from '../../decisions/verdict-waiver.ts';
import type { SuiteOutcome, VerdictKind } from '../../workflows/types.ts';

const held = (kind: VerdictKind, more: Partial<HeldTest> = {}): HeldTest => ({
  ...{ suite: 'fast', unit: 'org.x.TopicTest', test: 'org.x.TopicTest#accepts()', kind },
  ...{ candidate: { pass: 38, fail: 2 }, base: { pass: 40, fail: 0 }, message: 'expected: 42', evidence: 'log' },
  ...more,
});
const outcome = (holding: HeldTest[], more: Partial<SuiteOutcome> = {}): SuiteOutcome => ({
  ...{ suite: 'fast', suiteRun: 'k-1/1/fast', units: 1, slots: 1, seconds: 1, boundSeconds: 1, executions: 1 },
  ...{ repeated: 0, rerunSeconds: 0, tests: { passed: 1, failed: holding.length, skipped: 0 }, holding },
  ...more,
});

test.each<[what: string, outcomes: SuiteOutcome[], asked: boolean]>([
  ['undecided and untestable alone', [outcome([held('undecided')]), outcome([held('untestable')])], true],
  ['a regression beside it', [outcome([held('undecided')]), outcome([held('regression')])], false],
  ['destabilised', [outcome([held('destabilised')])], false],
  ['a suite that does not count', [outcome([held('undecided')]), outcome([], { problem: 'nothing ran' })], false],
  ['nothing that holds', [outcome([])], false],
])('couldBeWaived: %s', (_what, outcomes, asked) => {
  expect(couldBeWaived(outcomes)).toBe(asked);
});

test.each<[kinds: VerdictKind[], policy: Waivable[], tests: number]>([
  [['undecided'], [], 0],
  [['undecided'], ['undecided'], 1],
  [['undecided', 'untestable'], ['undecided'], 0],
  [['undecided', 'untestable'], ['undecided', 'untestable'], 2],
  // The 26th of a suite: its outcome does not name it.
  [[...Array<VerdictKind>(25).fill('undecided'), 'regression'], ['undecided', 'untestable'], 0],
])('of %j the policy %j lets %i through', (kinds, policy, tests) => {
  expect(
    waivable(
      kinds.map((kind) => held(kind)),
      policy,
    ),
  ).toHaveLength(tests);
});

test('whoever decides reads both arms, the power, what was tried and what it said', () => {
  const one = held('undecided', {
    ...{ power: 0.41, reason: 'fails 2 of 40 on the candidate, 0 of 40 on the base; too slow for more runs' },
    cost: { rerunSeconds: 412.4, culpritSeconds: 0 },
  });
  expect(heldTestWords(one, [])).toBe(
    'undecided in fast: TopicTest#accepts(): fails 2 of 40 on the candidate, 0 of 40 on the base; power 0.41: so likely would these runs have shown a real difference; tried: fails 2 of 40 on the candidate, 0 of 40 on the base; too slow for more runs; 412 s of reruns; it said: expected: 42',
  );
});

test('another count is another question; what an earlier waiver left, or what it cost, is none', () => {
  const facts = (one: HeldTest) => JSON.stringify(waivedFacts([one]));
  const one = held('undecided', { reason: 'why' });
  const waiver = { approval: 'k-1/1/verdicts/a', by: ['bob'] };
  expect(facts({ ...one, waiver, cost: { rerunSeconds: 9, culpritSeconds: 0 } })).toBe(facts(one));
  for (const other of [{ base: { pass: 39, fail: 1 } }, { kind: 'untestable' }, { message: 'other' }] as const)
    expect(facts({ ...one, ...other })).not.toBe(facts(one));
});

const about = {
  ...{ release: 'k-1', n: 2, verdicts: 'e'.repeat(64), details: 'd'.repeat(64), base: { digest: 'b' } },
  candidate: { commit: 'c'.repeat(40), version: '3.6.2-fork', digest: 'a' },
  ...{ id: 'k-1/2/verdicts/abc', settings: 's', requestedBy: 'ada', kinds: ['undecided'] as const },
  patches: [
    { author: 'Bob <bob@example.org>', subject: 'One' },
    { author: 'Bob <bob@example.org>', subject: 'Two' },
  ],
};

test('the question is bound to the candidate and the verdicts, and excludes whoever wrote it', () => {
  expect(waiverQuestion({ ...about, tests: 1, lines: ['undecided in fast: X'] })).toMatchObject({
    title: 'k-1: may candidate 2 go on in spite of 1 test (undecided)?',
    binds: {
      release: 'k-1',
      candidate: '2',
      artifacts: 'a',
      version: '3.6.2-fork',
      base: 'b',
      verdicts: 'e'.repeat(64),
    },
    ...{ requester: 'ada', excluded: ['Bob <bob@example.org>'], details: 'd'.repeat(64) },
  });
  const steered = waiverQuestion({ ...about, tests: 1, lines: [], steered: ['cyd', 'cyd'] });
  expect(steered).toMatchObject({ binds: waiverBinds(about), excluded: ['Bob <bob@example.org>', 'cyd'] });
  expect(waiverBinds({ ...about, verdicts: 'other' })).not.toEqual(waiverBinds(about));
});

test('of many there are as many whole lines as a message takes, and the number of the others', () => {
  const lines = Array.from({ length: 25 }, (_, i) => `undecided in fast: ${i} ${'x'.repeat(300)}`);
  const { summary } = waiverQuestion({ ...about, tests: 40, lines });
  expect(summary.length).toBeLessThanOrEqual(3_000);
  const shown = summary.split('\n').filter((line) => line.startsWith('- undecided'));
  expect(shown.every((line) => line.length > 300)).toBe(true);
  expect(summary).toContain(`- and ${40 - shown.length} more: all of it by approvals --show`);
});

test('the thread says who let it through', () => {
  const waiver = { approval: 'k-1/2/verdicts/abc', by: ['bob', 'eve'] };
  expect(waivedWords(2, waiver, ['undecided in fast: X'], 1)).toBe(
    'Candidate 2 goes on in spite of 1 test, which bob and eve let through (k-1/2/verdicts/abc):\n- undecided in fast: X',
  );
});
