/**
 * A file as `java.util.Properties` reads it: by key, and of two of one key the last one holds. What Java reads
 * otherwise than a line of `key=value` looks (a line that goes on, `key: value`, `\u0041`) is read as Java does.
 */
export function readProperties(text: string): Map<string, string> {
  return new Map(logicalLines(text).map((line) => keyAndValue(line)));
}

/** A line that ends in an odd number of backslashes goes on in the next one, without what that is indented by. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let begun = '';
  for (const natural of text.split(/\r\n|[\r\n]/)) {
    const line = natural.replace(/^[ \t\f]+/, '');
    // Only where a line begins: a piece of a value may begin with such a sign, and an empty one ends it.
    if (begun === '' && /^([#!]|$)/.test(line)) continue;
    const goesOn = (/\\*$/.exec(line)?.[0].length ?? 0) % 2 === 1;
    begun += goesOn ? line.slice(0, -1) : line;
    if (goesOn) continue;
    lines.push(begun);
    begun = '';
  }
  return begun === '' ? lines : [...lines, begun];
}

/** Up to the first `=`, `:` or blank that no backslash stands before; blanks around the separator are none of either. */
function keyAndValue(line: string): [string, string] {
  const [, key = '', value = ''] = /^((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)$/s.exec(line) ?? [];
  return [unescaped(key), unescaped(value)];
}

const CONTROL: Record<string, string> = { t: '\t', n: '\n', r: '\r', f: '\f' };

const unescaped = (text: string) =>
  text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_, code: string | undefined, sign: string) =>
    code === undefined ? (CONTROL[sign] ?? sign) : String.fromCharCode(Number.parseInt(code, 16)),
  );

/** Lines that `java.util.Properties` reads as exactly these, from bytes as from text: line breaks, backslashes and all. */
export function writeProperties(settings: Readonly<Record<string, string | number | boolean>>): string {
  const lines = Object.entries(settings).map(([key, value]) => `${escaped(key, /[ :=#!\\]/g)}=${escapedValue(value)}`);
  return `${lines.join('\n')}\n`;
}

/** Blanks before a value are none of it, unless a backslash stands before the first. */
const escapedValue = (value: string | number | boolean) => escaped(String(value), /\\/g).replace(/^ /, '\\ ');

const ESCAPES: Record<string, string> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\f': '\\f' };

const escaped = (text: string, signs: RegExp) =>
  text
    .replace(signs, '\\$&')
    .replace(/[\t\n\r\f]/g, (sign) => ESCAPES[sign] ?? sign)
    .replace(/[^\x20-\x7e]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
