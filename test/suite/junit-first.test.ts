import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { mayUseArchive } from '../../runner/archive-options.ts';
import { junitFirst } from '../../runner/junit-first.ts';
import { QUICK_START } from './sample.ts';

const dir = mkdtempSync(join(tmpdir(), 'pw-first-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each([
  [['-Xmx1g', '-XX:+UseSerialGC', '-ea', '-Dx=y', '--add-opens=java.base/java.lang=ALL-UNNAMED'], {}, true],
  [[], { JAVA_TOOL_OPTIONS: '-Xmx1g -Dx="a b"' }, true],
  [['-Xshare:auto'], {}, false],
  [['-XX:SharedArchiveFile=own.jsa'], {}, false],
  [['-XX:ArchiveClassesAtExit=own.jsa'], {}, false],
  [['-XX:+AutoCreateSharedArchive'], {}, false],
  [['-XX:-UseSharedSpaces'], {}, false],
  [['-javaagent:jacoco.jar'], {}, false],
  [['-agentlib:jdwp=server=y'], {}, false],
  [['-Djava.system.class.loader=a.B'], {}, false],
  [['-Xbootclasspath/a:x.jar'], {}, false],
  [['@options'], {}, false],
  [['-XX:Flags=.hotspotrc'], {}, false],
  [[], { JDK_JAVA_OPTIONS: '-Xmx1g "-javaagent:jacoco.jar"' }, false],
])('%j with %j: an archive of ours: %s', (args, env, may) => {
  expect(mayUseArchive(args, env)).toBe(may);
});

describe('JUnit goes first', () => {
  const JUNIT = ['junit-platform-engine-1.10.2.jar', 'junit-4.13.2.jar'];

  /** Jars with these names in them, written by the tool that everybody has: once for the same names, it takes a JVM. */
  function jars(contents: Record<string, string[]>): string[] {
    const folder = mkdtempSync(join(dir, 'first-'));
    return Object.entries(contents).map(([jar, names]) => {
      const classesOf = join(folder, `${jar}.d`);
      for (const name of names) {
        mkdirSync(join(classesOf, dirname(name)), { recursive: true });
        writeFileSync(join(classesOf, name), '');
      }
      if (!jar.endsWith('.jar')) return classesOf;
      const known = made.get(names.join());
      const file = join(folder, jar);
      if (known !== undefined) cpSync(known, file);
      else execFileSync('jar', [...QUICK_START, '--create', '--file', file, '-C', classesOf, '.'], { stdio: 'pipe' });
      made.set(names.join(), known ?? file);
      return file;
    });
  }
  const made = new Map<string, string>();
  const junit = Object.fromEntries(JUNIT.map((jar) => [jar, ['org/junit/A.class']]));
  const namesOf = (entries: readonly string[] | undefined) => entries?.map((entry) => basename(entry));

  test('before what has none of its packages, each part in its order', () => {
    const others = {
      'a.jar': ['a/org/junit/B.class'],
      classes: ['a/C.class'],
      'junit-jupiter-mine-1.jar': ['a/D.class'],
    };
    const order = junitFirst(jars({ ...others, ...junit, 'z.jar': ['org/junit/A.class'] }));
    expect(namesOf(order?.junit)).toEqual(JUNIT);
    expect(namesOf(order?.rest)).toEqual(['a.jar', 'classes.d', 'junit-jupiter-mine-1.jar', 'z.jar']);
  });

  test.each<[string, string[]]>([
    ['product.jar', ['org/junit/platform/A.class']],
    ['product.jar', ['META-INF/versions/17/junit/framework/A.class']],
    ['classes', ['org/opentest4j/A.class']],
  ])('never before %s with %j', (name, names) => {
    expect(junitFirst(jars({ [name]: names, ...junit }))).toBeUndefined();
  });

  test('never where one of its jars would overtake with classes of others', () => {
    const old = { 'junit-4.10.jar': ['org/junit/A.class', 'org/hamcrest/A.class'] };
    expect(junitFirst(jars({ 'hamcrest-2.2.jar': ['org/hamcrest/A.class'], ...old }))).toBeUndefined();
    // Nothing stood before it.
    expect(namesOf(junitFirst(jars(old))?.junit)).toEqual(Object.keys(old));
  });

  test('never before what is no jar that can be read', () => {
    const all = jars({ 'product.jar': ['a/B.class'], ...junit });
    truncateSync(all[0] ?? '', 40);
    expect(junitFirst(all)).toBeUndefined();
  });
});
