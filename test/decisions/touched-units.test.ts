import { expect, test } from 'vitest';
import { proofWords, provenWords, suiteProofWords } from '../../decisions/repair-proof.ts';
import { NONE_TOUCHED, touchedUnits } from '../../decisions/touched-units.ts';
import type { ProofOutcome } from '../../workflows/proof-types.ts';

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
