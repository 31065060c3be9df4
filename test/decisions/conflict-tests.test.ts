import { expect, test } from 'vitest';
import { type Sides, testsIn } from '../../decisions/proposal/conflict-tests.ts';
import { type Finding, findingText, proposalFindings } from '../../decisions/proposal-gates.ts';
import { deletedFile, fileDiff } from './diff-text.ts';

const POLICY = { ...{ maxFiles: 3, maxLines: 80, protectedPaths: [] }, newDependencies: 'refuse' } as const;
const TEST = 'src/test/java/SumTest.java';
const OTHER = 'src/test/java/OtherTest.java';

const method = (name: string, ...lines: string[]) => [
  '  @Test',
  `  void ${name}() {`,
  ...lines.map((one) => `    ${one}`),
  '  }',
];
const all = (...methods: string[][]) => ['class SumTest {', ...methods.flat(), '}'].join('\n');
const ONE = method('one', 'assertEquals(1, sum(1));');
const TWO = method('two', 'assertEquals(2, sum(2));', 'verify(log).close();');
const MINE = method('mine', 'assertEquals(5, sum(5));');
const THEIRS = method('theirs', 'assertEquals(6, sum(6));');

/** As git leaves it: what the candidate has there is both sides with marks; the resolution is what stands there then. */
function marked(sides: Sides): string {
  const lines = (text: string | undefined) => (text ?? '').split('\n');
  const [base, patched] = [lines(sides.base), lines(sides.patched)];
  const before = [
    '<<<<<<< HEAD',
    ...base,
    '||||||| parent',
    ...lines(sides.old),
    '=======',
    ...patched,
    '>>>>>>> Patch',
  ];
  return fileDiff(TEST, [...before.map((line) => `-${line}`), ...lines(sides.resolved).map((line) => `+${line}`)]);
}

const judge = (sides: Sides, diff = marked(sides)): Finding[] =>
  proposalFindings(diff, POLICY, { neighbours: {}, heads: {}, failingTests: [], sides: { [TEST]: sides } });
const of = (kind: Finding['kind'], findings: Finding[]) =>
  findings
    .filter((one) => one.kind === kind)
    .map(findingText)
    .join('\n');

const OLD = all(ONE, TWO);
const DOC = ['  /**', '   * What it adds up: "/*" is no comment in it.', '   */'];

test.each<[what: string, sides: Sides]>([
  [
    'what both sides added',
    { old: OLD, base: all(ONE, TWO, THEIRS), patched: all(ONE, TWO, MINE), resolved: all(ONE, TWO, THEIRS, MINE) },
  ],
  ['what upstream alone removed', { old: OLD, base: all(ONE), patched: all(ONE, TWO, MINE), resolved: all(ONE, MINE) }],
  [
    'what the patch alone removed',
    { old: OLD, base: all(ONE, TWO, THEIRS), patched: all(ONE), resolved: all(ONE, THEIRS) },
  ],
  [
    'the same on both sides, once',
    { old: OLD, base: all(ONE, TWO, MINE), patched: all(ONE, TWO, MINE), resolved: all(ONE, TWO, MINE) },
  ],
  [
    'a file that was not there before',
    { old: undefined, base: all(THEIRS), patched: all(MINE), resolved: all(MINE, THEIRS) },
  ],
  [
    'a limit that upstream raised',
    {
      old: all(method('slow', 'assertTimeout(ofSeconds(10), this::run);')),
      base: all(method('slow', 'assertTimeout(ofSeconds(30), this::run);')),
      patched: all(method('slow', 'assertTimeout(ofSeconds(10), this::run);'), MINE),
      resolved: all(method('slow', 'assertTimeout(ofSeconds(30), this::run);'), MINE),
    },
  ],
  [
    'a test that upstream switched off',
    {
      old: OLD,
      base: all(ONE, ['  @Disabled("KAFKA-1")', ...TWO]),
      patched: all(ONE, TWO, MINE),
      resolved: all(ONE, ['  @Disabled("KAFKA-1")', ...TWO], MINE),
    },
  ],
  [
    'one name on each side',
    {
      old: all(ONE),
      base: all(method('first', 'assertEquals(1, sum(1));')),
      patched: all(ONE, MINE),
      resolved: all(method('first', 'assertEquals(1, sum(1));'), MINE),
    },
  ],
])('of a conflict %s passes', (_, sides) => {
  expect(of('refuse', judge(sides))).toBe('');
});

test.each<[what: string, sides: Sides, words: RegExp]>([
  [
    'a test of both',
    { old: OLD, base: all(ONE, TWO, THEIRS), patched: all(ONE, TWO, MINE), resolved: all(ONE, THEIRS, MINE) },
    /a test is lost that stands in upstream's version and in the patch's: «two»/,
  ],
  [
    'an assertion of both',
    {
      old: OLD,
      base: all(ONE, TWO, THEIRS),
      patched: all(ONE, TWO, MINE),
      resolved: all(ONE, method('two', 'verify(log).close();'), THEIRS, MINE),
    },
    /an assertion is lost .*assertEquals\(2, sum\(2\)\);/,
  ],
  [
    'one of two alike',
    {
      old: all(ONE, method('again', 'verify(log).close();', 'run();', 'verify(log).close();')),
      base: all(ONE, method('again', 'verify(log).close();', 'run();', 'verify(log).close();'), THEIRS),
      patched: all(ONE, method('again', 'verify(log).close();', 'run();', 'verify(log).close();'), MINE),
      resolved: all(ONE, method('again', 'verify(log).close();', 'run();'), THEIRS, MINE),
    },
    /an assertion is lost .*verify\(log\)/,
  ],
  [
    'what is put into a comment',
    {
      old: OLD,
      base: all(ONE, TWO, THEIRS),
      patched: all(ONE, TWO, MINE),
      resolved: all(ONE, method('two', '// assertEquals(2, sum(2));', 'verify(log).close();'), THEIRS, MINE),
    },
    /an assertion is lost/,
  ],
  [
    'upstream’s whole side',
    { old: OLD, base: all(ONE, TWO, THEIRS), patched: all(ONE, TWO, MINE), resolved: all(ONE, TWO, MINE) },
    /1 tests that one side wrote are not in the resolution, with 0 in their place: «theirs»/,
  ],
  [
    'the patch’s whole side',
    { old: OLD, base: all(ONE, TWO, THEIRS), patched: all(ONE, TWO, MINE), resolved: all(ONE, TWO, THEIRS) },
    /«mine»/,
  ],
  [
    'both sides, for one that always holds',
    {
      old: OLD,
      base: all(ONE, TWO, THEIRS),
      patched: all(ONE, TWO, MINE),
      resolved: all(ONE, TWO, method('theirs', 'assertTrue(true);'), MINE),
    },
    /an assertion holds whatever|assertions that one side wrote/,
  ],
  [
    'a test that the resolution alone switches off',
    {
      old: OLD,
      base: all(ONE, TWO, THEIRS),
      patched: all(ONE, TWO, MINE),
      resolved: all(ONE, TWO, ['  @Disabled', ...THEIRS], MINE),
    },
    /switched off/,
  ],
  [
    'a second test, by the line with which a side switched off another',
    {
      old: OLD,
      base: all(ONE, ['  @Disabled', ...TWO]),
      patched: all(ONE, TWO, MINE),
      resolved: all(ONE, ['  @Disabled', ...TWO], ['  @Disabled', ...MINE]),
    },
    /switched off/,
  ],
  [
    'a test of both that a comment goes around, whose ends stand in both',
    {
      old: all(ONE, DOC, TWO),
      base: all(ONE, DOC, TWO, THEIRS),
      patched: all(ONE, DOC, TWO, MINE),
      resolved: all(ONE, DOC, ['  /**', ...TWO, '   */'], THEIRS, MINE),
    },
    /a test is lost that stands in upstream's version and in the patch's: «two»/,
  ],
  [
    'the file, which both sides have',
    { old: OLD, base: OLD, patched: OLD, resolved: undefined },
    /a test is deleted that both sides have/,
  ],
])('of a conflict, to lose %s is refused', (_, sides, words) => {
  const diff = sides.resolved === undefined ? deletedFile(TEST, OLD.split('\n')) : marked(sides);
  expect(of('refuse', judge(sides, diff))).toMatch(words);
});

test('lines that nobody touched and a comment goes around are refused, after a comment that is harmless too', () => {
  const sides = { old: all(ONE, DOC), base: all(ONE, DOC), patched: all(ONE, DOC, MINE) };
  const resolved = all(DOC, ['  /**', ...ONE, '   */'], MINE);
  const around = ['-<<<<<<< HEAD', ...DOC.map((line) => `+${line}`), '+  /**', '-   */'];
  const diff = fileDiff(TEST, [...around, ...ONE.map((line) => ` ${line}`), '+   */', '->>>>>>> Patch']);
  expect(of('refuse', judge({ ...sides, resolved }, diff))).toMatch(/an assertion or a test is commented out/);
});

test.each([
  'assertEquals("/*", first());',
  "assertEquals('/*', first()); // it's one",
  'assertEquals("\\"/*", first());',
])('what looks like a comment in %s swallows nothing', (line) => {
  const odd = method('odd', line);
  const ends = method('ends', 'assertEquals("*/", last());');
  const sides = { old: OLD, base: all(odd, ONE, TWO, ends), patched: all(ONE, TWO, MINE) };
  expect(testsIn(all(odd, ONE, ends))).toEqual(['odd', 'one', 'ends']);
  expect(of('refuse', judge({ ...sides, resolved: all(odd, ONE, TWO, ends, MINE) }))).toBe('');
});

test('an assertion that both sides wrote anew may become one of both, which is pointed out; none at all may not', () => {
  const sides = {
    old: all(method('one', 'assertEquals(1, sum(1));')),
    base: all(method('one', 'assertEquals(2, sum(1));')),
    patched: all(method('one', 'assertEquals(1, sum(1, 0));')),
  };
  const both = judge({ ...sides, resolved: all(method('one', 'assertEquals(2, sum(1, 0));')) });
  expect(of('refuse', both)).toBe('');
  expect(of('point-out', both)).toMatch(
    /2 assertions that one side wrote are not in the resolution, with 2 in their place/,
  );
  expect(of('refuse', judge({ ...sides, resolved: all(method('one', 'sum(1, 0);')) }))).toMatch(
    /with 1 in their place/,
  );
});

test('what was moved to another test is not lost, and a file that one side deleted may go', () => {
  const sides = {
    old: OLD,
    base: all(ONE, TWO, THEIRS),
    patched: all(ONE, TWO, MINE),
    resolved: all(ONE, THEIRS, MINE),
  };
  const moved = fileDiff(
    OTHER,
    TWO.map((line) => `+${line}`),
  );
  expect(of('refuse', judge(sides, `${marked(sides)}${moved}`))).toBe('');
  const gone = judge(
    { old: OLD, base: undefined, patched: OLD, resolved: undefined },
    deletedFile(TEST, OLD.split('\n')),
  );
  expect(of('refuse', gone)).toBe('');
  expect(of('point-out', gone)).toMatch(/a test is deleted, as one side did/);
});

test('the same resolution against the file full of marks alone was refused', () => {
  const sides = { old: OLD, base: all(ONE), patched: all(ONE, TWO, MINE), resolved: all(ONE, MINE) };
  const facts = { neighbours: {}, heads: {}, failingTests: [] };
  expect(of('refuse', proposalFindings(marked(sides), POLICY, facts))).toMatch(/assertions are removed|test method/);
});

test.each<[line: string, name: string]>([
  ['  @Test\n  void adds() {', 'adds'],
  ['@ParameterizedTest(name = "{0}")\n@ValueSource(ints = {1})\npublic void adds(int x) {', 'adds'],
  ['@Test public void adds() {', 'adds'],
  ['@Test\n// why\nvoid adds() {', 'adds'],
  ["  it('adds numbers', () => {", 'adds numbers'],
  ['@Test\nfun `adds numbers`() {', 'fun `adds numbers`() {'],
  ['def test_adds():', 'test_adds'],
  ['func TestAdds(t *testing.T) {', 'TestAdds'],
  ['  test("adds") {', 'adds'],
])('%j is the test %s', (text, name) => {
  expect(testsIn(text)).toEqual([name]);
});
