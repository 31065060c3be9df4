import type { DiffFile } from '../git-diff.ts';
import { ASSERTION, LIMITED, TAUTOLOGY, TEST } from './test-lines.ts';
import { type Finding, finding, isComment, shown } from './types.ts';

/**
 * One file of a conflict: as it was before either side changed it, with upstream's change, with the patch's, and as it
 * was resolved. Undefined where it is not there. What git made of it, marks and all, is nobody's version.
 */
export type Sides = Record<'old' | 'base' | 'patched' | 'resolved', string | undefined>;

type Count = Map<string, number>;
type Counted = Record<keyof Sides, Count>;

const squeezed = (text: string) => text.replace(/\s+/g, ' ').trim();

export function countOf(found: readonly string[]): Count {
  const count: Count = new Map();
  for (const one of found) count.set(one, (count.get(one) ?? 0) + 1);
  return count;
}

/** Strings and the ends of lines stay, so that what looks like a comment in them is none; longer comments go. */
const TOKENS = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/\/[^\n]*|^[ \t]*#[^\n]*|\/\*[\s\S]*?\*\//gm;
const withoutComments = (text: string) => text.replace(TOKENS, (token) => (token.startsWith('/*') ? ' ' : token));

const codeOf = (text: string) =>
  withoutComments(text)
    .split('\n')
    .filter((line) => !isComment(line));

const linesWith = (pattern: RegExp) => (text: string) =>
  codeOf(text)
    .filter((line) => pattern.test(line) && !TAUTOLOGY.test(line))
    .map(squeezed);

const ANNOTATION = /^\s*@/;
/** What is called `name(`, or stands as a sentence in `it('…'`. */
const NAMED = /(?:\b(?:it|test)\s*(?:\.\w+)?\s*\(\s*(['"`])(.*?)\1)|(?<!@)\b(\w+)\s*\(/;

/** Tests by their names, since all are announced by the same line; one without a name is its line. */
export function testsIn(text: string): string[] {
  const lines = codeOf(text);
  return lines.flatMap((line, at) => {
    if (!TEST.test(line)) return [];
    const withoutNotes = line.replace(/@[\w.]+(?:\([^)]*\))?/g, ' ');
    const next = lines.slice(at + 1).find((one) => !ANNOTATION.test(one));
    const named = NAMED.exec(withoutNotes) ?? (ANNOTATION.test(line) ? NAMED.exec(next ?? '') : null);
    return [named?.[2] ?? named?.[3] ?? squeezed(ANNOTATION.test(line) ? (next ?? line) : line)];
  });
}

const KINDS = [
  { what: 'test', of: (text: string) => [...new Set(testsIn(text))] },
  { what: 'assertion', of: linesWith(ASSERTION) },
  { what: 'limit', of: linesWith(LIMITED) },
] as const;

/** How often it has to stand there: what one side alone took away may go, what one side alone added stays. */
function wanted(old: number, base: number, patched: number): number {
  if (base === patched || base === old) return patched;
  return patched === old ? base : Math.max(0, base + patched - old);
}

const at = (count: Count, text: string) => count.get(text) ?? 0;

/** `both`: lost though both sides have it. `one`: lost, of what one side added. */
function lostOf(counted: Counted, elsewhere: ReadonlySet<string>): { both: string[]; one: string[]; room: number } {
  const { old, base, patched, resolved } = counted;
  const all = new Set([...base.keys(), ...patched.keys()]);
  const [both, one]: [string[], string[]] = [[], []];
  for (const text of all) {
    if (elsewhere.has(text)) continue;
    const sides = [at(base, text), at(patched, text)] as const;
    const here = at(resolved, text);
    const missing = Math.min(...sides) - here;
    if (missing > 0) both.push(text);
    const gone = wanted(at(old, text), ...sides) - Math.max(here, Math.min(...sides));
    for (let n = 0; n < gone; n += 1) one.push(text);
  }
  // What both sides wrote anew in another way becomes one again; what is new in the resolution stands for one of theirs.
  let room = 0;
  for (const [text, n] of old) room += Math.max(0, n - Math.max(at(base, text), at(patched, text)));
  for (const [text, n] of resolved) room += Math.max(0, n - Math.max(at(old, text), at(base, text), at(patched, text)));
  return { both, one, room };
}

function countAll(sides: Sides, of: (text: string) => readonly string[]): Counted {
  const count = (side: keyof Sides) => countOf(of(sides[side] ?? ''));
  return { old: count('old'), base: count('base'), patched: count('patched'), resolved: count('resolved') };
}

/**
 * What a resolution loses of a test file, against what both sides say together: an assertion or a test that stands in
 * upstream's version and in the patch's is never lost, what one side alone removed may go, and what one side alone wrote
 * has to be there, or something in its place.
 *
 * @param elsewhere lines that the resolution adds to other tests: they were moved.
 */
export function lostOfSides(file: DiffFile, sides: Sides, elsewhere: readonly string[] = []): Finding[] {
  if (sides.resolved === undefined) return deletedOf(file, sides);
  const moved = elsewhere.join('\n');
  return KINDS.flatMap(({ what, of }) => {
    const { both, one, room } = lostOf(countAll(sides, of), new Set(of(moved)));
    const found: Finding[] = [];
    if (both.length > 0) {
      const words = `a ${what} is lost that stands in upstream's version and in the patch's: «${shown(both[0] ?? '')}»`;
      found.push(finding('weakened-tests', 'refuse', file, words.replace('a assertion', 'an assertion')));
    }
    if (one.length === 0) return found;
    const words = `${one.length} ${what}s that one side wrote are not in the resolution, with ${room} in their place: «${shown(one[0] ?? '')}»`;
    found.push(finding('weakened-tests', one.length > room ? 'refuse' : 'point-out', file, words));
    return found;
  });
}

function deletedOf(file: DiffFile, { base, patched }: Sides): Finding[] {
  const isOneSided = base === undefined || patched === undefined;
  const words = isOneSided ? 'a test is deleted, as one side did' : 'a test is deleted that both sides have';
  return [finding('weakened-tests', isOneSided ? 'point-out' : 'refuse', file, words)];
}
