/** Where GitHub looks for it, in this order. */
export const OWNER_FILES = ['.github/CODEOWNERS', 'CODEOWNERS', 'docs/CODEOWNERS'] as const;

type Rule = { matches: RegExp; owners: string[] };

/** Who owns each path, as CODEOWNERS says it: the last pattern that matches counts. None: nobody is named. */
export function ownersOf(codeOwners: string, paths: readonly string[]): { path: string; owners: string[] }[] {
  const rules = codeOwners.split(/\r?\n/).flatMap(ruleOf).reverse();
  return paths.map((path) => ({ path, owners: rules.find(({ matches }) => matches.test(path))?.owners ?? [] }));
}

function ruleOf(line: string): Rule[] {
  const [pattern = '', ...owners] = line
    .replace(/(^|\s)#.*$/, '')
    .trim()
    .split(/\s+/);
  // What neither is nor closes a section of GitLab's.
  if (pattern === '' || pattern.length > 500 || /^\^?\[/.test(pattern)) return [];
  return [{ matches: expressionOf(pattern), owners }];
}

/** As .gitignore has them: one with a slash before its end stands at the top, any other at any depth. */
function expressionOf(pattern: string): RegExp {
  const bare = pattern.replace(/^\//, '').replace(/\/$/, '');
  const atTop = pattern.startsWith('/') || bare.includes('/');
  const source = bare
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*\/|\*\*|\*|\?/g, (wild) => ({ '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*' })[wild] ?? '[^/]');
  // `docs/*` is what stands in it, not below; a folder's name is all below.
  const end = pattern.endsWith('/') ? '/' : /(^|\/)\*$/.test(bare) ? '$' : '(?:/|$)';
  return new RegExp(`${atTop ? '^' : '(?:^|/)'}${source}${end}`);
}
