import { isTestPath } from './proposal/types.ts';
import { quoted, type TestText } from './test-users.ts';

const OF_JVM = /\.(java|scala|kts?|groovy)$/;
const NO_CODE = /"""[\s\S]*?"""|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
const PACKAGE = /\bpackage\s+(?!object\b)([\w.]+)/g;
const TYPE = /\b(?:class|interface|object|trait|enum|record|typealias)\s+(\w+)/g;
/** Of a package: as much as says whose it is. */
const OWN = 3;

/**
 * Why what tests say after a change is no word about the product: a JVM loads a class that lies among the tests instead
 * of the product's of the same name, or a library's (an `AssertEquals` in the package of JUnit lets all pass). Undefined
 * where no such class is seen.
 *
 * @param brought touched files of tests, as they are now.
 * @param paths of all files, as they were before.
 * @param others files of tests that are not touched.
 */
export function whyHidden(
  brought: readonly TestText[],
  { paths, others }: { paths: readonly string[]; others: readonly TestText[] },
): string | undefined {
  const sources = paths.filter((path) => OF_JVM.test(path));
  const product = sources.filter((path) => !isTestPath(path)).map((path) => ({ path, named: nameOf(path) }));
  for (const { path, text } of brought.filter((one) => OF_JVM.test(one.path))) {
    const code = codeOf(text);
    const types = new Set(found(code, TYPE));
    const mayBe = product.filter(({ named }) => types.has(named.slice(named.lastIndexOf('/') + 1)));
    const packages = new Set(found(code, PACKAGE));
    for (const name of packages.size === 0 ? [''] : packages) {
      const hidden = mayBe.find(({ named }) => isOfPackage(named, name));
      if (hidden !== undefined) return `a class of ${quoted(path)} would be loaded instead of ${quoted(hidden.path)}`;
      if (name !== '' && !isOurs(name, sources, others))
        return `${quoted(path)} has a class in the package ${name}, of which nothing else is here: it may be loaded instead of a library's`;
    }
  }
  return undefined;
}

/** `/core/src/main/java/a/Sum`. */
const nameOf = (path: string) => `/${path.replace(OF_JVM, '')}`;
const folderOf = (name: string) => `/${name.replaceAll('.', '/')}/`;
const parent = (path: string) => path.slice(0, path.lastIndexOf('/') + 1);

/** Without a package it lies at the top of the sources. */
const isOfPackage = (named: string, name: string): boolean =>
  name === '' ? /^(?:|.*\/src\/\w+\/\w+)\/$/.test(parent(named)) : parent(named).endsWith(folderOf(name));

/** A package that files lie in, or of whose family (`org.apache.kafka`) a test says that it is. */
function isOurs(name: string, sources: readonly string[], others: readonly TestText[]): boolean {
  if (sources.some((path) => parent(`/${path}`).endsWith(folderOf(name)))) return true;
  const family = (of: string) => of.split('.').slice(0, OWN).join('.');
  return others.some(
    ({ path, text }) => OF_JVM.test(path) && found(codeOf(text), PACKAGE).some((of) => family(of) === family(name)),
  );
}

/** As a compiler reads it: escapes of letters are letters, and what stands in comments and strings is no code. */
const codeOf = (text: string) =>
  text
    .replace(/\\u+([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(NO_CODE, ' ');

const found = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name);
