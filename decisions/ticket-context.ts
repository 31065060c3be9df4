/** Words that lead to files; more make one search slow and its answer wide. */
const MOST_WORDS = 8;
const MOST_FILES = 6;

/** Names of code and configuration in what people wrote, those that look most like one first: `max.poll.ms`, `SumTest`. */
export function codeWords(text: string): string[] {
  const found = text.match(/[\p{L}\p{N}_$][\p{L}\p{N}_$.-]{3,59}/gu) ?? [];
  const words = [...new Set(found.map((word) => word.replace(/[.-]+$/, '')))];
  const isName = (word: string) => /[a-z][A-Z]|[_$\d]|\w[.-]\w/.test(word);
  const named = words.filter(isName);
  const long = words.filter((word) => !isName(word) && word.length >= 5).sort((a, b) => b.length - a.length);
  return [...named, ...long].filter((word) => word.length >= 4).slice(0, MOST_WORDS);
}

/** Lines that match in a file, as `git grep --count` says it. */
export type Matched = { path: string; lines: number };

/** The files that speak most of it: those whose name has one of the words, then those with the most lines. */
export function filesThatSpeak(found: readonly Matched[], words: readonly string[]): string[] {
  const lower = words.map((word) => word.toLowerCase());
  const isNamed = (path: string) => lower.some((word) => path.toLowerCase().includes(word));
  const sorted = [...found].sort(
    (a, b) => Number(isNamed(b.path)) - Number(isNamed(a.path)) || b.lines - a.lines || (a.path < b.path ? -1 : 1),
  );
  return sorted.slice(0, MOST_FILES).map(({ path }) => path);
}

/** Environments that a text names, as whole words. */
export const environmentsNamed = (text: string, environments: readonly string[]): string[] => {
  const words = new Set(text.toLowerCase().match(/[\p{L}\p{N}_-]+/gu) ?? []);
  return environments.filter((name) => words.has(name.toLowerCase()));
};
