import type { TestKey } from '../workflows/proof-types.ts';
import type { Patch, SuiteOutcome } from '../workflows/types.ts';
import { testName } from './verdict-words.ts';

/** What code has against a change. `refuse`: it goes back; `point-out`: a human sees it beside the change. */
export type ProposalProblem = { kind: 'refuse' | 'point-out'; words: string };

/**
 * A repair that touches the very test it is to mend proves nothing (trust.md: "tests that the agent touched are listed
 * apart and do not count as proof").
 */
export function proposalProblems(paths: readonly string[], untouchable: readonly TestKey[]): ProposalProblem[] {
  return paths.flatMap((path): ProposalProblem[] => {
    const test = untouchable.find((one) => isFileOf(path, one));
    if (test === undefined) return [];
    return [{ kind: 'refuse', words: `${path} holds ${testName(test)}, which it is to mend: a test is never changed` }];
  });
}

/** Whether a test lies in this file, by how it is called (`filesOfTests`). */
export const isFileOf = (path: string, { unit, test }: TestKey): boolean => {
  const isOne = filesOfTests([path]);
  return isOne(unit) || isOne(test);
};

/**
 * Whether what a runner calls so lies in one of these files, whatever their folders and languages: by its class
 * (`org.apache.FooTest#bar()`), the file itself, its module (pytest's `tests.test_foo.TestBar#baz`), or, of Go, its
 * package, which is the folder. `names`: of classes that are not called as their file.
 */
export function filesOfTests(paths: readonly string[], names: readonly string[] = []): (name: string) => boolean {
  const inPython = paths.filter((path) => path.endsWith('.py'));
  const others = paths.filter((path) => !path.endsWith('.py'));
  const [files, classes] = [new Set(paths), new Set([...others.map(fileStem), ...names])];
  classes.delete('');
  const modules = inPython.map((path) => path.replace(/\.py$/, '').split('/'));
  const inGo = paths.filter((path) => path.endsWith('_test.go')).map((path) => `/${path}`.replace(/\/[^/]*$/, ''));
  const folders = [...new Set(inGo)];
  return (name) => {
    if (classes.has(simpleName(name)) || files.has(pathIn(name))) return true;
    const parts = modules.length === 0 ? [] : name.replace(/[#([].*$/s, '').split(/[./]/);
    if (modules.some((module) => isOfModule(parts, module))) return true;
    // The folder of a module's root says nothing of how its package is called.
    const of = `/${pathIn(name)}`;
    return folders.some((folder) => folder === '' || of.endsWith(folder) || folder.endsWith(of));
  };
}

/** `tests.test_foo.TestBar` is of `lib/tests/test_foo.py`: from the module's own name back, as far as both go. */
const isOfModule = (parts: readonly string[], module: readonly string[]): boolean =>
  parts.some((_, at) => {
    const both = Math.min(at + 1, module.length);
    return module.slice(-both).every((part, i) => part === parts[at + 1 - both + i]);
  });

/** `Foo` of `org.x.Foo#bar()`, of `Foo$Inner`, of `x/Foo` and of `module:Foo`. */
const simpleName = (name: string): string =>
  name
    .replace(/[#(].*$/s, '')
    .replace(/\$.*$/, '')
    .split(/[./:]/)
    .at(-1) ?? '';

const fileStem = (path: string): string => (path.split('/').at(-1) ?? '').replace(/\.[^.]*$/, '');

/** Some runners call a test by its file. */
const pathIn = (name: string): string => name.split(/[#\s]/)[0] ?? '';

/** Where a change belongs: the patch that did it; of several the last; none known: the last patch of the stack. */
export function guiltyPatch(culprit: readonly string[] | undefined, patches: readonly Pick<Patch, 'commit'>[]) {
  const known = patches.filter(({ commit }) => culprit?.includes(commit));
  return (known.at(-1) ?? patches.at(-1))?.commit;
}

/** The failures of one cause that a repair is for: the first suite that is held, and what failed with it. */
export function repairTarget(suites: readonly SuiteOutcome[]) {
  for (const { suite, suiteRun, holding, problem } of suites) {
    if (problem !== undefined) continue;
    const caused = holding.filter(({ kind }) => kind === 'regression' || kind === 'destabilised');
    const [first] = caused;
    if (first === undefined) continue;
    const same = caused.filter(({ culprit }) => String(culprit) === String(first.culprit));
    return { suite, suiteRun, first, tests: same.map(({ unit, test }) => ({ unit, test })) };
  }
  return undefined;
}

/** Names a failure over candidates: the same again after a repair is a hand-over. */
export const failureKey = (words: readonly string[]) => [...words].sort().join('\n');

/**
 * Whether another repair may begin: attempts are bounded, and the same failure twice ends it.
 *
 * @param earlier what each candidate before was held by, as `failureKey`.
 */
export function whyNoRepair(at: { attempts: number; failure: string; earlier: readonly string[] }): string | undefined {
  const tried = at.earlier.length;
  if (at.earlier.includes(at.failure))
    return `the same failure is there again after ${tried} repaired candidate${tried === 1 ? '' : 's'}`;
  if (tried >= at.attempts)
    return `${tried} repaired candidate${tried === 1 ? ' was' : 's were'} tried, as many as \`repair.attempts\` allows`;
  return undefined;
}

/** The first mark of a conflict that is left in a file; undefined where there is none. */
export function conflictMarks(text: string): string | undefined {
  return /^(?:<{7}|>{7}|\|{7})(?= |$)/m.exec(text)?.[0];
}

/** Lines around the marks of a conflict, for whoever reads it without the file. */
const AROUND = 3;

/** The places of a file that conflict, marks and all, each with its line and some lines around it. */
export function conflictPlaces(file: string, text: string): string[] {
  const lines = text.split('\n');
  const places: string[] = [];
  for (let from = 0; from < lines.length; from += 1) {
    if (!/^<{7}(?= |$)/.test(lines[from] ?? '')) continue;
    const end = lines.findIndex((line, i) => i > from && /^>{7}(?= |$)/.test(line));
    const to = end < 0 ? lines.length - 1 : end;
    const shown = lines.slice(Math.max(0, from - AROUND), to + 1 + AROUND);
    places.push([`${file}, line ${from + 1}:`, ...shown].join('\n'));
    from = to;
  }
  return places;
}
