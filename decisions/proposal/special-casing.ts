import type { DiffFile } from '../git-diff.ts';
import {
  changedLines,
  type Finding,
  finding,
  isComment,
  isSource,
  isTestPath,
  type ProposalFacts,
  shown,
} from './types.ts';

/** A program that knows whether it is being tested can lie to the test. */
const LOOKS_FOR_TESTS =
  /org\.junit|org\.scalatest|surefire|PYTEST_CURRENT_TEST|sys\.modules\[?.{0,3}pytest|NODE_ENV.{0,8}test|VITEST|JEST_WORKER|\.getStackTrace\(\)|StackWalker|java\.class\.path|sun\.java\.command/;

/** Everybody writes these. */
const COMMON = new Set(
  ['true', 'false', 'null', 'test', 'none', 'name', 'type', 'value', 'localhost', 'utf-8', 'UTF-8'].concat(
    ['100', '128', '200', '255', '256', '400', '404', '500', '512', '1000', '1024', '2048', '4096', '8192', '10000'],
    ['65535', '65536', '3600', '86400', '60000', '2147483647'],
  ),
);
const CONDITION =
  /\b(?:if|else|case|when|switch|match|equals\w*|contains\w*|startsWith|endsWith|matches|while)\b|[=!]==?|\?/;

/**
 * A literal of the failing test in new code of the product: the way to make a test pass without mending anything. It may
 * be honest (a message that both name), so it is pointed out and never refused.
 */
export function specialCasingFindings(file: DiffFile, { failingTests }: ProposalFacts): Finding[] {
  if (!isSource(file.path) || isTestPath(file.path)) return [];
  const before = file.hunks.flatMap(({ lines }) => lines.filter(({ sign }) => sign !== '+').map(({ text }) => text));
  const old = new Set(before.flatMap(literalsOf));
  const literals = new Map(
    failingTests.flatMap(({ file: test, text }) => [
      ...text.split('\n').flatMap((line) => literalsOf(line).map((literal) => [literal, test] as const)),
      ...identitiesOf(test).map((name) => [name, test] as const),
    ]),
  );
  return changedLines(file, '+').flatMap((at) => {
    if (isComment(at.text)) return [];
    const test = literalsOf(at.text).find((literal) => literals.has(literal) && !old.has(literal));
    const found: Finding[] = [];
    if (test !== undefined) {
      const how = CONDITION.test(at.text) ? 'is asked for in' : 'stands in';
      const words = `suspicious: ${shown(test)}, of the failing ${shown(literals.get(test) ?? '')}, ${how} new code of the product`;
      found.push(finding('special-cased', 'point-out', file, words, at));
    }
    if (LOOKS_FOR_TESTS.test(at.text)) {
      found.push(finding('special-cased', 'point-out', file, 'suspicious: the product looks for who runs it', at));
    }
    return found;
  });
}

/** The name of the test's class: code that asks who called it names it. */
function identitiesOf(test: string): string[] {
  const name = /([^/]+)\.\w+$/.exec(test)?.[1];
  return name === undefined ? [] : [`"${name}"`];
}

/** Strings and numbers that are somebody's choice, written in one way whatever the quotes, `_` and suffixes. */
function literalsOf(text: string): string[] {
  const line = text.slice(0, 2_000);
  const strings = [...line.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/g)].map(([, a, b]) => a ?? b ?? '');
  const numbers = [
    ...line.replace(/"(?:[^"\\]|\\.)*"/g, '""').matchAll(/(?<![\w.])-?(0x[\da-f_]+|\d[\d_]*(?:\.\d+)?)/gi),
  ];
  return [
    ...strings.filter((word) => word.trim().length >= 3 && !COMMON.has(word)).map((word) => `"${word}"`),
    ...numbers
      .map(([, digits = '']) => digits.replaceAll('_', '').toLowerCase())
      .filter(
        (digits) => (digits.length >= 3 || digits.includes('.')) && !COMMON.has(digits) && !/^[01]\.0+$/.test(digits),
      ),
  ];
}
