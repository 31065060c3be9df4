/**
 * Whether a path falls under a pattern of the configuration: `*` stands for any characters but `/`, `**` for any folders,
 * a pattern that ends with `/` for all below. Upper and lower case are one: on some file systems they are.
 */
export function matchesPath(path: string, pattern: string): boolean {
  const source = pattern
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*\/|\*\*|\*/g, (stars) => ({ '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*' })[stars] ?? stars);
  return new RegExp(pattern.endsWith('/') ? `^${source}` : `^${source}$`, 'iu').test(path);
}
