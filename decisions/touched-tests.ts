import type { TestKey } from '../workflows/proof-types.ts';
import { isTestPath } from './proposal/types.ts';
import { isFileOf } from './repair.ts';

/** Files of tests that a change adds or touches, in the order of their names: they are told apart, and prove nothing. */
export const touchedTests = (paths: readonly string[]): string[] => [...new Set(paths.filter(isTestPath))].sort();

/**
 * The tests of a suite that lie in files which a change touches (trust.md: "tests that the agent touched are listed apart
 * and do not count as proof"). One that only uses such a file cannot be told from here.
 */
export const testsOfFiles = (tests: readonly TestKey[], paths: readonly string[]): TestKey[] =>
  tests.filter((test) => paths.some((path) => isFileOf(path, test)));

const LONGEST_NAME = 300;

/** All of them, in a sentence for whoever decides; nothing where there are none. */
export function touchedWords(tests: readonly string[] = []): string[] {
  if (tests.length === 0) return [];
  const names = tests.map((path) => path.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '').slice(0, LONGEST_NAME));
  const what = tests.length === 1 ? 'A test' : `${tests.length} tests`;
  return [`${what} that the agent added or touched, no proof of its change: ${names.join(', ')}`];
}
