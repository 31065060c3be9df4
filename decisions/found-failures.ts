/**
 * Where a failure that another CI has found belongs in a suite of ours: the unit that holds it, and the name under
 * which our own runs report it. Tools write names in many ways (`foo`, `foo()`, `foo(String)[1]`, a display name);
 * what cannot be told for certain is judged as its whole class.
 */

/** A test of a report: `test` as the report's reader normalises it, `class#method(params)[n]`. */
export type FoundTest = { test: string; message: string; trace: string; seconds: number };

/** `unit`: as the plan of a suite has it. `selector`: what runs it, `partOf`: the class that it is a part of. */
export type PlacedFailure = {
  unit: string;
  selector: string;
  partOf?: string;
  test: string;
  found: FoundTest;
};

/** What a suite holds. */
export type Contents =
  /** Classes, and their methods where they were looked into: `class#method(params)` with whole type names. */
  | { kind: 'classes'; classes: ReadonlySet<string>; methods: ReadonlyMap<string, readonly string[]> }
  /** A command, or a build tool: it names its tests itself. */
  | { kind: 'command'; units: readonly string[] };

/** The failures that this suite holds. The others belong elsewhere, or nowhere. */
export function placeFailures(found: readonly FoundTest[], suite: Contents): PlacedFailure[] {
  return found.flatMap((one) => {
    const place = suite.kind === 'classes' ? placeInClass(one, suite) : placeInCommand(one, suite.units);
    return place ?? [];
  });
}

/** Several names of a report may stand for one test (a retry, a class that is judged as a whole): one of each. */
export function distinctPlaces(placed: readonly PlacedFailure[]): PlacedFailure[] {
  const first = new Map<string, PlacedFailure>();
  for (const place of placed) {
    const key = `${place.unit} ${place.test}`;
    if (!first.has(key)) first.set(key, place);
  }
  return [...first.values()];
}

/** The classes of the suite that the failures name: those whose methods are worth a look. */
export function namedClasses(found: readonly FoundTest[], classes: ReadonlySet<string>): string[] {
  return [...new Set(found.flatMap(({ test }) => classIn(classes, partsOf(test).className) ?? []))].sort();
}

function placeInClass(found: FoundTest, { classes, methods }: Extract<Contents, { kind: 'classes' }>) {
  const { className, method, params, index } = partsOf(found.test);
  const unit = classIn(classes, className);
  if (unit === undefined) return undefined;
  const known = methodIn(methods.get(unit) ?? [], className, method, params);
  if (known === undefined) return { unit, selector: `c:${unit}`, test: unit, found };
  const part = { unit: known, selector: `s:${unit};${known}`, partOf: unit };
  return { ...part, test: `${known}${index}`, found };
}

function placeInCommand(found: FoundTest, units: readonly string[]) {
  // A build tool's units are called by class, or by module and class; a nested class is its outermost one's.
  const outermost = partsOf(found.test).className.replace(/\$.*$/s, '');
  const names = new Set([outermost, outermost.replace(/^.*[.]/, '')]);
  const unit = units.length === 1 ? units[0] : units.find((name) => names.has(name.replace(/^.*:/, '')));
  return unit === undefined ? undefined : { unit, selector: unit, test: withoutRepeat(found.test), found };
}

/** A nested class runs within its outermost one, unless the suite has it as a class of its own. */
function classIn(classes: ReadonlySet<string>, name: string): string | undefined {
  for (let at = name; at !== ''; at = at.includes('$') ? at.slice(0, at.lastIndexOf('$')) : '') {
    if (classes.has(at)) return at;
  }
  return undefined;
}

function methodIn(methods: readonly string[], className: string, method: string, params: string[] | undefined) {
  const named = methods.filter((known) => known.startsWith(`${className}#${method}(`));
  if (named.length <= 1) return named[0];
  const simple = (types: readonly string[]) => types.map((type) => type.replace(/^.*[.$]/, '')).join();
  return named.find((known) => simple(partsOf(known).params ?? []) === simple(params ?? []));
}

/** `params`: nothing where the name has no parentheses. `index`: `[n]…` of an invocation, or nothing. */
function partsOf(test: string): { className: string; method: string; params?: string[]; index: string } {
  const at = test.indexOf('#');
  const className = at < 0 ? test : test.slice(0, at);
  const rest = at < 0 ? '' : withoutRepeat(test.slice(at + 1));
  const parts = /^([^()[\]\s]+)(?:\(([^)]*)\))?((?:\[\d+\])*)$/.exec(rest);
  if (!parts) return { className, method: '', index: '' };
  const [, method = '', list, index = ''] = parts;
  return { className, method, ...(list === undefined ? {} : { params: list.split(',').filter(Boolean) }), index };
}

/** A tool that tries again reports a test twice: the reader counts them (`~2`). */
const withoutRepeat = (test: string) => test.replace(/~\d+$/, '');
