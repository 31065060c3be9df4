import type { DiffFile, DiffLine, Hunk } from '../git-diff.ts';
import { countOf, lostOfSides, type Sides } from './conflict-tests.ts';
import { raisedNumber } from './raised-numbers.ts';
import { ASSERTION, LIMITED, TAUTOLOGY, TEST } from './test-lines.ts';
import { changedLines, type Finding, finding, isComment, isTestPath, shown } from './types.ts';

const DISABLED =
  /@(?:\w+\.)*(?:Disabled|Ignore|Enabled|EnabledIf|EnabledOn|EnabledForJre|DisabledIf|DisabledOn|DisabledForJre)\w*\b|\bassum(?:e\w*|ptions\.\w+)\s*\(|\.(?:skip|todo|fails|failing|only|skipIf|runIf)\s*\(|\bx(?:it|test|describe)\s*\(|@(?:pytest\.mark\.(?:skip|xfail)\w*|unittest\.(?:skip|expectedFailure)\w*)|\bpytest\.(?:skip|xfail|importorskip)\(|\bself\.skipTest\(|\bt\.Skip(?:f|Now)?\(|^\s*ignore\s*\(|\bcancel\s*\(\s*["']|\bif\s*\(\s*(?:false|0|Boolean\.FALSE)\s*\)|^\s*if\s+(?:False|0)\s*:|enabled\s*=\s*false|\bSystem\.exit\s*\(|\.halt\s*\(|\b(?:sys|os)\._?exit\s*\(|\bprocess\.exit\s*\(/;
const DOUBTFUL: readonly [RegExp, string][] = [
  [
    /\bcatch\s*\(\s*(?:final\s+)?(?:\w+\.)*(?:Throwable|Error|AssertionError|AssertionFailedError|Exception)\b|\bexcept\s*(?:AssertionError|Exception|BaseException)?\s*:|\bsuppress\(/,
    'a test catches what should fail it',
  ],
  [/^\s*return\s*;?\s*$/, 'a test may end before its assertions'],
  [
    /@(?:\w+\.)*(?:Tag|Category|Retry\w*|RetryingTest|Flaky|RerunFailing\w*)\b|\bretries?\s*[(:=]|@flaky\b/,
    'a test is sorted out, or is tried again',
  ],
];

/**
 * Tests are what proves a proposal: one that makes them easier proves nothing. `sides`: of a conflict, where what was
 * changed is full of marks and says nothing of what may be lost.
 */
export function weakenedTestFindings(
  files: readonly DiffFile[],
  sides: Readonly<Record<string, Sides>> = {},
): Finding[] {
  const tests = files.filter(({ path, from }) => isTestPath(path) || (from !== undefined && isTestPath(from)));
  // What stands in another test now has been moved, not removed.
  const added = (file: DiffFile) => changedLines(file, '+').filter(({ text }) => !isComment(text));
  const kept = tests.flatMap(added);
  return tests.flatMap((file) => {
    const both = sides[file.path];
    const others = tests.filter((one) => one !== file).flatMap((one) => added(one).map(({ text }) => text));
    const lost = both === undefined ? fewerFindings(file, kept) : lostOfSides(file, both, others);
    const whole = both !== undefined && file.status === 'deleted' ? [] : wholeFileFindings(file);
    // What one side says is not this proposal's, though git's marks stand where it stood.
    const own = both === undefined ? file : withoutLinesOf(file, both);
    return [
      ...whole,
      ...lost,
      // Between git's marks both sides are removed: that says nothing of how often a line may stand there.
      ...addedFindings(own, both === undefined ? changedLines(file, '-') : []),
      ...own.hunks.flatMap((hunk) => hunkFindings(own, hunk)),
      // How a comment begins is a line like any other: that one stands elsewhere does not make this one theirs.
      ...file.hunks.flatMap((hunk) => commentedOut(file, hunk)),
    ];
  });
}

/**
 * The same difference, less what is added by a line that one of the sides has as it is, and as often: a second `@Disabled`
 * is nobody's but the proposal's.
 */
function withoutLinesOf(file: DiffFile, { base = '', patched = '', resolved = '' }: Sides): DiffFile {
  const count = (text: string) => countOf(text.split('\n').map((line) => line.trim()));
  const [ofBase, ofPatched, now] = [count(base), count(patched), count(resolved)];
  const isTheirs = (line: string) => (now.get(line) ?? 0) <= Math.max(ofBase.get(line) ?? 0, ofPatched.get(line) ?? 0);
  const isNew = ({ sign, text }: DiffLine) => sign !== '+' || !isTheirs(text.trim());
  return { ...file, hunks: file.hunks.map((hunk) => ({ ...hunk, lines: hunk.lines.filter(isNew) })) };
}

const refuse = (file: DiffFile, words: string, at?: DiffLine) => finding('weakened-tests', 'refuse', file, words, at);

function wholeFileFindings(file: DiffFile): Finding[] {
  if (file.status === 'deleted') return [refuse(file, 'a test is deleted')];
  if (file.status === 'renamed' && file.from !== undefined) {
    const leaf = (path: string) => /[^/]*$/.exec(path)?.[0] ?? path;
    const lost = isTestPath(file.from) && !isTestPath(file.path);
    const unfound = isTestPath(leaf(file.from)) && !isTestPath(leaf(file.path));
    if (lost || unfound) return [refuse(file, `the test ${shown(file.from)} has a name that no runner looks for`)];
  }
  return file.status === 'added'
    ? []
    : [finding('weakened-tests', 'point-out', file, 'a test is changed: what it says is no proof of this proposal')];
}

/** Removed and not put back: by number, so that one that was rewritten is told apart from one that is gone. */
function fewerFindings(file: DiffFile, kept: readonly DiffLine[]): Finding[] {
  if (file.status === 'deleted') return [];
  const elsewhere = new Set(kept.map(({ text }) => text.trim()));
  const added = changedLines(file, '+').filter(({ text }) => !isComment(text));
  const removed = changedLines(file, '-').filter(({ text }) => !isComment(text));
  const gone = (pattern: RegExp) => removed.filter(({ text }) => pattern.test(text) && !elsewhere.has(text.trim()));
  const come = (pattern: RegExp) => {
    const before = new Set(removed.map(({ text }) => text.trim()));
    return added.filter(({ text }) => pattern.test(text) && !TAUTOLOGY.test(text) && !before.has(text.trim()));
  };
  const found: Finding[] = [];
  const goneTests = gone(TEST);
  if (goneTests.length > come(TEST).length) found.push(refuse(file, 'a test method is removed', goneTests[0]));
  const goneLimits = gone(LIMITED);
  if (goneLimits.length > come(LIMITED).length) found.push(refuse(file, 'a limit is removed', goneLimits[0]));
  const goneAssertions = gone(ASSERTION);
  const left = come(ASSERTION);
  if (goneAssertions.length > left.length) {
    const words = `${goneAssertions.length} assertions are removed, ${left.length} come for them`;
    found.push(refuse(file, words, goneAssertions[0]));
  } else if (goneAssertions.length > 0) {
    found.push(finding('weakened-tests', 'point-out', file, 'an assertion says something else', goneAssertions[0]));
  }
  return found;
}

function addedFindings(file: DiffFile, removed: readonly DiffLine[]): Finding[] {
  const before = new Set(removed.map(({ text }) => text.trim()));
  return changedLines(file, '+')
    .filter(({ text }) => !isComment(text) && !before.has(text.trim()))
    .flatMap((at) => {
      if (DISABLED.test(at.text))
        return [refuse(file, 'a test is switched off, ends its runner, or runs only under a condition', at)];
      if (TAUTOLOGY.test(at.text)) return [refuse(file, 'an assertion holds whatever the product does', at)];
      const doubt = DOUBTFUL.find(([pattern]) => pattern.test(at.text));
      return doubt === undefined ? [] : [finding('weakened-tests', 'point-out', file, doubt[1], at)];
    });
}

/** Each removed line beside the added one that is the same but for its numbers. */
function hunkFindings(file: DiffFile, { lines }: Hunk): Finding[] {
  const removed = lines.filter(({ sign }) => sign === '-');
  const taken = new Set<DiffLine>();
  return lines
    .filter(({ sign, text }) => sign === '+' && !isComment(text))
    .flatMap((at) => {
      for (const old of removed) {
        const what = taken.has(old) ? undefined : raisedNumber(old.text, at.text);
        if (what === undefined) continue;
        taken.add(old);
        return [refuse(file, what, at)];
      }
      return [];
    });
}

const OPENS = /\/\*(?!.*\*\/)|^\s*(?:"""|''')\s*$/;
const CLOSES = /\*\/|^\s*(?:"""|''')\s*$/;

/** Lines that nobody touched and that a new comment or string swallows: any of those that begin in this hunk. */
function commentedOut(file: DiffFile, { lines }: Hunk): Finding[] {
  // What is removed ends no comment any more.
  const now = lines.filter(({ sign }) => sign !== '-');
  for (let at = 0; at < now.length; at += 1) {
    const { sign, text } = now[at] as DiffLine;
    if (sign !== '+' || !OPENS.test(text)) continue;
    const inside = now.slice(at + 1);
    const end = inside.findIndex((line) => CLOSES.test(line.text));
    const swallowed = end < 0 ? inside : inside.slice(0, end);
    const lost = swallowed.find((line) => line.sign === ' ' && (ASSERTION.test(line.text) || TEST.test(line.text)));
    if (lost !== undefined) return [refuse(file, 'an assertion or a test is commented out', lost)];
    at += swallowed.length + 1;
  }
  return [];
}

const WEAK_BUILD =
  /<(?:skipTests|skipITs|testFailureIgnore|rerunFailingTestsCount|maven\.test\.skip|failIfNoTests)>|-D(?:skipTests|maven\.test\.skip)|\bignoreFailures\s*=?\s*true|\bmaxRetries\b|\bfailOnPassedAfterRetry\b|<exclude>|\bexclude(?:TestsMatching|Tags|s)?\b|--(?:deselect|ignore|exclude)\b|\btestPathIgnorePatterns\b|\bfork\s*:=\s*false|\bTests\.Filter\b|\bjunit\.jupiter\.(?:conditions|extensions|execution\.timeout)|\bmaven-surefire[\w-]*skip|<test>|<groups>|<excludedGroups>/;
const BUILD_FILE =
  /(^|\/)(pom\.xml|package\.json|pyproject\.toml|setup\.cfg|tox\.ini|pytest\.ini|Makefile|(jest|vitest)\.config\.\w+|junit-platform\.properties)$|\.gradle(\.kts)?$|\.sbt$/;

/** A class of the framework's own package stands before the framework; a service of it is loaded without being named. */
const FRAMEWORK =
  /(^|\/)(org\/(junit|testng|mockito|hamcrest|assertj|scalatest|opentest4j)|junit\/framework)\/|META-INF\/services\/(org\.(junit|testng|mockito)|java\.lang\.instrument)|(^|\/)mockito-extensions\//;

/** The build can leave tests out without one of them being touched. */
export function weakenedBuildFindings(file: DiffFile): Finding[] {
  const replaced = FRAMEWORK.test(file.path) ? [refuse(file, 'it replaces or extends what judges the tests')] : [];
  if (!BUILD_FILE.test(file.path)) return replaced;
  const before = new Set(changedLines(file, '-').map(({ text }) => text.trim()));
  return changedLines(file, '+')
    .filter(({ text }) => !isComment(text) && !before.has(text.trim()) && WEAK_BUILD.test(text))
    .map((at) => refuse(file, 'the build may leave out tests, or go on when they fail', at));
}
