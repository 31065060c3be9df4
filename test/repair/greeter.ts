import { userInfo } from 'node:os';

/** A JVM that lives for a moment has no use for its better compilers and collectors. */
const SHORT = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
const INSIDE = SHORT.map((flag) => `-J${flag}`).join(' ');
const JAVAC = `javac ${INSIDE} -proc:none -d out/classes`;
const JAVA = `java ${SHORT.join(' ')} -cp out/classes`;

/** A fork as small as one can be: a class, two tests that write JUnit XML themselves, a build of one jar. */
export const GREETER = `
public class Greeter {
  public static String greet(String name) {
    return "hello " + name;
  }

  public static String shout(String name) {
    return ("hello " + name).toUpperCase();
  }
}
`;

export const FILES = {
  'Greeter.java': GREETER,
  'build.sh': `set -e
rm -rf out && mkdir -p out/classes
${JAVAC} Greeter.java
printf '%s' "$PATCHWRIGHT_COMMIT" > out/classes/commit
jar ${INSIDE} --create --date=2026-01-01T00:00:00Z --file out/greeter.jar -C out/classes .
`,
  // The files of a workspace stay as they are: what is compiled there once serves each run in it.
  'test.sh': `mkdir -p out/classes out/reports
[ -e out/compiled ] || { ${JAVAC} Greeter.java GreeterTest.java && touch out/compiled; }
${JAVA} GreeterTest out/reports
`,
  'GreeterTest.java': `
import java.nio.file.*;
public class GreeterTest {
  static String result(String name, boolean good) {
    return "<testcase classname='GreeterTest' name='" + name + "' time='0.01'>" + (good ? "" : "<failure message='not so'>not so</failure>") + "</testcase>";
  }
  public static void main(String[] args) throws Exception {
    boolean greets = Greeter.greet("you").startsWith("hello");
    boolean shouts = Greeter.shout("you").equals("HELLO YOU");
    Files.writeString(Path.of(args[0], "TEST-Greeter.xml"), "<testsuite name='GreeterTest' tests='2'>"
      + result("greets", greets) + result("shouts", shouts) + "</testsuite>");
    System.exit(greets && shouts ? 0 : 1);
  }
}
`,
  '.gitignore': 'out/\n',
};

/** The same where each class of tests runs, also one that comes later. */
export const ALL_TESTS = {
  ...FILES,
  'test.sh': `mkdir -p out/classes out/reports
[ -e out/compiled ] || { ${JAVAC} *.java && touch out/compiled; }
failed=0
for test in *Test.java; do ${JAVA} "\${test%.java}" out/reports || failed=1; done
exit $failed
`,
};

/** One that an agent adds, for what it should not have to prove itself. */
export const PART_TEST = `
import java.nio.file.*;
public class PartTest {
  public static void main(String[] args) throws Exception {
    boolean parts = Greeter.part("me").equals("bye me");
    Files.writeString(Path.of(args[0], "TEST-Part.xml"), "<testsuite name='PartTest' tests='1'>"
      + "<testcase classname='PartTest' name='parts' time='0.01'>" + (parts ? "" : "<failure message='no'>no</failure>")
      + "</testcase></testsuite>");
    if (!parts) throw new IllegalStateException("no");
  }
}
`;

const fork = (folder: string, name: string, policy: string) => `
  ${name}:
    repository: ${folder}/fork
    base: upstream
    baseVersion: '1.0'
    build:
      command: [sh, build.sh]
      artifacts: [{ name: greeter.jar, path: out/greeter.jar }]
      toolchain: [[java, -version]]
    suites:
      unit: { runner: junit-xml, slots: 1, command: [sh, test.sh], reports: [out/reports] }
    repair: { policy: ${policy} }
    release: { suites: [unit] }`;

/**
 * The same repository under four policies: `greeter` goes by its reviewers, `careful` asks people, `partly` does too and
 * proves less, `untouched` is never mended.
 */
export const yamlOf = (modelUrl: string) => (folder: string) =>
  `
model: { name: scripted, key: { env: REPAIR_MODEL_KEY }, baseUrl: '${modelUrl}' }
people:
  ann: { name: Ann, user: ${userInfo().username} }
  bob: { name: Bob, email: bob@example.org }
  cyd: { name: Cyd, email: cyd@example.org }
forks:${fork(folder, 'greeter', 'apply-reviewed')}${fork(folder, 'careful', 'suggest')}${fork(folder, 'partly', 'suggest, proveWhole: false')}${fork(folder, 'untouched', 'off')}
`;
