import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ENV } from './sample.ts';

/** Versions as in a real project's parent pom; what Maven brings by itself is older than the JDK. */
const PLUGINS = {
  'maven-compiler-plugin': '3.11.0',
  'maven-surefire-plugin': '3.2.5',
  'maven-failsafe-plugin': '3.2.5',
};

const parent = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>demo</groupId><artifactId>parent</artifactId><version>1</version><packaging>pom</packaging>
<modules><module>core</module><module>app</module></modules>
<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target>
<project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
<dependencies><dependency><groupId>org.junit.jupiter</groupId><artifactId>junit-jupiter</artifactId><version>5.10.2</version><scope>test</scope></dependency>
<dependency><groupId>org.junit.vintage</groupId><artifactId>junit-vintage-engine</artifactId><version>5.10.2</version><scope>test</scope></dependency></dependencies>
<build><plugins>${Object.entries(PLUGINS)
  .map(
    ([name, version]) =>
      `<plugin><artifactId>${name}</artifactId><version>${version}</version>${
        name.includes('failsafe')
          ? '<executions><execution><goals><goal>integration-test</goal><goal>verify</goal></goals></execution></executions>'
          : ''
      }</plugin>`,
  )
  .join('')}</plugins></build></project>`;

const module = (name: string, ...needs: string[]) =>
  `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<parent><groupId>demo</groupId><artifactId>parent</artifactId><version>1</version></parent><artifactId>${name}</artifactId>
<dependencies>${needs.map((need) => `<dependency><groupId>demo</groupId><artifactId>${need}</artifactId><version>1</version></dependency>`).join('')}</dependencies></project>`;

const jupiter = (name: string, body: string) => `package demo;
import org.junit.jupiter.api.*;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import static org.junit.jupiter.api.Assertions.*;
class ${name} { ${body} }
`;

/** Where a test finds what it should do: the variables reach Maven's JVM and from there Surefire's. */
const when = (what: string, code: string) => `if ("${what}".equals(System.getenv("DEMO"))) { ${code} }`;

const test = (moduleName: string, name: string, body: string): [string, string] => [
  `${moduleName}/src/test/java/demo/${name}.java`,
  jupiter(name, body),
];

/** A small project of two modules, with every kind of test that Surefire reports in a way of its own. */
export const PROJECT: Record<string, string> = {
  'pom.xml': parent,
  'core/pom.xml': module('core'),
  'app/pom.xml': module('app', 'core'),
  'core/src/main/java/demo/Core.java': 'package demo; public class Core { public static int answer() { return 42; } }',
  ...Object.fromEntries([
    test(
      'core',
      'CoreTest',
      `@Test void answers() { assertEquals(42, Core.answer()); }
  @ParameterizedTest @ValueSource(ints = {1, 2, 3}) void isSmall(int n) { assertTrue(n < 3, "too much"); }
  @RepeatedTest(2) void again() { }
  @Disabled @Test void not() { }
  @Nested class Inner { @Test void nested() { } }`,
    ),
    test('core', 'OnlyNestedTest', '@Nested class Inner { @Test void nested() { } }'),
    test(
      'core',
      'BeforeTest',
      '@BeforeAll static void init() { throw new IllegalStateException("cannot begin"); } @Test void t() { }',
    ),
    test('core', 'ExitTest', `@Test void exits() { ${when('exits', 'System.exit(0);')} }`),
    test(
      'core',
      'HangTest',
      `@Test void hangs() throws Exception { ${when('hangs', 'new java.util.concurrent.CountDownLatch(1).await();')} }`,
    ),
    test('app', 'AppTest', '@Test void uses() { assertEquals(42, Core.answer()); }'),
    test(
      'app',
      'TaggedTest',
      '@Test @EnabledIfSystemProperty(named = "never", matches = "x") void never() { }'.replace(
        '@EnabledIf',
        '@org.junit.jupiter.api.condition.EnabledIf',
      ),
    ),
    test(
      'app',
      'AppIT',
      '@Test void integrates() { assertEquals(42, Core.answer()); } @Test void fails() { fail("it does not"); }',
    ),
  ]),
  'core/src/test/java/demo/OldTest.java': `package demo;
import java.util.Arrays;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.junit.runners.Parameterized;
@RunWith(Parameterized.class)
public class OldTest {
  private final int n;
  public OldTest(int n) { this.n = n; }
  @Parameterized.Parameters(name = "{index}: {0}") public static Iterable<Object[]> data() { return Arrays.asList(new Object[][] {{1}, {2}}); }
  @Test public void counts() { org.junit.Assert.assertEquals(1, n); }
}
`,
  // Composed of nothing that makes a test: the plugin runs it and has nothing to report.
  'app/src/test/java/demo/EmptyTest.java': 'package demo; class EmptyTest extends Thread { }',
};

export function writeProject(dir: string, changes: Record<string, string> = {}): void {
  for (const [name, text] of Object.entries({ ...PROJECT, ...changes })) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
}

/** Quick to begin, for it is about nothing else here. */
export const QUICK = '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC';

/**
 * The project in a folder, and what Maven needs for it in the local repository, as a fork's `build.fetch` gets it: with
 * the network, where it is not there yet. From here on Maven is offline.
 */
export function fetchProject(dir: string): void {
  writeProject(dir);
  const some = [
    '-Dtest=AppTest',
    '-Dit.test=AppIT',
    '-DfailIfNoTests=false',
    '-Dsurefire.failIfNoSpecifiedTests=false',
  ];
  const words = [
    '-B',
    '-q',
    ...some,
    '-Dit.failIfNoSpecifiedTests=false',
    '-Dmaven.test.failure.ignore=true',
    'verify',
  ];
  const maven = (...more: string[]) =>
    execFileSync('mvn', [...more, ...words], { cwd: dir, env: { ...ENV, MAVEN_OPTS: QUICK }, stdio: 'pipe' });
  try {
    maven('--offline');
  } catch {
    // Something is missing: if it is anything else, this says so.
    maven();
  }
}
