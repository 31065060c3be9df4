import type { Stop } from './command.ts';
import { type MavenPlugin, parseMavenUnit } from './maven-units.ts';
import type { MavenSpec, WorkItem } from './protocol.ts';

/** A name that no test has: what the other plugin runs in the same build is none of ours. */
const NOTHING = 'patchwright.NoSuchTest';

/** Modules in which nothing matches are no failure; the property's name has changed over the versions of the plugins. */
const MAY_BE_EMPTY = [
  'failIfNoTests',
  'surefire.failIfNoSpecifiedTests',
  'it.failIfNoSpecifiedTests',
  'failsafe.failIfNoSpecifiedTests',
].map((property) => `-D${property}=false`);

/**
 * Maven for these items, which may lie in several modules: what they need of other modules is built with them, so that
 * nothing is installed and two arms never meet in a repository.
 *
 * `together`: one's failure must not keep the next module from being tested.
 */
export function mavenWords(spec: MavenSpec, items: readonly WorkItem[], together: boolean): string[] {
  const modules = [...new Set(items.map(({ unit }) => parseMavenUnit(unit).module))];
  const wholeProject = modules.every((module) => module === '');
  const filter = [...new Set(items.map(testFilter))].join(',');
  return [
    ...spec.command,
    '--batch-mode',
    '-Dstyle.color=never',
    // What lies in the local repository counts, whichever mirror it came from: that one's settings are not seen here.
    ...(spec.offline ? ['--offline', '-Dmaven.legacyLocalRepo=true'] : []),
    ...(wholeProject ? [] : ['--projects', modules.map((module) => module || '.').join(','), '--also-make']),
    ...MAY_BE_EMPTY,
    // Every run counts, and the first one of a test most.
    '-Dsurefire.rerunFailingTestsCount=0',
    '-Dfailsafe.rerunFailingTestsCount=0',
    ...(together ? ['-Dmaven.test.failure.ignore=true'] : []),
    ...spec.arguments,
    ...goal(spec.plugin, filter),
  ];
}

function goal(plugin: MavenPlugin, filter: string): string[] {
  return plugin === 'surefire'
    ? [`-Dtest=${filter}`, 'test']
    : // The whole of it: what was started for the tests is stopped, and only `verify` fails.
      [`-Dtest=${NOTHING}`, `-Dit.test=${filter}`, 'verify'];
}

/** Maven's filter knows methods, not their overloads or invocations: all of them run, and the one that is asked for counts. */
function testFilter({ unit, test }: WorkItem): string {
  const { className } = parseMavenUnit(unit);
  const [testClass = '', rest] = (test ?? '').split('#');
  if (test === undefined || test === unit || rest === undefined) return className;
  const method = /^([\p{L}\p{N}_$]+)\(/u.exec(rest)?.[1];
  // A name that is no method's (a display name, a dynamic test) is found by its class.
  if (method === undefined) return outermost(testClass);
  // JUnit 4 has the parameter in the method's name: `method[0]`.
  return `${outermost(testClass)}#${method}${/\[\d+\]/.test(rest) ? '*' : ''}`;
}

const outermost = (className: string) => className.replace(/\$.*$/s, '');

/**
 * What ran out of its time before the first sign of a test was compiling: nothing was executed, and the test that was
 * asked for has not failed. On the base that says nothing about the test.
 */
export function stoppedBeforeTests({ ended, detail }: Stop): Stop {
  return { ended: 'nothing-executed', detail: `before the first test began, ${ended}: ${detail}` };
}

/** One command line, and one JVM of Surefire's a module. */
const MOST_TOGETHER = 200;

/**
 * How many items from the first on one command takes: whole classes on one arm, each once. Every command is a new
 * process; what asks for one by itself begins a command, and what comes after it may be in the same.
 */
export function takenTogether(items: readonly WorkItem[]): number {
  const [first] = items;
  const taken = new Set<string>();
  for (const item of items) {
    const whole = item.test === undefined || item.test === item.unit;
    const apart = !whole || item.arm !== first?.arm || (taken.size > 0 && item.fresh === true) || taken.has(item.unit);
    if (apart || taken.size === MOST_TOGETHER) break;
    taken.add(item.unit);
  }
  return Math.max(1, taken.size);
}

/** The unit whose report this is: `MODULE/REPORTS/TEST-CLASS.xml`; nested classes have reports of their own. */
export function unitOfReport(path: string, reports: string): { module: string; className: string; nested: boolean } {
  const at = path.lastIndexOf(`${reports}/`);
  const file = path.slice(at + reports.length + 1);
  const name = /^(?:TEST-)?(.*?)(?:\([^)]*\))?\.xml$/s.exec(file)?.[1] ?? file;
  return { module: path.slice(0, Math.max(0, at - 1)), className: outermost(name), nested: name.includes('$') };
}
