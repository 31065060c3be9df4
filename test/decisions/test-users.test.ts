import { expect, test } from 'vitest';
import { isTestSource, testUsers } from '../../decisions/test-users.ts';
import { testsApart, usesProblems } from '../../decisions/touched-tests.ts';

const T = 'core/src/test/java/a';
const java = (name: string, text: string) => ({ path: `${T}/${name}.java`, text });

/** Files of tests, which of them is touched, and what uses it. */
const CASES: [what: string, files: Record<string, string>, touched: string, users: string[]][] = [
  [
    'a base class, through another one',
    {
      [`${T}/Base.java`]: 'abstract class Base {}',
      [`${T}/Middle.java`]: 'abstract class Middle extends Base {}',
      [`${T}/SumTest.java`]: 'class SumTest extends Middle {}',
      [`${T}/BaseTest.java`]: 'class BaseTest { Baseline b; }',
    },
    `${T}/Base.java`,
    [`${T}/Middle.java`, `${T}/SumTest.java`],
  ],
  [
    'a helper that is imported whole',
    {
      [`${T}/Waits.java`]: 'public final class Waits {}',
      [`${T}/ATest.java`]: 'import static a.Waits.*;\nclass ATest {}',
    },
    `${T}/Waits.java`,
    [`${T}/ATest.java`],
  ],
  ['a test that nobody names', { [`${T}/ATest.java`]: 'class ATest {}' }, `${T}/ATest.java`, []],
  [
    'one that is gone, by its name',
    { [`${T}/ATest.java`]: 'class ATest { Gone gone; }' },
    `${T}/Gone.java`,
    [`${T}/ATest.java`],
  ],
  [
    'two that use each other',
    { [`${T}/A.java`]: 'class A { B b; }', [`${T}/B.java`]: 'class B { A a; }' },
    `${T}/A.java`,
    [`${T}/B.java`],
  ],
  [
    'a second class of a file of Java',
    { [`${T}/One.java`]: 'class One {}\nclass Two {}', [`${T}/ATest.java`]: 'class ATest { Two two; }' },
    `${T}/One.java`,
    [`${T}/ATest.java`],
  ],
  [
    'a trait of Scala, among others in its file',
    {
      's/src/test/scala/Kit.scala': 'object Kit\nprotected trait Waiting { class Inner }',
      's/src/test/scala/ASuite.scala': 'class ASuite extends Waiting',
      's/src/test/scala/BSuite.scala': 'class BSuite { val Inner = 1 }',
    },
    's/src/test/scala/Kit.scala',
    ['s/src/test/scala/ASuite.scala'],
  ],
  [
    'a function of Kotlin that stands in no class',
    {
      'k/src/test/kotlin/Kit.kt': 'internal fun <T> List<T>.settle(): T = first()',
      'k/src/test/kotlin/ATest.kt': 'class ATest { fun a() = listOf(1).settle() }',
    },
    'k/src/test/kotlin/Kit.kt',
    ['k/src/test/kotlin/ATest.kt'],
  ],
  [
    'the fixtures of pytest, for all below them',
    { 'tests/a/conftest.py': '', 'tests/a/b/test_sum.py': 'def test_sum(): pass', 'tests/test_other.py': '' },
    'tests/a/conftest.py',
    ['tests/a/b/test_sum.py'],
  ],
  [
    'a module of JavaScript with a dash in its name',
    { 'test/my-kit.ts': '', 'test/a.test.ts': "import './my-kit.js';", 'test/b.test.ts': '' },
    'test/my-kit.ts',
    ['test/a.test.ts'],
  ],
  [
    'a file of a package of Go',
    { 'p/kit_test.go': '', 'p/sum_test.go': '', 'q/sum_test.go': '' },
    'p/kit_test.go',
    ['p/sum_test.go'],
  ],
  [
    'data that a test names, for that test',
    { [`${T}/ATest.java`]: 'read("a.json")', [`${T}/BTest.java`]: '' },
    'core/src/test/resources/a.json',
    [`${T}/ATest.java`],
  ],
  [
    'settings that no test names, for all beside them',
    { [`${T}/ATest.java`]: '', 'other/src/test/java/BTest.java': '' },
    'core/src/test/resources/junit-platform.properties',
    [`${T}/ATest.java`],
  ],
  [
    'an extension that a JVM loads by itself, for all beside its list',
    {
      [`${T}/Quiet.java`]: 'class Quiet {}',
      'core/src/test/resources/META-INF/services/org.junit.Extension': 'a.Quiet',
      [`${T}/ATest.java`]: '',
    },
    `${T}/Quiet.java`,
    [`${T}/ATest.java`, 'core/src/test/resources/META-INF/services/org.junit.Extension'],
  ],
  [
    'an extension whose list is named by a test too, for all others as well',
    {
      'core/src/main/resources/META-INF/services/org.junit.Extension': 'a.Quiet',
      [`${T}/Quiet.java`]: 'class Quiet {}',
      [`${T}/ATest.java`]: 'import org.junit.Extension;',
      [`${T}/BTest.java`]: '',
    },
    `${T}/Quiet.java`,
    [`${T}/ATest.java`, `${T}/BTest.java`, 'core/src/main/resources/META-INF/services/org.junit.Extension'],
  ],
  [
    'settings that a runner takes up, though a test speaks of them',
    { [`${T}/ATest.java`]: '// as junit-platform.properties says', [`${T}/BTest.java`]: '' },
    'core/src/test/resources/junit-platform.properties',
    [`${T}/ATest.java`, `${T}/BTest.java`],
  ],
  [
    'classes that are not called as their file, however they are marked',
    {
      [`${T}/Kit.scala`]: 'private[a] class One\n@Tag("x") @Run(f(1)) final class Two\n',
      [`${T}/Mark.java`]: 'public @interface Slow {}',
      [`${T}/ATest.java`]: '@Slow class ATest {}',
      [`${T}/BTest.java`]: 'Two two;',
    },
    `${T}/Kit.scala`,
    [`${T}/BTest.java`],
  ],
  [
    'a mark that is not called as its file',
    { [`${T}/Mark.java`]: 'public @interface Slow {}', [`${T}/ATest.java`]: '@Slow class ATest {}' },
    `${T}/Mark.java`,
    [`${T}/ATest.java`],
  ],
  ['a source of the product, which is no test', { [`${T}/ATest.java`]: 'Sum' }, 'core/src/main/java/a/Sum.java', []],
];

test.each(CASES)('%s: its users are found', (_, files, touched, users) => {
  const texts = Object.entries(files).map(([path, text]) => ({ path, text }));
  expect(texts.every(({ path }) => isTestSource(path))).toBe(true);
  expect(testUsers(texts, [touched]).users).toEqual([...users].sort());
});

test('what only the change itself names is read by all, unless the change has brought it', () => {
  const files = [java('ATest', ''), java('NewTest', '"cases.json"')];
  const touched = ['core/src/test/resources/cases.json', `${T}/NewTest.java`];
  expect(testUsers(files, touched).users).toEqual([`${T}/ATest.java`]);
  expect(testUsers(files, touched, new Set(touched)).users).toEqual([]);
});

test('of a language that is not read nothing is guessed', () => {
  const found = testUsers([java('ATest', '')], ['gem/test/kit.rb']);
  expect(found.untold).toBe('no source of a test beside "gem/test/kit.rb" can be read');
  expect(testUsers([], ['p/sum_test.go'])).toEqual({ users: [], names: [] });
});

test('however many use one another, and however long a line is, it takes no time', () => {
  const chain = Array.from({ length: 3_000 }, (_, i) => java(`T${i}Test`, `class T${i}Test { T${i - 1}Test t; }`));
  const odd = java('Odd', `${'a    '.repeat(50_000)}\n${'fun a.'.repeat(50_000)}`);
  expect(testUsers([...chain, odd], [`${T}/T0Test.java`]).users).toHaveLength(2_999);
  const modules = Array.from({ length: 1_000 }, (_, i) => {
    return { path: `test/a${i}.test.ts`, text: `import './a${i - 1}.test.js';\n`.padEnd(20_000, 'some words ') };
  });
  expect(testUsers(modules, ['test/a0.test.ts']).users).toHaveLength(999);
  const marks = java('Marks', `${'@a('.repeat(50_000)}\n${'@a(b) '.repeat(50_000)}\n@a(${'(b)'.repeat(50_000)}`);
  expect(testUsers([marks], [marks.path]).names).toEqual([]);
});

test.each([
  ['one that is touched, and one that uses it', 'a.BTest', { using: 1, classes: 1, named: ['BTest'] }],
  ['a class that is not called as its file', 'a.Second', { using: 1, classes: 1, named: ['Second'] }],
  ['one that uses nothing of it', 'a.CTest', undefined],
])('%s are told apart', (_, unit, told) => {
  const tests = [
    { unit: 'a.ATest', test: 'ATest#a()' },
    { unit, test: `${unit.slice(2)}#b()` },
  ];
  const apart = testsApart(tests, [`${T}/ATest.java`], { users: [`${T}/BTest.java`], names: ['ATest', 'Second'] });
  expect(apart.told).toEqual(told);
  expect(apart.tests).toHaveLength(told === undefined ? 1 : 2);
});

test('where the users cannot be told, all tests are', () => {
  const tests = ['a.ATest', 'a.CTest'].map((unit) => ({ unit, test: `${unit}#a()` }));
  const found = { users: [], names: [], untold: 'too large' };
  expect(testsApart(tests, [`${T}/ATest.java`], found)).toMatchObject({
    tests,
    told: { using: 1, untold: 'too large' },
  });
  expect(usesProblems(tests, found)[0]?.words).toContain('cannot be told (too large)');
});

test('a change of what its own failing test uses goes back, with what to do instead', () => {
  const failing = [{ unit: 'a.ATest', test: 'ATest#a()' }];
  expect(usesProblems(failing, { users: [`${T}/BTest.java`], names: ['BTest'] })).toEqual([]);
  const [problem] = usesProblems(failing, { users: [`${T}/ATest.java`], names: [] });
  expect(problem).toMatchObject({
    kind: 'refuse',
    words: expect.stringContaining('ATest#a(), which it is to mend, uses'),
  });
});
