import { isSource, isTestPath, shown } from './proposal/types.ts';

/** A file of the tests, and what stands in it. */
export type TestText = { path: string; text: string };

/**
 * What uses files of tests which a change has touched, and is no proof of it either (a test may pass since its base class
 * no longer asks). `names`: classes of what was touched and of what uses it, beside those that are called as their files.
 * `untold`: why that cannot be told, and then every test is one of them.
 */
export type TestUsers = { users: string[]; names: string[]; untold?: string };

export const NO_USERS: TestUsers = { users: [], names: [] };

/** A class is found by its name in these, from wherever it is used. */
const BY_NAME = /\.(java|scala|kts?|groovy|py|[cm]?[jt]sx?)$/;
/** Used by what lies in the same folder or below, without being named. */
const BY_FOLDER = /^(?:conftest|__init__|index|package)$/;
/** Names what is loaded without any source saying so. */
const SERVICES = /(^|\/)META-INF\/services\//;
/** What a JVM, a runner or a logger takes up by itself, whoever speaks of it. */
const LOADED =
  /(^|\/)(META-INF\/services\/.*|junit-platform\.properties|log(4j2?|back)[-\w]*\.\w+|testng\.xml|(pytest|tox)\.ini)$/;
const WORD = /^\w+$/;

/** Files in which the use of others can be read: sources of tests, and lists of what a JVM loads by itself. */
export const isTestSource = (path: string): boolean => (isTestPath(path) && isSource(path)) || SERVICES.test(path);

/**
 * The tests' files that use touched ones, by their text and through one another. A name in a comment counts as a use: who
 * is called a user by mistake loses a proof, who is missed would be a false one. Reflection over names that are put
 * together is not seen.
 *
 * @param added those of the touched ones that were not there before: nobody else can have read their data.
 */
export function testUsers(
  files: readonly TestText[],
  touched: readonly string[],
  added: ReadonlySet<string> = new Set(),
): TestUsers {
  const tests = touched.filter((path) => isTestPath(path) || SERVICES.test(path));
  if (tests.length === 0) return NO_USERS;
  const texts = new Map(files.map(({ path, text }) => [path, text]));
  const named = whoNames([...files, ...tests.flatMap((path) => (texts.has(path) ? [] : [{ path, text: '' }]))]);
  const reached = new Set(tests);
  const tree = { files, named, touched: new Set(tests), added };
  // A set that grows while it is gone through gives what was added too.
  for (const path of reached) {
    const users = usersOf(path, tree);
    // Of a language that is not read here, say.
    if (users.length === 0 && !isRead(path))
      return { ...NO_USERS, untold: `no source of a test beside ${quoted(path)} can be read` };
    for (const user of users) reached.add(user);
  }
  const names = [...reached].flatMap((path) => typesOf(path, texts.get(path) ?? ''));
  const users = [...reached].filter((path) => !tests.includes(path)).sort();
  return { users, names: [...new Set(names)].sort() };
}

/** For a sentence that people read. */
export const quoted = (path: string): string => shown(JSON.stringify(path));

/** Whoever uses it is found in sources that are read. */
const isRead = (path: string): boolean => BY_NAME.test(path) || isSource(path);

type Tree = {
  files: readonly TestText[];
  named: (path: string) => readonly string[];
  touched: ReadonlySet<string>;
  added: ReadonlySet<string>;
};

function usersOf(path: string, { files, named: namers, touched, added }: Tree): readonly string[] {
  const under = (folder: string) => files.flatMap((file) => (file.path.startsWith(folder) ? [file.path] : []));
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const named = namers(path);
  // A package of Go is its folder.
  if (path.endsWith('.go')) return under(folder).filter((one) => one.endsWith('.go'));
  if (BY_FOLDER.test(stemOf(path))) return [...named, ...under(folder)];
  if (BY_NAME.test(path)) return named;
  // A name that the same change may have put there says nothing of who read it before.
  const isNamed = named.some((one) => added.has(path) || !touched.has(one));
  if (isNamed && !LOADED.test(path)) return named;
  // Data and settings that no test names may be read by any beside them.
  return [...named, ...under(testRoot(path))];
}

/** `core/src/test/` of `core/src/test/resources/a/x.json`; the folder itself where none is called so. */
function testRoot(path: string): string {
  const parts = path.split('/').slice(0, -1);
  const at = parts.findIndex((_, i) => isTestPath(`${parts.slice(0, i + 1).join('/')}/x`));
  // Beside it there may be no test at all: `test-common/src/main/resources/META-INF/services`.
  const root = at < 0 ? (SERVICES.test(path) ? [] : parts) : parts.slice(0, at + 1);
  return root.length === 0 ? '' : `${root.join('/')}/`;
}

/** By file, the others that say one of its names. */
function whoNames(files: readonly TestText[]): (path: string) => string[] {
  const definers = new Map<string, string[]>();
  for (const { path, text } of files)
    for (const name of namesOf(path, text)) definers.set(name, [...(definers.get(name) ?? []), path]);
  const oddIn = whichOdd([...definers.keys()].filter((name) => !WORD.test(name)));
  const users = new Map<string, Set<string>>();
  for (const { path, text } of files) {
    const words = new Set(text.match(/\w+/g));
    const said = [...[...words].filter((word) => definers.has(word)), ...oddIn(text, words)];
    for (const name of said)
      for (const definer of definers.get(name) ?? [])
        if (definer !== path) users.set(definer, (users.get(definer) ?? new Set()).add(path));
  }
  return (path) => [...(users.get(path) ?? [])];
}

/**
 * Those of these names that a text says. Each is looked for where the rarest of its words stands: all of them in all of
 * the texts would take minutes, where there are thousands of `a.test.ts`.
 */
function whichOdd(names: readonly string[]): (text: string, words: ReadonlySet<string>) => string[] {
  const wordsOf = (name: string) => name.match(/\w+/g) ?? [''];
  const often = new Map<string, number>();
  for (const word of names.flatMap(wordsOf)) often.set(word, (often.get(word) ?? 0) + 1);
  const rarest = (name: string) =>
    wordsOf(name).reduce((one, word) => ((often.get(word) ?? 0) < (often.get(one) ?? 0) ? word : one));
  const byWord = new Map<string, string[]>();
  for (const name of names) {
    const word = rarest(name);
    byWord.set(word, [...(byWord.get(word) ?? []), name]);
  }
  return (text, words) =>
    ['', ...words].flatMap((word) => byWord.get(word)?.filter((name) => text.includes(name)) ?? []);
}

const fileOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
const stemOf = (path: string) => fileOf(path).replace(/\.[^.]*$/, '');

/** How others may call what is in a file: it itself, its types, what stands in it outside of any type. */
function namesOf(path: string, text: string): string[] {
  const stem = stemOf(path);
  // `index` is a word of every other text, and what it is used as is its folder.
  const own = BY_FOLDER.test(stem) ? [path.split('/').at(-2) ?? ''] : [BY_NAME.test(path) ? stem : fileOf(path)];
  const outside = /\.(kts?|scala)$/.test(path) ? found(text, OUTSIDE) : [];
  return [...new Set([...own, ...typesOf(path, text), ...outside])].filter((name) => name !== '');
}

/** Outside of any other: whoever means one that is inside names the outer one too. */
const TYPES =
  /^(?:(?:@[\w.]+(?:\((?:[^()\n]|\([^()\n]*\))*\))?|[a-z]+(?:-[a-z]+)?(?:\[\w*\])?)[ \t]+)*@?(?:class|interface|object|trait|enum|record|typealias)[ \t]+(\w+)/gm;
const OUTSIDE = /^(?:[a-z]+[ \t]+)*(?:fun|def|val|var)[ \t]+(?:<[^>\n]*>[ \t]*)?(?:[\w<>?]+\.)*(\w+)/gm;
const found = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name);

/** A file of Scala or Kotlin may hold several, a file of Java some that are not called as it is. */
const typesOf = (path: string, text: string): string[] =>
  /\.(java|scala|kts?|groovy)$/.test(path) ? found(text, TYPES) : [];
