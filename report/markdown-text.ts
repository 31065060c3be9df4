import { oneLine } from '../lib/plain-text.ts';

/** Text from outside as text in Markdown: no image that calls home, no link, no tag, no broken table. */
export function md(text: string, max = 300): string {
  return oneLine(text, max).replace(/[\\`*_{}[\]<>|#!&~]/g, (character) =>
    character === '&' ? '&amp;' : `\\${character}`,
  );
}

/** A code span that holds whatever it is given, also in a table. */
export function code(text: string): string {
  const inner = oneLine(text).replaceAll('|', '\u2223');
  const longest = Math.max(0, ...Array.from(inner.matchAll(/`+/g), ([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = longest > 0 ? ' ' : '';
  return `${fence}${pad}${inner}${pad}${fence}`;
}

/** A table, or nothing where there are no rows. Cells are Markdown already. `right` aligns numbers. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (right.includes(column) ? '--:' : '---'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** `1 h 2 min`, `4 min 31 s`, `12.4 s`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** `12,345`. */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** `1 test`, `3 tests`; `es` for a word that takes it. */
export function plural(n: number, word: string, ending = 's'): string {
  return `${count(n)} ${word}${n === 1 ? '' : ending}`;
}
