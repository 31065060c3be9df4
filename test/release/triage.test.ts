import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TriageView } from '../../cli/commands/triage.ts';
import { type Patchwright, patchwrightIn } from '../patchwright.ts';
import { JUNIT, junitJars } from '../suite/sample.ts';
import { makeRepository, patchMessage } from './repository.ts';

/** A fork with tests of its own, and a CI elsewhere that has run them: only its reports are there. */
const FILES = {
  'src/Answer.java': `package x;
public class Answer {
  public static int of(int n) { return 42; }

  // Far enough from it for a patch of its own.

  public static void call() { }
  public static int calls() { return 0; }
}
`,
  'test/AnswerTest.java': `package x;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
@TestMethodOrder(MethodOrderer.MethodName.class)
public class AnswerTest {
  @ParameterizedTest @ValueSource(ints = {1, 2, 3}) void answers(int n) { Answer.call(); Assertions.assertEquals(42, Answer.of(n)); }
  @Test void alwaysFails() { Assertions.fail("since ever"); }
  @Test void isFresh() { Assertions.assertEquals(0, Answer.calls()); }
  @Test void passes() { }
}
`,
  'build.sh': `set -e
rm -rf out && mkdir -p out/main out/test
libraries="$(echo lib/*.jar | tr ' ' ':')"
javac -J-XX:TieredStopAtLevel=1 -d out/main src/*.java
javac -J-XX:TieredStopAtLevel=1 -d out/test -cp "out/main:$libraries" test/*.java
jar --create --date=2026-01-01T00:00:00Z --file out/main.jar -C out/main .
jar --create --date=2026-01-01T00:00:00Z --file out/test.jar -C out/test .
`,
  // Not a word of JUnit: a command that writes a report.
  'check.sh': `mkdir -p reports
if grep -q 'return 42' src/Answer.java; then failure=''; else failure='<failure message="not 42"/>'; fi
printf '<testsuite name="s"><testcase classname="script.Check" name="greps" time="0.1">%s</testcase></testsuite>' "$failure" > reports/TEST-check.xml
`,
};

const yaml = (folder: string) => `
forks:
  answer:
    repository: ${folder}/fork
    base: upstream
    baseVersion: '1.0'
    build:
      command: [sh, build.sh]
      artifacts: [{ name: main.jar, path: out/main.jar }, { name: test.jar, path: out/test.jar }]
      toolchain: [[javac, -version]]
    suites:
      unit:
        runner: junit-platform
        classpath: [{ artifact: main.jar }, { artifact: test.jar }, { library: junit }]
        scan: [{ artifact: test.jar }]
        jvm: [-Xmx128m, -XX:+UseSerialGC, -XX:TieredStopAtLevel=1]
      script: { runner: junit-xml, command: [sh, check.sh], reports: [reports] }
    release: { suites: [unit, script], environments: [] }
libraries:
  junit: ${JSON.stringify(JUNIT)}
`;

const report = (...cases: string[]) => `<?xml version="1.0"?><testsuite name="s">${cases.join('')}</testsuite>`;
const failed = (name: string, className = 'x.AnswerTest') =>
  `<testcase classname="${className}" name="${name}" time="0.2"><failure message="expected: 42">at x.AnswerTest</failure></testcase>`;
const passed = (name: string) => `<testcase classname="x.AnswerTest" name="${name}" time="0.1"/>`;

let patchwright: Patchwright;
let repository: ReturnType<typeof makeRepository>;
let culprit: string;
let counting: string;

/** The folder that a CI has left behind. */
function reports(name: string, files: Record<string, string>): string {
  const dir = join(patchwright.folder, name);
  mkdirSync(join(dir, 'module', 'test-results'), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, 'module', 'test-results', file), text);
  return dir;
}

const triage = (dir: string, ...more: string[]) =>
  patchwright.call('--json', 'triage', '--junit', dir, '--fork', 'answer', ...more);
const viewOf = ({ stdout, stderr }: { stdout: string; stderr: string }): TriageView => {
  expect(stdout, stderr + patchwright.upLog()).not.toBe('');
  return JSON.parse(stdout) as TriageView;
};

beforeAll(async () => {
  patchwright = patchwrightIn(yaml);
  repository = makeRepository(join(patchwright.folder, 'fork'));
  mkdirSync(join(repository.dir, 'lib'));
  for (const jar of await junitJars()) cpSync(jar, join(repository.dir, 'lib', basename(jar)));
  repository.commit(FILES, 'Answer 1.0');
  repository.git('checkout', '--quiet', '-b', 'main');
  repository.commit({ one: '1\n' }, patchMessage('Add one'));
  const wrong = FILES['src/Answer.java'].replace('return 42', 'return n == 2 ? 43 : 41 + 1');
  culprit = repository.commit({ 'src/Answer.java': wrong }, patchMessage('Answer otherwise'));
  const counts = wrong
    .replace('call() { }', 'call() { made++; }')
    .replace('return 0; }', 'return made; }\n  static int made;');
  counting = repository.commit({ 'src/Answer.java': counts }, patchMessage('Count the calls'));
  repository.commit({ two: '2\n' }, patchMessage('Add two'));
  await patchwright.start();
});
afterAll(() => patchwright.close());

describe('triage', () => {
  test('tells by reruns what the failures of another CI are, whatever it calls them', async () => {
    const dir = reports('red', {
      'TEST-x.AnswerTest.xml': report(failed('answers(int)[2]'), failed('alwaysFails'), failed('isFresh()')),
      'TEST-other.xml': report(failed('greps', 'script.Check'), passed('answers(int)[1]')),
      'TEST-hostile.xml': '<!DOCTYPE x [<!ENTITY a "a">]><testsuite><testcase name="&a;"/></testsuite>',
      'notes.txt': 'no report',
    });
    const refs = repository.git('for-each-ref');
    const ran = await triage(dir);
    const view = viewOf(ran);
    expect(ran.status, ran.stderr).toBe(1);
    expect(view.read).toMatchObject({ files: 3, tests: { passed: 1, failed: 4, skipped: 0 } });
    expect(view.read.problems).toEqual([expect.stringMatching(/TEST-hostile\.xml cannot be read: .*document type/)]);
    const of = (name: string) => view.verdicts.find((verdict) => verdict.test === name);
    expect(of('x.AnswerTest#answers(int)[2]')).toMatchObject({
      ...{ suite: 'unit', kind: 'regression', holds: true, culprit: [culprit] },
      ...{ candidate: { pass: 0, fail: 8 }, base: { pass: 5, fail: 0 } },
    });
    expect(of('x.AnswerTest#alwaysFails()')).toMatchObject({ kind: 'pre-existing', holds: false });
    // Alone it passes: only its class in its own order shows it.
    expect(of('x.AnswerTest#isFresh()')).toMatchObject({
      ...{ kind: 'regression', orderDependent: true, holds: true, culprit: [counting] },
      ...{ candidate: { pass: 0, fail: 5 }, base: { pass: 5, fail: 0 } },
    });
    expect(of('script.Check#greps()')).toMatchObject({ suite: 'script', kind: 'regression', culprit: [culprit] });
    // What could not be read may hide a failure: it counts.
    expect(view.holding).toBe(4);

    // It looked, and left everything as it was.
    expect(repository.git('for-each-ref')).toBe(refs);
    expect(await patchwright.json('releases')).toEqual([]);
  }, 300_000);

  test('lets go what the patches did not cause, and says so to people', async () => {
    const dir = reports('flaky', { 'r.xml': report(failed('alwaysFails()'), failed('passes')) });
    const ran = await patchwright.call('triage', '--junit', dir, '--fork', 'answer', '--suite', 'unit');
    expect(ran.status, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/pre-existing +(\d)\/\1 +(\d)\/\2 +x\.AnswerTest#alwaysFails\(\)/);
    expect(ran.stdout).toMatch(/Nothing holds\.\n$/);
  });

  test('holds what no suite can run', async () => {
    const dir = reports('elsewhere', { 'r.xml': report(failed('t', 'y.GoneTest')) });
    const ran = await triage(dir, '--suite', 'unit');
    expect(ran.status).toBe(1);
    expect(viewOf(ran).verdicts).toMatchObject([{ test: 'y.GoneTest#t()', kind: 'untestable', holds: true }]);
  });

  test('compares the states that it is told to', async () => {
    const dir = reports('early', { 'r.xml': report(failed('answers(int)[2]')) });
    const view = viewOf(await triage(dir, '--candidate', 'main', '--base', `${culprit}`, '--suite', 'unit'));
    expect(view.base?.commit).toBe(culprit);
    expect(view.verdicts).toMatchObject([{ kind: 'pre-existing' }]);
  });

  test('has nothing to do where nothing failed, and says what is wrong with a call', async () => {
    const green = await triage(reports('green', { 'r.xml': report(passed('passes()')) }));
    expect([green.status, viewOf(green).verdicts]).toEqual([0, []]);
    const call = async (...args: string[]) => {
      const { status, stderr } = await patchwright.call('triage', ...args);
      return `${status} ${stderr}`;
    };
    const red = join(patchwright.folder, 'flaky');
    mkdirSync(join(patchwright.folder, 'empty'));
    writeFileSync(join(patchwright.folder, 'empty', 'pom.xml'), '<project/>');
    expect(await call('--junit', red, '--fork', 'nope')).toMatch(/^2 no fork "nope".*answer/);
    expect(await call('--junit', join(red, 'nowhere'), '--fork', 'answer')).toMatch(/^2 .*is not a folder/);
    expect(await call('--junit', join(patchwright.folder, 'empty'), '--fork', 'answer')).toMatch(/^2 none of 1 .xml/);
    expect(await call('--junit', red, '--fork', 'answer', '--candidate', 'gone')).toMatch(/2 .*gone/s);
    expect(await call('--junit', red)).toMatch(/^2 .*--fork/);
  });
});
