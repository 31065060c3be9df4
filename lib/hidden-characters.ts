const MOST_NAMED = 5;
// Beside what no reader sees: a space that is none.
const UNSEEN = /[\p{Cc}\p{Cf}\u00a0\u2007\u202f]/gu;
/** Most texts have none of these, and are looked through once. */
const PERHAPS_HIDDEN = /[^\n\t\x20-\x7e]/;
const TABS = 'tabs are shown as a space';
const SEEN_OTHERWISE = new Set(['\n', '\r', '\t']);

/**
 * What of a text `plainText` (plain-text.ts) does not show: ends of lines, tabs, characters of no width. Whoever reads
 * a text that was made plain, a model above all, would take it for the whole. Empty where all of it is seen.
 *
 * @param lines whether a character is named with its first line: lines of a list are not those of a file.
 */
export function hiddenWords(text: string, { lines: byLine = true }: { lines?: boolean } = {}): string {
  if (!PERHAPS_HIDDEN.test(text)) return text.includes('\t') ? TABS : '';
  const lines = text.split('\n');
  const withReturn = lines.filter((line) => line.endsWith('\r')).length;
  const inside = lines.filter((line) => line.slice(0, -1).includes('\r')).length;
  const found = new Map<string, number>();
  for (const [i, line] of lines.entries())
    for (const [one] of line.matchAll(UNSEEN)) if (!SEEN_OTHERWISE.has(one) && !found.has(one)) found.set(one, i + 1);
  const named = [...found]
    .slice(0, MOST_NAMED)
    .map(([one, line]) => `${codeOf(one)}${byLine ? ` in line ${line}` : ''}`);
  return [
    ...(withReturn > 0 ? [`${withReturn} of its lines end in CR LF`] : []),
    ...(inside > 0 ? [`${inside} of its lines have a CR inside, shown as the end of a line`] : []),
    ...(text.includes('\t') ? [TABS] : []),
    ...(named.length > 0
      ? [`not shown as they are: ${named.join(', ')}${found.size > named.length ? ', …' : ''}`]
      : []),
  ].join('; ');
}

const codeOf = (character: string) =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
