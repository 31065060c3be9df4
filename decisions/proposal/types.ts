import type { DiffFile, DiffLine } from '../git-diff.ts';
import type { Sides } from './conflict-tests.ts';

export type Gate =
  | 'readable'
  | 'size'
  | 'protected-paths'
  | 'kind-of-file'
  | 'dependencies'
  | 'licence'
  | 'generated'
  | 'weakened-tests'
  | 'special-cased'
  | 'secrets';

/**
 * What a gate has to say of a proposal. `refuse`: nobody is asked about it before it is mended. `point-out`: whoever
 * reviews or approves it sees this first. `line` is of the new file, of a removed line of the old one.
 */
export type Finding = {
  gate: Gate;
  kind: 'refuse' | 'point-out';
  file: string;
  line?: number;
  quote?: string;
  words: string;
};

/** What a fork allows (`forks.NAME.agent.proposals`). */
export type ProposalPolicy = {
  maxFiles: number;
  /** Added and removed. */
  maxLines: number;
  /** Patterns, as decisions/path-pattern.ts reads them. */
  protectedPaths: readonly string[];
  newDependencies: Finding['kind'];
};

/** What the repository knows, and a diff does not say. */
export type ProposalFacts = {
  /** By new file: the beginnings of files of its kind beside it, as the base has them. */
  neighbours: Readonly<Record<string, readonly string[]>>;
  /** By changed file: its beginning in the base. */
  heads: Readonly<Record<string, string>>;
  /** The tests that the proposal is to mend: their source. */
  failingTests: readonly { file: string; text: string }[];
  /** Of a conflict, by changed test file: what both sides say of it, and what it is now. */
  sides?: Readonly<Record<string, Sides>>;
};

export const NO_FACTS: ProposalFacts = { neighbours: {}, heads: {}, failingTests: [] };

const LONGEST_QUOTE = 200;

/** Safe to print: whoever wrote a file name or a line wrote it for our readers too. */
export function shown(text: string): string {
  const cut = text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
  return cut
    .replace(/\t/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '')
    .toWellFormed()
    .trim();
}

export function finding(
  gate: Gate,
  kind: Finding['kind'],
  { path }: Pick<DiffFile, 'path'>,
  words: string,
  at?: DiffLine,
): Finding {
  const where = at === undefined ? {} : { line: at.line, quote: shown(at.text) };
  return { gate, kind, file: shown(path), ...where, words };
}

export function changedLines(file: DiffFile, sign: '+' | '-'): DiffLine[] {
  return file.hunks.flatMap(({ lines }) => lines.filter((line) => line.sign === sign));
}

/** Words in a comment alone are no code; a line on which a comment ends and something follows is. */
export const isComment = (text: string) =>
  text.trim() === '' || (/^\s*(?:\/\/|\/\*|\*(?!\/)|#|<!--)/.test(text) && !/(?:\*\/|-->)\s*\S/.test(text));

const IN_FOLDER =
  /(^|\/)((?:[\w.-]*[-_.])?[Tt]ests?|\w*[a-z]Tests?|it|testFixtures|test-?fixtures|__tests__|integration-?tests?)\//;
const BY_NAME =
  /(^|\/)(Test\w*|\w*(Tests?|TestCase|IT|ITCase|Suite|Spec))\.(java|scala|kt|groovy)$|(^|\/)(test_\w*|\w*_test|conftest)\.py$|_test\.go$|\.(test|spec)\.[cm]?[jt]sx?$/;
/** The sources of a product, by the layout of Maven and Gradle: the module before, what it is of after. */
const OF_PRODUCT = /^(|.*?\/)src\/main\/(.*)$/s;
/** A module that holds what tests are made of: `test-common`, `x-test-utils`. */
const FOR_TESTS = /(^|[-_./])tests?[-_./]/i;

/**
 * By its folder or by its name, in the ways of JUnit, ScalaTest, pytest, Go and the runners of JavaScript. A class of the
 * product may be called `OffsetSpec`, and its package `it`: those below `src/main` are tests where their module is for such.
 */
export function isTestPath(path: string): boolean {
  const [, module, rest] = OF_PRODUCT.exec(path) ?? [];
  if (module === undefined || rest === undefined) return IN_FOLDER.test(path) || BY_NAME.test(path);
  return IN_FOLDER.test(module) || (FOR_TESTS.test(module) && (IN_FOLDER.test(rest) || BY_NAME.test(rest)));
}

export const isSource = (path: string) => /\.(java|scala|kt|groovy|py|go|[cm]?[jt]sx?|rs|c|cc|cpp|h|sh)$/.test(path);
