/** A class or a method as its file declares it. `depth`: how many declarations it stands in. */
export type Declaration = { line: number; depth: number; text: string };

const LONGEST = 200;
const MOST = 400;

/** Declarations by line, for languages whose blocks we do not follow; the indentation says what stands in what. */
const BY_LINE: readonly { files: RegExp; declares: RegExp }[] = [
  {
    files: /\.scala$/,
    declares:
      /^\s*(?:(?:private|protected)(?:\[\w+\])?\s+|(?:override|final|implicit|lazy|abstract|sealed|case)\s+)*(?:def|class|trait|object|enum)\s+\w/,
  },
  {
    files: /\.kts?$/,
    declares:
      /^\s*(?:(?:public|private|protected|internal|override|open|abstract|sealed|data|inline|suspend|operator|companion|enum)\s+)*(?:fun|class|interface|object)\b/,
  },
  { files: /\.py$/, declares: /^\s*(?:async\s+def|def|class)\s+\w/ },
  { files: /\.go$/, declares: /^(?:func|type)\s+[\w(]/ },
  {
    files: /\.rs$/,
    declares: /^\s*(?:pub(?:\([\w:]+\))?\s+)?(?:async\s+)?(?:unsafe\s+)?(?:fn|struct|enum|trait|impl)\b/,
  },
  {
    files: /\.[cm]?[jt]sx?$/,
    declares:
      /^(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:function|class|interface|type|enum)\b|^export\s+const\s+\w|^\s{2,4}(?:(?:public|private|protected|static|async|override)\s+)*\w+\([^)]*\)(?::\s*[^={]+)?\s*\{$/,
  },
];

/** What a source file declares, from top to bottom; empty for a language that is not known. */
export function outlineOf(path: string, text: string): Declaration[] {
  if (/\.java$/.test(path)) return javaOutline(text).slice(0, MOST);
  const declares = BY_LINE.find(({ files }) => files.test(path))?.declares;
  if (declares === undefined) return [];
  return text
    .split('\n')
    .flatMap((found, i) => {
      const line = found.slice(0, 500);
      if (!declares.test(line)) return [];
      const indented = (/^\s*/.exec(line)?.[0] ?? '').replaceAll('\t', '    ').length;
      return [{ line: i + 1, depth: Math.floor(indented / 4), text: squeeze(line.replace(/\s*[{:=]\s*$/, '')) }];
    })
    .slice(0, MOST);
}

type Block = 'class' | 'other';
type Reader = {
  found: Declaration[];
  blocks: { kind: Block; name: string }[];
  head: string;
  headLine: number;
  parens: number;
};

/**
 * Java, by its blocks: what stands before a brace, or before the semicolon of an abstract method, is a declaration where
 * it stands in a file or in a type. Method bodies are passed over.
 */
function javaOutline(text: string): Declaration[] {
  const reader: Reader = { found: [], blocks: [], head: '', headLine: 1, parens: 0 };
  let line = 1;
  for (const [part] of text.matchAll(TOKENS)) {
    takePart(reader, part, line);
    for (let at = part.indexOf('\n'); at >= 0; at = part.indexOf('\n', at + 1)) line += 1;
  }
  return reader.found;
}

/** Comments and strings as one part each: what is in them opens and closes nothing. */
const TOKENS =
  /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"""[\s\S]*?(?:"""|$)|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|[{}();]|\n|[^/"'{}();\n]+|[/"']/g;

function takePart(reader: Reader, part: string, line: number): void {
  if (/^\/[/*]/.test(part)) return;
  const inType = reader.blocks.every(({ kind }) => kind === 'class');
  if (part === '(') reader.parens += 1;
  if (part === ')') reader.parens = Math.max(0, reader.parens - 1);
  if (reader.parens > 0 || !/^[{};]$/.test(part)) {
    if (!inType) return;
    if (reader.head === '') {
      // A declaration begins at its first word.
      if (part.trim() === '') return;
      reader.headLine = line;
    }
    if (reader.head.length < 2_000) reader.head += part.startsWith('"') ? '""' : part;
    return;
  }
  const declared = inType ? declarationOf(reader) : undefined;
  const isMember = part === '{' || reader.blocks.length > 0;
  if (declared && isMember && part !== '}' && !(part === ';' && declared.kind === 'class')) {
    reader.found.push({ line: reader.headLine + declared.skipped, depth: reader.blocks.length, text: declared.text });
  }
  if (part === '{') reader.blocks.push({ kind: declared?.kind ?? 'other', name: declared?.name ?? '' });
  if (part === '}') reader.blocks.pop();
  reader.head = '';
}

const ANNOTATION = /@(?!interface\b)[\w.]+(?:\s*\((?:[^()]|\([^()]*\))*\))?/g;

type Declared = { kind: Block; name: string; text: string; skipped: number };

function declarationOf({ head, blocks }: Reader): Declared | undefined {
  // Lines of annotations stand before the declaration itself.
  const bare = head.replace(ANNOTATION, (found) => found.replace(/[^\n]/g, ''));
  const skipped = (/^\s*/.exec(bare)?.[0] ?? '').split('\n').length - 1;
  const text = squeeze(bare);
  const type = /(?:^|\s)(?:class|interface|enum|record|@interface)\s+(\w+)/.exec(text);
  if (type) return { kind: 'class', name: type[1] ?? '', text, skipped };
  const method = /^(?:([\w<>[\],.?&\s]+)\s)?(\w+)\s*\(/.exec(text);
  const name = method?.[2] ?? '';
  const isMethod = method && !/=|\breturn\b|\bnew\b/.test(text.slice(0, text.indexOf('(')));
  if (!isMethod || (method[1] === undefined && name !== blocks.at(-1)?.name)) return undefined;
  return { kind: 'other', name, text, skipped };
}

function squeeze(text: string): string {
  const line = text.replace(/\s+/g, ' ').replace(/\(\s+/g, '(').replace(/\s+\)/g, ')').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}

/** For a reader: the number of each line, what stands in what by indentation. */
export function outlineText(path: string, declarations: readonly Declaration[]): string {
  const lines = declarations.map(
    ({ line, depth, text }) => `${String(line).padStart(5)} ${'  '.repeat(Math.min(depth, 6))}${text}`,
  );
  return [path, ...(lines.length === 0 ? ['      nothing that is known to declare something'] : lines)].join('\n');
}
