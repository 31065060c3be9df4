/** One line of a hunk. `line`: in the new file, of a removed one in the old file. */
export type DiffLine = { sign: '+' | '-' | ' '; text: string; line: number };

export type Hunk = { lines: DiffLine[] };

/** One file of a diff. A file that only changed its mode or its name has no hunks. */
export type DiffFile = {
  /** As it is after the patch; of a deleted one, as it was. */
  path: string;
  /** Of a rename or copy. */
  from?: string;
  status: 'added' | 'deleted' | 'modified' | 'renamed' | 'copied';
  oldMode?: string;
  newMode?: string;
  binary: boolean;
  hunks: Hunk[];
};

export type ParsedDiff = { kind: 'diff'; files: DiffFile[] } | { kind: 'unreadable'; problem: string };

/** Escapes to the caller as an answer: a diff that we read otherwise than git does must not pass. */
class Unreadable extends Error {}

type Cursor = { lines: string[]; at: number };

/**
 * Reads what `git diff --binary --full-index` writes, with a/ and b/ before the names. Strictly: hunks by their counts,
 * so that no line of a file can pass for a header, and what is not known here makes the whole diff unreadable.
 */
export function parseGitDiff(text: string): ParsedDiff {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const cursor = { lines, at: 0 };
  const files: DiffFile[] = [];
  try {
    while (cursor.at < lines.length) files.push(readFile(cursor));
  } catch (error) {
    if (error instanceof Unreadable) return { kind: 'unreadable', problem: error.message };
    throw error;
  }
  return { kind: 'diff', files };
}

function fail(cursor: Cursor, what: string): never {
  const found = cursor.lines[cursor.at]?.slice(0, 100);
  throw new Unreadable(`line ${cursor.at + 1} of the diff: ${what}, found ${JSON.stringify(found ?? 'its end')}`);
}

type Header = {
  names: [string, string][];
  fields: Map<string, string>;
  oldMode?: string | undefined;
  newMode?: string | undefined;
};

const MODE_FIELDS = ['old mode', 'new mode', 'deleted file mode', 'new file mode'];
const FIELD =
  /^(old mode|new mode|deleted file mode|new file mode|copy from|copy to|rename from|rename to|similarity index|dissimilarity index|index) (.*)$/;

function readFile(cursor: Cursor): DiffFile {
  const header = readHeader(cursor);
  const { fields, names } = header;
  const next = cursor.lines[cursor.at] ?? '';
  const isBinary = next === 'GIT binary patch' || next.startsWith('Binary files ');
  const said = next.startsWith('--- ') ? readNames(cursor) : undefined;
  if (isBinary) skipBinary(cursor);
  const renamed = fields.has('rename to') ? 'renamed' : fields.has('copy to') ? 'copied' : undefined;
  const from = renamed && unquote(cursor, fields.get('rename from') ?? fields.get('copy from') ?? '');
  const to = renamed && unquote(cursor, fields.get('rename to') ?? fields.get('copy to') ?? '');
  const same = names.find(([a, b]) => a === b)?.[0];
  const oldPath = said?.old ?? from ?? said?.new ?? same;
  const path = said?.new ?? to ?? said?.old ?? same;
  if (path === undefined || path === '' || !names.some(([a, b]) => a === (oldPath ?? path) && b === path)) {
    throw new Unreadable(`the headers of one file name different paths: ${JSON.stringify(names[0] ?? [])}`);
  }
  const status = fields.has('new file mode') ? 'added' : fields.has('deleted file mode') ? 'deleted' : renamed;
  if (said && (said.old === undefined) !== (status === 'added')) fail(cursor, '/dev/null does not go with the mode');
  return {
    path,
    ...(renamed && from !== undefined && { from }),
    status: status ?? 'modified',
    ...(header.oldMode !== undefined && { oldMode: header.oldMode }),
    ...(header.newMode !== undefined && { newMode: header.newMode }),
    binary: isBinary,
    hunks: said === undefined ? [] : readHunks(cursor),
  };
}

function readHeader(cursor: Cursor): Header {
  const first = cursor.lines[cursor.at] ?? '';
  if (!first.startsWith('diff --git ')) fail(cursor, 'a file’s header is expected');
  const names = possibleNames(cursor, first.slice('diff --git '.length));
  cursor.at += 1;
  const fields = new Map<string, string>();
  for (; cursor.at < cursor.lines.length; cursor.at += 1) {
    const field = FIELD.exec(cursor.lines[cursor.at] ?? '');
    if (field === null) break;
    const [, name = '', value = ''] = field;
    if (fields.has(name)) fail(cursor, `"${name}" stands twice`);
    if (MODE_FIELDS.includes(name) && !/^\d{6}$/.test(value)) fail(cursor, 'a mode is expected');
    fields.set(name, value);
  }
  const unchanged = / (\d{6})$/.exec(fields.get('index') ?? '')?.[1];
  return {
    names,
    fields,
    oldMode: fields.get('old mode') ?? fields.get('deleted file mode') ?? unchanged,
    newMode: fields.get('new mode') ?? fields.get('new file mode') ?? unchanged,
  };
}

/** Names with spaces are not quoted, so that a header can be read in several ways; the other headers say which. */
function possibleNames(cursor: Cursor, rest: string): [string, string][] {
  const splits: [string, string][] = [];
  for (let at = rest.indexOf(' '); at >= 0; at = rest.indexOf(' ', at + 1)) {
    const [left, right] = [rest.slice(0, at), rest.slice(at + 1)];
    if (!/^"?a\//.test(left) || !/^"?b\//.test(right)) continue;
    if (left.startsWith('"') !== left.endsWith('"') || right.startsWith('"') !== right.endsWith('"')) continue;
    splits.push([unquote(cursor, left).slice(2), unquote(cursor, right).slice(2)]);
  }
  if (splits.length === 0) fail(cursor, 'two names, a/… and b/…, are expected');
  return splits;
}

const ESCAPES: Record<string, number> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, '\\': 92 };

/** A name as git's C style quotes it: octal numbers are bytes of UTF-8. */
function unquote(cursor: Cursor, name: string): string {
  if (!name.startsWith('"')) return name;
  const inner = name.slice(1, -1);
  if (name.length < 2 || !name.endsWith('"') || !/^(?:[^"\\]|\\(?:[abtnvfr"\\]|[0-3][0-7]{2}))*$/.test(inner)) {
    fail(cursor, 'a name is not quoted as git does it');
  }
  const bytes = inner.match(/\\[0-3][0-7]{2}|\\.|[^\\]/gsu)?.flatMap((part) => {
    if (!part.startsWith('\\')) return [...new TextEncoder().encode(part)];
    return /^\\\d/.test(part) ? [Number.parseInt(part.slice(1), 8)] : [ESCAPES[part.slice(1)] ?? 0];
  });
  return new TextDecoder().decode(Uint8Array.from(bytes ?? []));
}

/** The two lines before the hunks. A tab ends a name that has spaces. */
function readNames(cursor: Cursor): { old?: string; new?: string } {
  const nameAfter = (prefix: string, side: string): string | undefined => {
    const line = cursor.lines[cursor.at] ?? '';
    if (!line.startsWith(prefix)) fail(cursor, `${prefix.trim()} is expected`);
    const name = unquote(cursor, line.slice(prefix.length).replace(/\t$/, ''));
    if (name !== '/dev/null' && !name.startsWith(side)) fail(cursor, `a name with ${side} is expected`);
    cursor.at += 1;
    return name === '/dev/null' ? undefined : name.slice(2);
  };
  const [before, after] = [nameAfter('--- ', 'a/'), nameAfter('+++ ', 'b/')];
  if (before === undefined && after === undefined) fail(cursor, 'a file that is neither before nor after');
  return { ...(before !== undefined && { old: before }), ...(after !== undefined && { new: after }) };
}

function readHunks(cursor: Cursor): Hunk[] {
  const hunks: Hunk[] = [];
  while (cursor.lines[cursor.at]?.startsWith('@@ ')) hunks.push(readHunk(cursor));
  if (hunks.length === 0) fail(cursor, 'a hunk is expected');
  return hunks;
}

function readHunk(cursor: Cursor): Hunk {
  const head = /^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@/.exec(cursor.lines[cursor.at] ?? '');
  if (head === null) fail(cursor, 'a hunk’s counts are expected');
  let [before, after] = [Number(head[1]), Number(head[3])];
  let [oldLeft, newLeft] = [Number(head[2] ?? 1), Number(head[4] ?? 1)];
  cursor.at += 1;
  const lines: DiffLine[] = [];
  while (oldLeft > 0 || newLeft > 0) {
    const line = cursor.lines[cursor.at] ?? '';
    const sign = line[0];
    if (sign !== '+' && sign !== '-' && sign !== ' ' && sign !== '\\') fail(cursor, 'a line of the hunk is expected');
    cursor.at += 1;
    if (sign === '\\') continue;
    lines.push({ sign, text: line.slice(1), line: sign === '-' ? before : after });
    if (sign !== '+') [before, oldLeft] = [before + 1, oldLeft - 1];
    if (sign !== '-') [after, newLeft] = [after + 1, newLeft - 1];
    if (oldLeft < 0 || newLeft < 0) fail(cursor, 'the hunk has more lines than it says');
  }
  if (cursor.lines[cursor.at]?.startsWith('\\ ')) cursor.at += 1;
  return { lines };
}

/** Its bytes are nobody's to read here: that it is binary is what counts. */
function skipBinary(cursor: Cursor): void {
  const isShort = cursor.lines[cursor.at]?.startsWith('Binary files ');
  cursor.at += 1;
  if (isShort) return;
  let parts = 0;
  while (/^(literal|delta) \d+$/.test(cursor.lines[cursor.at] ?? '')) {
    cursor.at += 1;
    while (/^[A-Za-z][!-~]+$/.test(cursor.lines[cursor.at] ?? '')) cursor.at += 1;
    if (cursor.lines[cursor.at] !== '') fail(cursor, 'the empty line after a binary part is expected');
    cursor.at += 1;
    parts += 1;
  }
  if (parts === 0) fail(cursor, 'a binary part is expected');
}
