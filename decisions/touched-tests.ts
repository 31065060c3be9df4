import type { TestKey } from '../workflows/proof-types.ts';
import type { TestsApart } from '../workflows/types.ts';
import { isTestPath } from './proposal/types.ts';
import { filesOfTests, type ProposalProblem } from './repair.ts';
import type { TestUsers } from './test-users.ts';
import { testName } from './verdict-words.ts';

/** Files of tests that a change adds or touches, in the order of their names: they are told apart, and prove nothing. */
export const touchedTests = (paths: readonly string[]): string[] => [...new Set(paths.filter(isTestPath))].sort();

/**
 * The tests of a suite that lie in files which a change touches (trust.md: "tests that the agent touched are listed apart
 * and do not count as proof"). `names`: of classes that lie in them and are called otherwise.
 */
export function testsOfFiles(tests: readonly TestKey[], paths: readonly string[], names: readonly string[] = []) {
  const isOne = filesOfTests(paths, names);
  return tests.filter(({ unit, test }) => isOne(unit) || isOne(test));
}

/** As many are named where they are told; all of them are counted. */
const MOST_NAMED = 12;

/** Those, and the ones that use such a file: what passes in them is no proof either. */
export function testsApart(tests: readonly TestKey[], touched: readonly string[], found: TestUsers) {
  const own = new Set(testsOfFiles(tests, touched));
  const using = found.untold === undefined ? testsOfFiles(tests, found.users, found.names) : tests;
  const users = using.filter((test) => !own.has(test));
  const units = [...new Set(users.map(({ unit, test }) => (test.includes('#') ? test.replace(/#.*$/s, '') : unit)))];
  const named = units
    .sort()
    .slice(0, MOST_NAMED)
    .map((unit) => testName({ unit, test: unit }));
  const untold = found.untold === undefined ? {} : { untold: found.untold };
  const told: TestsApart = { using: users.length, classes: units.length, named, ...untold };
  return { tests: [...own, ...users], ...(users.length > 0 && { told }) };
}

/**
 * What a failing test says after a change of what it uses is no proof of it: then the change goes back.
 *
 * @param failing the tests that the change is to mend.
 */
export function usesProblems(failing: readonly TestKey[], found: TestUsers): ProposalProblem[] {
  const { users, names, untold } = found;
  const [first] = untold === undefined ? testsOfFiles(failing, users, names) : failing;
  if (first === undefined) return [];
  const uses =
    untold === undefined
      ? `${testName(first)}, which it is to mend, uses a file of tests that it changes`
      : `it changes files of tests, and whether ${testName(first)}, which it is to mend, uses them cannot be told (${untold})`;
  const instead =
    untold === undefined
      ? 'Leave what that test uses as it is; what a new test needs goes into files of its own, that the other does not name or load'
      : 'Leave the tests as they are, add none, and say in your words which one is wanting';
  const words = `${uses}: what passes then is no proof. ${instead}`;
  return [{ kind: 'refuse', words }];
}

const LONGEST_NAME = 300;

/** All of them, in a sentence for whoever decides; nothing where there are none. */
export function touchedWords(tests: readonly string[] = []): string[] {
  if (tests.length === 0) return [];
  const names = tests.map((path) => path.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '').slice(0, LONGEST_NAME));
  const what = tests.length === 1 ? 'A test' : `${tests.length} tests`;
  return [`${what} that the agent added or touched, no proof of its change: ${names.join(', ')}`];
}
