/**
 * Patterns that people write for tests. `*` stands for any characters, dots and dollar signs included. Without `#` a
 * pattern is for whole units (`org.x.*Test`); with it for methods of them (`org.x.FooTest#slow*`).
 */

/** `*` for any characters; everything else for itself. */
export function globPattern(glob: string): RegExp {
  return new RegExp(`^${glob.replace(/[.+^${}()|[\]\\?]/g, '\\$&').replaceAll('*', '.*')}$`, 's');
}

/** The method that a test belongs to: `class#method(params)[n]` without what counts its invocations. */
export function methodOf(test: string): string {
  return test.replace(/(?:\[\d+\])*(?:~\d+)?$/, '');
}

export type TestPattern = (test: string) => boolean;

/**
 * Says of a unit, a method or a test id whether it is meant. A pattern for units means all their tests; one for
 * methods may leave the parameters out: `FooTest#bar` is every `bar`.
 */
export function testPattern(pattern: string): TestPattern {
  const glob = globPattern(pattern);
  if (!pattern.includes('#')) return (test) => glob.test(test) || glob.test(classOf(test));
  return (test) => {
    if (!test.includes('#')) return false;
    const method = methodOf(test);
    return glob.test(test) || glob.test(method) || glob.test(method.replace(/\(.*$/s, ''));
  };
}

const classOf = (test: string) => test.replace(/#.*$/s, '');

export type Selection = { include: readonly string[]; exclude: readonly string[] };

/** What of a unit is to run: all of it, nothing, or methods that only a look into it can name. */
export type Selected = 'all' | 'none' | 'methods';

/** Decides on units by name. Compiled once: a suite has up to 100,000 of them. */
export function selectUnits({ include, exclude }: Selection): {
  unit(name: string): Selected;
  method(id: string): boolean;
} {
  const [whole, parts] = [include.filter(isForUnits), include.filter(isForMethods)];
  const [never, without] = [exclude.filter(isForUnits), exclude.filter(isForMethods)];
  const [inWhole, out] = [whole.map(globPattern), never.map(globPattern)];
  const [inParts, outParts] = [parts.map(classGlob), without.map(classGlob)];
  const any = (patterns: readonly RegExp[], name: string) => patterns.some((pattern) => pattern.test(name));
  const included = include.map(testPattern);
  const excluded = exclude.map(testPattern);
  return {
    unit(name) {
      if (any(out, name)) return 'none';
      const all = any(inWhole, name);
      if (!all && !any(inParts, name)) return 'none';
      return all && !any(outParts, name) ? 'all' : 'methods';
    },
    method: (id) => included.some((is) => is(id)) && !excluded.some((is) => is(id)),
  };
}

const isForMethods = (pattern: string) => pattern.includes('#');
const isForUnits = (pattern: string) => !isForMethods(pattern);
const classGlob = (pattern: string) => globPattern(classOf(pattern));
