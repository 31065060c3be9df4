import { describe, expect, test } from 'vitest';
import { isFileOf } from '../../decisions/repair.ts';
import { countedOf, judgeProof, proofWords } from '../../decisions/repair-proof.ts';
import { testsOfFiles, touchedTests, touchedWords } from '../../decisions/touched-tests.ts';
import type { ProofOutcome } from '../../workflows/proof-types.ts';

test('tests of a change are told by their place and name, each once', () => {
  const paths = ['core/src/main/java/a/Sum.java', 'core/src/test/java/a/SumTest.java', 'pkg/sum_test.go', 'pkg/sum.go'];
  expect(touchedTests([...paths, ...paths])).toEqual(['core/src/test/java/a/SumTest.java', 'pkg/sum_test.go']);
});

test.each<[what: string, unit: string, name: string, is: boolean]>([
  ['a method of the class', 'a.SumTest', 'SumTest#adds()', true],
  ['the class as a whole', 'a.SumTest', 'a.SumTest', true],
  ['a class inside of it', 'a.SumTest$Inner', 'Inner#adds()', true],
  ['a class of a suite that is one command', 'unit', 'a.SumTest#adds', true],
  ['another class', 'a.SumsTest', 'SumsTest#adds()', false],
])('%s is of a touched file, or not', (_, unit, name, is) => {
  expect(testsOfFiles([{ unit, test: name }], ['core/src/test/java/a/SumTest.java'])).toHaveLength(is ? 1 : 0);
});

test.each<[what: string, name: string, path: string, is: boolean]>([
  ["pytest's class", 'tests.test_sum.TestSum#test_adds', 'lib/tests/test_sum.py', true],
  ["pytest's module, called from above", 'lib.tests.test_sum#test_adds', 'tests/test_sum.py', true],
  ['a module of another folder', 'tests.other.test_sum#test_adds', 'tests/one/test_sum.py', false],
  ['a package that is called as a source', 'tests.sum.test_adds#test_adds', 'lib/sum.py', false],
  ["Go's package", 'example.org/x/p/q#TestSum', 'p/q/sum_test.go', true],
  ["Go's package, and no test of it", 'example.org/x/p/q#TestSum', 'p/q/sum.go', false],
  ['another package of Go', 'example.org/x/p/q#TestSum', 'p/sum_test.go', false],
  ['a class of a Maven module without a package', 'core:SumTest', 'core/src/test/java/SumTest.java', true],
])('%s is of a file, or not', (_, name, path, is) => {
  expect(isFileOf(path, { unit: 'all', test: name })).toBe(is);
});

describe('the whole suite', () => {
  const ran = (whole: object): ProofOutcome =>
    ({ kind: 'ran', build: {}, tests: [], logs: [], whole: { suiteRun: 's', broke: [], ...whole } }) as never;

  test('counts what the agent touched apart', () => {
    const counts = countedOf({
      tests: { passed: 10, failed: 2, skipped: 1 },
      touched: { passed: 3, failed: 1, skipped: 0 },
    });
    expect(counts).toEqual({ passed: 7, failed: 1, touched: { passed: 3, failed: 1 } });
    expect(proofWords(ran(counts))).toBe(
      'it builds; whole suite: 7 passed, 1 failed, 0 of them broken by it; apart from these, tests that the agent touched: 3 passed, 1 failed',
    );
  });

  test('counts what only uses that with it, some by name', () => {
    const tests = { passed: 10, failed: 0, skipped: 0 };
    const apart = { using: 9, classes: 3, named: ['BTest', 'CTest'] };
    const counts = countedOf({ tests, touched: { passed: 10, failed: 0, skipped: 0 }, apart });
    expect(judgeProof(ran(counts)).reasons).toEqual([
      'all of the suite that passed are tests that the agent touched or that use what it touched (BTest, CTest and 1 more): nothing is shown',
    ]);
    expect(proofWords(ran({ ...counts, apart: { ...apart, untold: 'too large' } }))).toContain(
      'apart from these, tests that the agent touched and all others, since who uses those cannot be told (too large): 10 passed, 0 failed',
    );
  });

  test('is counted as before where nothing was touched', () => {
    expect(countedOf({ tests: { passed: 10, failed: 0, skipped: 1 } })).toEqual({ passed: 10, failed: 0 });
    expect(proofWords(ran({ passed: 10, failed: 0 }))).not.toContain('apart');
  });

  test('shows nothing where all that passed is what the agent touched', () => {
    const only = judgeProof(ran({ passed: 0, failed: 0, touched: { passed: 3, failed: 0 } }));
    expect(only).toMatchObject({ proven: false, reasons: [expect.stringContaining('nothing is shown')] });
    expect(judgeProof(ran({ passed: 1, failed: 0, touched: { passed: 3, failed: 0 } })).proven).toBe(true);
  });

  test('is broken by what fails, whoever touched it', () => {
    const broke = judgeProof(
      ran({ passed: 9, failed: 0, touched: { passed: 0, failed: 1 }, broke: ['SumTest#adds()'] }),
    );
    expect(broke).toEqual({ proven: false, reasons: ['it breaks SumTest#adds()'] });
  });
});

test('all of them are told to whoever decides, however many, and no name writes a line of its own', () => {
  expect(touchedWords(undefined)).toEqual([]);
  const many = Array.from({ length: 30 }, (_, i) => `src/test/java/T${i}Test.java`);
  const [line] = touchedWords(many);
  expect(line).toMatch(/^30 tests that the agent added or touched, no proof of its change: /);
  for (const path of many) expect(line).toContain(path);
  expect(touchedWords(['a/Test\n\u202eA.java'])[0]).toMatch(/: a\/TestA\.java$/);
});
