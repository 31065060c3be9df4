import { expect, test } from 'vitest';
import {
  failureLogs,
  headOfFailure,
  logsOf,
  proofWords,
  provenWords,
  suiteProofWords,
} from '../../decisions/repair-proof.ts';
import { NONE_TOUCHED, touchedUnits } from '../../decisions/touched-units.ts';
import type { ProofOutcome } from '../../workflows/proof-types.ts';
import type { Verdict } from '../../workflows/types.ts';

const UNITS = ['org.foo.ATest', 'org.foo.BTest', 'org.bar.CTest', ':core:org.foo.DTest', 'DefaultTest', 'checks'];

test.each<[what: string, paths: string[], units: string[]]>([
  ['a test', ['core/src/test/java/org/bar/CTest.java'], ['org.bar.CTest']],
  [
    'a source: the tests of its package, in every module',
    ['core/src/main/java/org/foo/X.java'],
    ['org.foo.ATest', 'org.foo.BTest', ':core:org.foo.DTest'],
  ],
  ['a source of a package within it', ['core/src/main/java/org/foo/in/X.java'], []],
  ['a folder that only ends alike', ['core/src/main/java/myorg/foo/X.java'], []],
  ['a test without a package', ['DefaultTest.java'], ['DefaultTest']],
  ['what is no source', ['docs/org/foo/x.md', 'org/bar/data.bin'], []],
  ['nothing', [], []],
])('of %s', (_, paths, units) => {
  expect(touchedUnits(UNITS, paths)).toEqual(units);
});

const build = { fork: 'k', commit: 'c', version: '1', digest: 'd', artifacts: [], buildKey: 'b' };
const ran = (change: { units?: number; failed?: number; broke?: string[] } = {}): ProofOutcome => ({
  ...{ kind: 'ran', build, tests: [], logs: [] },
  whole: { suiteRun: 's', passed: 7, failed: 0, broke: [], ...change },
});

test.each<[what: string, outcome: ProofOutcome, words: string]>([
  ['all of it', ran(), 'whole suite: 7 passed, 0 failed, 0 of them broken by it'],
  [
    'what is touched',
    ran({ units: 3, failed: 1 }),
    '3 units that the stack touches or has beside what it touches: 7 passed, 1 failed, 0 of them broken by it; NOT run: the rest of it (`repair.proveWhole` is off)',
  ],
  ['nothing', ran({ units: 0 }), `NOT run: ${NONE_TOUCHED} (\`repair.proveWhole\` is off)`],
  ['a build alone', { kind: 'ran', build, tests: [], logs: [] }, 'NOT run'],
])('whoever decides reads what was run of a suite and what was not: %s', (_, outcome, words) => {
  expect(suiteProofWords(outcome)).toBe(words);
});

test('a build alone is told as that, with whatever else was run', () => {
  const built: ProofOutcome = { kind: 'ran', build, tests: [], logs: [] };
  expect(proofWords(built)).toBe('it builds');
  expect(proofWords(ran())).toBe('it builds; whole suite: 7 passed, 0 failed, 0 of them broken by it');
  expect(provenWords(built, ['NOT run: any suite'])).toMatch(/clean room: it builds; NOT run: any suite$/);
});

test('of a repaired test that is proven alone it is said that the rest was not run', () => {
  const one = { unit: 'u', test: 'T#a', before: { pass: 0, fail: 5 }, after: { pass: 5, fail: 0 } };
  const words = proofWords({ kind: 'ran', build, tests: [one], logs: [] });
  expect(words).toMatch(
    /^it builds; T#a failed 5 of 5 before, .*; NOT run: the rest of the suite \(`repair\.proveWhole` is off\)$/,
  );
});

test('a proof that failed gives the logs of what failed, three at the most', () => {
  const log = 'f'.repeat(64);
  const failing = {
    unit: 'u',
    test: 'T#a',
    before: { pass: 0, fail: 5 },
    after: { pass: 4, fail: 1 },
    message: 'no',
    log,
  };
  const passing = { ...failing, test: 'T#b', after: { pass: 5, fail: 0 } };
  const [run] = [ran()];
  const verdict = { unit: 'u', test: 'T#c', message: 'not so', evidence: log } as Verdict;
  const logs = logsOf([
    { ...verdict, evidence: 'toy-1/1/fast' },
    verdict,
    verdict,
    { ...verdict, logDifference: 'e'.repeat(64) },
  ]);
  expect(logs.map((one) => one.log)).toEqual([log, log, 'e'.repeat(64)]);
  const whole = { ...(run?.kind === 'ran' && run.whole), logs } as never;
  expect(
    failureLogs({ kind: 'ran', build, tests: [passing, failing], logs: [], whole }).map(({ name }) => name),
  ).toEqual([...['T#a', 'T#c', 'T#c']]);
  expect(failureLogs({ kind: 'does-not-build', reasons: [], log })).toEqual([{ name: 'the build', log }]);
});

test.each([
  ['from a little before what it said', 'it is not so: 4', '… (2 lines before)\nb\nc\nan error\nit is not so: 4\nend'],
  [
    'from its first error where that is nowhere',
    'elsewhere',
    '… (1 line before)\na\nb\nc\nan error\nit is not so: 4\nend',
  ],
])('the head of a log is %s', (_, message, head) => {
  expect(headOfFailure('0\na\nb\nc\nan error\nit is not so: 4\nend', message, 100)).toBe(head);
});

test('a log without an error is shown from its beginning, and is cut', () => {
  expect(headOfFailure('all is well', undefined, 5)).toBe('all i\n… (cut here)');
});
