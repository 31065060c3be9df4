import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type ListingOptions, listMavenUnits, modulesOf } from '../../runner/maven-units.ts';
import { mavenWords, takenTogether, unitOfReport } from '../../runner/maven-words.ts';
import type { MavenSpec, WorkItem } from '../../runner/protocol.ts';
import { GENEROUS } from './slot-world.ts';

function checkout(files: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), 'pw-maven-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

const pom = (...modules: string[]) =>
  `<project><!-- <modules><module>commented</module></modules> --><modules>${modules.map((m) => `<module>${m}</module>`).join('')}</modules>
   <profiles><profile><modules><module>only-in-a-profile</module></modules></profile></profiles></project>`;

const OPTIONS: ListingOptions = {
  plugin: 'surefire',
  sources: ['src/test/java', 'src/test/kotlin', 'src/test/groovy', 'src/test/scala'],
};

test('modules are those that the poms name, inside of the checkout', () => {
  const dir = checkout({
    'pom.xml': pom('a', 'b/c', '.'),
    'a/pom.xml': pom('../b/c', 'd/pom.xml'),
    'a/d/pom.xml': pom(),
    'b/c/pom.xml': pom(),
  });
  expect(modulesOf(dir)).toEqual(['', 'a', 'b/c', 'a/d']);
  expect(() => modulesOf(checkout({ 'pom.xml': pom('../elsewhere') }))).toThrow(/outside of the checkout/);
  expect(() => modulesOf(checkout({ 'pom.xml': pom('gone') }))).toThrow(/gone\/pom.xml is not in the checkout/);
  expect(() => modulesOf(checkout({ 'pom.xml': '<!DOCTYPE p [<!ENTITY x "y">]><project/>' }))).toThrow(/document type/);
});

const javaTest = (name: string, rest = 'class {} { @Test void t() {} }') =>
  `package a.b;\nimport org.junit.jupiter.api.Test;\n${rest.replace('{}', name)}\n`;
const at = (name: string, module = '') => join(module, 'src/test/java/a/b', `${name}.java`);

test('units are the classes with tests, named with their module', () => {
  const dir = checkout({
    'pom.xml': pom('core', 'app'),
    'core/pom.xml': pom(),
    'app/pom.xml': pom(),
    [at('RootTest')]: javaTest('RootTest'),
    [at('CoreTest', 'core')]: javaTest(
      'CoreTest',
      '@Tag("x") public final class {} { @ParameterizedTest void t() {} }',
    ),
    [at('AbstractTest', 'core')]: javaTest('AbstractTest', 'public abstract class {}<T> { @Test void t() {} }'),
    [at('ContractTest', 'core')]: javaTest('ContractTest', 'interface {} { @Test default void t() {} }'),
    [at('InheritsTest', 'core')]: 'package a.b; class InheritsTest extends AbstractTest<String> {}',
    [at('ImplementsTest', 'core')]:
      'package a.b; class ImplementsTest implements Runnable, ContractTest { public void run() {} }',
    [at('OldTest', 'core')]:
      'package a.b; public class OldTest extends junit.framework.TestCase { public void testX() {} }',
    [at('TestTools', 'core')]: 'package a.b; final class TestTools { /* @Test class */ static void abstractly() {} }',
    [at('Helper', 'core')]: javaTest('Helper'),
    [at('AppIT', 'app')]: javaTest('AppIT'),
    'app/src/test/kotlin/Specs.kt':
      'package a.k\n\nclass FirstTest {\n  @Test fun t() {}\n}\nabstract class BaseTest {\n}\nclass SecondTest : BaseTest() {\n}\n',
    'app/target/src/test/java/a/b/StaleTest.java': javaTest('StaleTest'),
  });
  symlinkSync('/etc', join(dir, 'app/src/test/java/etc'));
  expect(listMavenUnits(dir, OPTIONS)).toEqual([
    'a.b.RootTest',
    'app:a.k.FirstTest',
    'app:a.k.SecondTest',
    'core:a.b.CoreTest',
    'core:a.b.ImplementsTest',
    'core:a.b.InheritsTest',
    'core:a.b.OldTest',
  ]);
  expect(listMavenUnits(dir, { ...OPTIONS, plugin: 'failsafe' })).toEqual(['app:a.b.AppIT']);
  expect(listMavenUnits(dir, { ...OPTIONS, modules: ['core'], wanted: (name) => name === 'a.b.Helper' })).toEqual([
    'core:a.b.Helper',
  ]);
});

test('a module with its tests elsewhere has them found there', () => {
  const folder = ['$', '{project.basedir}/test'].join('');
  const own = `<project><build><testSourceDirectory>${folder}</testSourceDirectory></build></project>`;
  const dir = checkout({ 'pom.xml': own, 'test/a/b/XTest.java': javaTest('XTest') });
  expect(listMavenUnits(dir, OPTIONS)).toEqual(['a.b.XTest']);
});

const spec: MavenSpec = {
  ...{ kind: 'maven', command: ['mvn', '-q'], arguments: ['-Pslow'], plugin: 'surefire', offline: true },
  ...{ reports: 'target/surefire-reports', env: {}, arms: {} },
};
const item = (unit: string, name?: string): WorkItem => ({
  ...{ item: 0, unit, arm: 'candidate', selector: unit, limits: GENEROUS },
  ...(name === undefined ? {} : { test: name }),
});

test.each([
  ['of the root', [item('a.BTest')], ['-Dtest=a.BTest', 'test'], []],
  [
    'of modules',
    [item('core:a.BTest'), item('app:a.CTest'), item('core:a.DTest')],
    ['-Dtest=a.BTest,a.CTest,a.DTest', 'test'],
    ['core,app', '--also-make'],
  ],
  [
    'of root and module',
    [item('a.BTest'), item('app:a.CTest')],
    ['-Dtest=a.BTest,a.CTest', 'test'],
    ['.,app', '--also-make'],
  ],
  [
    'one test',
    [item('app:a.BTest', 'a.BTest#t(int,java.lang.String)')],
    ['-Dtest=a.BTest#t', 'test'],
    ['app', '--also-make'],
  ],
  ['an invocation', [item('app:a.BTest', 'a.BTest#t(int)[2]')], ['-Dtest=a.BTest#t*', 'test'], ['app', '--also-make']],
  [
    'one of a nested class',
    [item('app:a.BTest', 'a.BTest$In#t()')],
    ['-Dtest=a.BTest#t', 'test'],
    ['app', '--also-make'],
  ],
  [
    'one with a name of its own',
    [item('app:a.BTest', 'a.BTest#adds, really')],
    ['-Dtest=a.BTest', 'test'],
    ['app', '--also-make'],
  ],
  ['the class as a whole', [item('app:a.BTest', 'app:a.BTest')], ['-Dtest=a.BTest', 'test'], ['app', '--also-make']],
])('the words for tests %s', (_what, items, last, modules) => {
  const words = mavenWords(spec, items, items.length > 1);
  expect(words.slice(0, 3)).toEqual(['mvn', '-q', '--batch-mode']);
  expect(words.slice(-2)).toEqual(last);
  const chosen = words.indexOf('--projects');
  expect(chosen < 0 ? [] : words.slice(chosen + 1, chosen + 3)).toEqual(modules);
  expect(words).toEqual(expect.arrayContaining(['--offline', '-Pslow', '-Dsurefire.failIfNoSpecifiedTests=false']));
  expect(words.includes('-Dmaven.test.failure.ignore=true')).toBe(items.length > 1);
});

test('Failsafe runs to the end of its phases, and Surefire nothing', () => {
  const words = mavenWords({ ...spec, plugin: 'failsafe', offline: false }, [item('app:a.BIT')], false);
  expect(words.slice(-3)).toEqual(['-Dtest=patchwright.NoSuchTest', '-Dit.test=a.BIT', 'verify']);
  expect(words).not.toContain('--offline');
});

test.each([
  ['core/target/surefire-reports/TEST-a.BTest.xml', 'core', 'a.BTest', false],
  ['target/surefire-reports/TEST-a.BTest$In$Deep.xml', '', 'a.BTest', true],
  ['x/y/target/surefire-reports/TEST-a.BTest(slow).xml', 'x/y', 'a.BTest', false],
])('%s is the report of %s %s', (path, module, className, nested) => {
  expect(unitOfReport(path, 'target/surefire-reports')).toEqual({ module, className, nested });
});

const many = Array.from({ length: 300 }, (_, n) => item(`a.B${n}Test`));
const fresh = (unit: string): WorkItem => ({ ...item(unit), fresh: true });

test.each([
  ['whole classes', [item('a.B'), item('m:a.C')], 2],
  ['a replay: a new process that stays to its end', [fresh('a.B'), item('a.C'), item('a.D')], 3],
  ['up to one that asks for a process of its own', [item('a.B'), fresh('a.C')], 1],
  ['up to one of another arm', [item('a.B'), { ...item('a.C'), arm: 'base' }], 1],
  ['up to a single test', [item('a.B'), item('a.C'), item('a.C', 'a.C#t()')], 2],
  ['a single test alone', [item('a.C', 'a.C#t()'), item('a.B')], 1],
  ['a class once', [item('a.B', 'a.B'), item('a.B', 'a.B')], 1],
  ['as many as a command line holds', many, 200],
])('one command takes %s', (_what, items, size) => expect(takenTogether(items)).toBe(size));
