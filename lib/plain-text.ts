/**
 * Text from outside (commit subjects, test names, failure messages) made safe to keep and to show:
 * a terminal must not obey it, PostgreSQL must accept it (no NUL, no half surrogate), and what a
 * reader sees must be what is there (no direction overrides, nothing of zero width).
 */
// CSI with its parameters, OSC up to its end, then any other two-byte escape.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this file removes.
const ESCAPES = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]{0,2048}(?:\u0007|\u001b\\)|\u001b[@-Z\\-_]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same.
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]+/g;
const INVISIBLE = /[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]|\udb40[\udc00-\udfff]/g;

/** Whatever one of the above can begin with: most texts have none of it, and are looked through once. */
const ANY = /[^\n\t\r\x20-\x7e]/;

/** `text` without terminal escapes, control and invisible characters; lines are kept. Cut to `max` characters. */
export function plainText(text: string, max = 3500): string {
  const spaced = text.replace(/\r\n?/g, '\n').replaceAll('\t', ' ');
  return cut(ANY.test(spaced) ? withoutUnseen(spaced) : spaced, max);
}

const withoutUnseen = (text: string) =>
  text.replace(ESCAPES, '').replace(CONTROLS, '\ufffd').replace(INVISIBLE, '').toWellFormed();

/** The same, and where it is cut it says so, and how much is not there: for whoever decides on what he reads. */
export function plainTextSayingCut(text: string, max: number): string {
  const clean = plainText(text, Number.POSITIVE_INFINITY);
  if (clean.length <= max) return clean;
  const words = (left: number) => `\n… cut here: ${left} more characters`;
  // No character is halved.
  const shown = clean.slice(0, max - words(clean.length).length).replace(/[\ud800-\udbff]$/, '');
  return `${shown}${words(clean.length - shown.length)}`;
}

/** The same on one line: for a list, a table cell, a live line. */
export function oneLine(text: string, max = 300): string {
  return cut(plainText(text, Number.POSITIVE_INFINITY).replace(/\s+/g, ' ').trim(), max);
}

/** Cut by code points, so that no character is halved; what was cut off is shown by `…`. */
function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${Array.from(text.slice(0, max * 2))
    .slice(0, max - 1)
    .join('')}…`;
}

/**
 * An id or a message as PostgreSQL and people can take it, with nothing lost: a control character, a direction
 * override or half a surrogate is shown as its code, so that two ids never become one. `keep`: characters that stay.
 */
export function visible(text: string, keep = ''): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) =>
      keep.includes(c) ? c : `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
    );
}
