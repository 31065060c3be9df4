import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { SaxesParser } from 'saxes';

export type MavenPlugin = 'surefire' | 'failsafe';

/** What the plugins take for tests where a pom says nothing else (their documentation, "Inclusions and Exclusions"). */
const NAMING: Record<MavenPlugin, RegExp> = {
  surefire: /^Test|Test$|Tests$|TestCase$/,
  failsafe: /^IT|IT$|ITCase$/,
};

const SOURCE = /\.(java|kt|scala|groovy)$/;
const NOT_SOURCES = new Set(['target', '.git', 'node_modules']);
const MOST_MODULES = 2_000;
const MOST_SOURCES = 200_000;
/** What is longer is generated data, and no test. */
const SOURCE_BYTES = 4 << 20;
/** An annotation that makes tests, composed ones (`@SlowTest`) included. */
const TEST_ANNOTATION = /@(?:\w+\.)*(?:\w*Test|\w*Tests|TestFactory|TestTemplate|Property|Theory|RunWith|Suite)\b/;

/** `MODULE:CLASS`, with the module's folder; for the root's own tests the class alone. */
export const mavenUnit = (module: string, className: string) => (module === '' ? className : `${module}:${className}`);

export function parseMavenUnit(unit: string): { module: string; className: string } {
  const at = unit.lastIndexOf(':');
  return { module: at < 0 ? '' : unit.slice(0, at), className: unit.slice(at + 1) };
}

export type ListingOptions = {
  plugin: MavenPlugin;
  /** Folders of modules; without them those that the root's pom names, and theirs. */
  modules?: readonly string[] | undefined;
  /** Folders of a module in which its tests are; a module's own `testSourceDirectory` comes before them. */
  sources: readonly string[];
  /** Whether a class is wanted by its name; without it the plugin's own rule. */
  wanted?: ((className: string) => boolean) | undefined;
};

/**
 * The test classes of a checkout, read from its sources: nothing is compiled or run for it, and what does not compile is
 * in the plan all the same. A class counts where it, or what it extends as far as the sources know, has an annotation
 * of a test; what it extends from elsewhere counts too (JUnit 3, Spock).
 *
 * @throws a sentence where the checkout is no Maven project, or is larger than any.
 */
export function listMavenUnits(root: string, options: ListingOptions): string[] {
  const modules = options.modules ?? modulesOf(root);
  const classes = modules.flatMap((module) => classesOf(root, module, options.sources));
  const bySimpleName = new Map(classes.map((one) => [one.name, one]));
  const wanted =
    options.wanted ?? ((name: string) => NAMING[options.plugin].test(name.slice(name.lastIndexOf('.') + 1)));
  return classes
    .filter((one) => !one.abstract && wanted(one.fullName) && hasTests(one, bySimpleName, new Set()))
    .map((one) => mavenUnit(one.module, one.fullName))
    .sort();
}

type SourceClass = {
  module: string;
  name: string;
  fullName: string;
  abstract: boolean;
  annotated: boolean;
  extended: string | undefined;
  implemented: string[];
};

function hasTests(one: SourceClass, known: ReadonlyMap<string, SourceClass>, seen: Set<SourceClass>): boolean {
  if (one.annotated) return true;
  if (seen.has(one)) return false;
  seen.add(one);
  const above = [one.extended, ...one.implemented].flatMap((name) => known.get(name ?? '') ?? []);
  if (one.extended !== undefined && !known.has(one.extended)) return true;
  return above.some((parent) => hasTests(parent, known, seen));
}

/** The folders of the project's modules, the root's own ('') first, as its pom and theirs name them outside of profiles. */
export function modulesOf(root: string): string[] {
  const found = new Set<string>();
  const visit = (module: string) => {
    if (found.has(module)) return;
    if (found.size >= MOST_MODULES)
      throw new Error(`more than ${MOST_MODULES} modules: name those of the suite (\`modules\`)`);
    found.add(module);
    for (const child of readPom(root, module).modules) {
      const path = normalize(join(module, child.endsWith('.xml') ? dirname(child) : child)).replace(/\/$/, '');
      if (path.startsWith('..'))
        throw new Error(`the module ${child} of ${module || 'the root'} lies outside of the checkout`);
      visit(path === '.' ? '' : path);
    }
  };
  visit('');
  return [...found];
}

type Pom = { modules: string[]; testSources: string | undefined };

function readPom(root: string, module: string): Pom {
  const file = join(module, 'pom.xml');
  const found = statSync(join(root, file), { throwIfNoEntry: false });
  if (!found?.isFile()) throw new Error(`${file} is not in the checkout: runner maven is for Maven projects`);
  const pom: Pom = { modules: [], testSources: undefined };
  const path: string[] = [];
  const parser = new SaxesParser();
  parser.on('doctype', () => {
    throw new Error(`${file} has a document type`);
  });
  parser.on('error', (error) => {
    throw new Error(`${file}: ${error.message}`);
  });
  parser.on('opentag', ({ name }) => path.push(name));
  parser.on('text', (text) => {
    const at = path.join('/');
    if (at === 'project/modules/module') pom.modules.push(text.trim());
    if (at === 'project/build/testSourceDirectory') pom.testSources = text.trim();
  });
  parser.on('closetag', () => path.pop());
  parser.write(readFileSync(join(root, file), 'utf8')).close();
  return pom;
}

function classesOf(root: string, module: string, sources: readonly string[]): SourceClass[] {
  const { testSources } = readPom(root, module);
  const own = testSources?.replace(/^\$\{(?:project\.)?basedir\}\/?/, '');
  const folders = own === undefined || own.includes('$') ? sources : [own, ...sources];
  return [...new Set(folders)].flatMap((folder) =>
    sourceFiles(join(root, module, folder)).flatMap((file) => declaredIn(module, file)),
  );
}

/** Links are not followed: a checkout is other people's. */
function sourceFiles(folder: string, found: string[] = []): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return found;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory() && !NOT_SOURCES.has(entry.name)) sourceFiles(join(folder, entry.name), found);
    if (entry.isFile() && SOURCE.test(entry.name)) found.push(join(folder, entry.name));
    if (found.length > MOST_SOURCES) throw new Error(`more than ${MOST_SOURCES} test sources`);
  }
  return found;
}

/** The class that a Java file is named for; in the other languages every class that begins a line. */
function declaredIn(module: string, file: string): SourceClass[] {
  if (statSync(file).size > SOURCE_BYTES) return [];
  const text = readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, ' ')
    .replace(/\/\/.*$/gm, '');
  const packageName = /^\s*package\s+([\w.]+)/m.exec(text)?.[1];
  const java = file.endsWith('.java');
  const name = java ? basename(file, '.java').replace(/[^\w]/g, '') : '\\w+';
  const declaration = new RegExp(
    `${java ? '' : '^(?:\\w+[ \\t]+){0,6}'}\\b(class|interface|enum|record|trait)[ \\t\\n]+(${name})\\b([^{]{0,500})`,
    'gm',
  );
  const found = [...text.matchAll(declaration)].slice(0, java ? 1 : 100);
  return found.map((match) => {
    const [whole, kind = '', simple = '', after = ''] = match;
    const before = java ? text.slice(Math.max(0, match.index - 200), match.index) : whole.slice(0, whole.indexOf(kind));
    return {
      module,
      name: simple,
      fullName: packageName === undefined ? simple : `${packageName}.${simple}`,
      abstract: kind !== 'class' || /\babstract\s[^;{}]*$/.test(before),
      annotated: TEST_ANNOTATION.test(text),
      extended: /\bextends\s+(?:\w+\.)*(\w+)/.exec(after)?.[1] ?? /:\s*(?:\w+\.)*(\w+)\s*\(/.exec(after)?.[1],
      implemented: (/\bimplements\s+([\w\s,.<>]+)/.exec(after)?.[1] ?? '').split(/[\s,<>]+/).filter(Boolean),
    };
  });
}
