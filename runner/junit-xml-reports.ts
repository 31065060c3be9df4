import type { Readable } from 'node:stream';
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import type { TestEnd } from './protocol.ts';

const MESSAGE_CHARS = 2_000;
const TRACE_CHARS = 8_000;
const NAME_CHARS = 900;
/** Far beyond any real report: what nests deeper was made to break a reader. */
const MAX_DEPTH = 64;
/** They are held until the report is whole. */
const MAX_TESTS = 200_000;

type Case = { id: string; seconds: number; status: TestEnd['status']; message?: string; trace: string };

/**
 * Reads one report as a stream: memory does not grow with its size, however long a `system-out` is. Strict XML;
 * a document type is refused, so that no entity is ever expanded or fetched.
 *
 * @throws when it is not well-formed, has a DOCTYPE, or more tests than any suite.
 */
export async function readReport(source: Readable, onTest: (test: TestEnd) => void): Promise<void> {
  const parser = new SaxesParser();
  const seen = new Map<string, number>();
  let depth = 0;
  let open: Case | undefined;
  let inProblem = false;
  let tests = 0;

  parser.on('doctype', () => {
    throw new Error('a document type is not allowed in a report');
  });
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', (tag) => {
    depth += 1;
    if (depth > MAX_DEPTH) throw new Error(`elements are nested deeper than ${MAX_DEPTH}`);
    if (tag.name === 'testcase') open = newCase(tag);
    else if (open) inProblem = applyChild(open, tag) || inProblem;
  });
  const text = (words: string) => {
    if (open && inProblem && open.trace.length < TRACE_CHARS)
      open.trace += words.slice(0, TRACE_CHARS - open.trace.length);
  };
  parser.on('text', text);
  parser.on('cdata', text);
  parser.on('closetag', (tag) => {
    depth -= 1;
    if (PROBLEMS.has(tag.name)) inProblem = false;
    if (tag.name !== 'testcase' || !open) return;
    tests += 1;
    if (tests > MAX_TESTS) throw new Error(`there are more than ${MAX_TESTS} tests in it`);
    onTest(finish(open, seen));
    open = undefined;
  });

  // The parser holds a text until it ends: one of 2 GB would be held whole. Fed in parts, it is told to let go.
  source.setEncoding('utf8');
  for await (const chunk of source) {
    parser.write(chunk as string);
    dropLongText(parser, open !== undefined && inProblem);
  }
  parser.close();
}

const PROBLEMS = new Set(['failure', 'error', 'flakyFailure', 'flakyError', 'rerunFailure', 'rerunError']);

function newCase({ attributes }: SaxesTagPlain): Case {
  const seconds = Number.parseFloat((attributes.time ?? '0').replaceAll(',', ''));
  return {
    id: testId(attributes.classname ?? '', attributes.name ?? ''),
    seconds: Number.isFinite(seconds) && seconds > 0 ? seconds : 0,
    status: 'passed',
    trace: '',
  };
}

/** True where the text of this element is the failure's. */
function applyChild(open: Case, { name, attributes }: SaxesTagPlain): boolean {
  if (name === 'skipped') {
    if (open.status === 'passed') open.status = 'skipped';
    return false;
  }
  if (!PROBLEMS.has(name)) return false;
  const first = open.status !== 'failed';
  open.status = 'failed';
  if (!first) return false;
  const said = [attributes.type, attributes.message].filter(Boolean).join(': ');
  // Passed when the tool tried again: a failure all the same, whose verdict is ours to find.
  open.message = (name.startsWith('flaky') ? `failed, then passed when it was run again: ${said}` : said).slice(
    0,
    MESSAGE_CHARS,
  );
  return true;
}

function finish(open: Case, seen: Map<string, number>): TestEnd {
  const count = (seen.get(open.id) ?? 0) + 1;
  seen.set(open.id, count);
  const test = count === 1 ? open.id : `${open.id}~${count}`;
  const message = open.message || open.trace.trim().split('\n')[0] || undefined;
  return {
    test,
    uniqueId: test,
    status: open.status,
    seconds: open.seconds,
    ...(open.status !== 'failed' ? {} : { message: message ?? 'failed without a message', trace: open.trace }),
  };
}

/** `class#method(params)[n]` from what the many writers of such files call a test. */
export function testId(className: string, name: string): string {
  const known = /^([\p{L}\p{N}_$]+)(?:[({]([^)}]*)[)}])?(?:\[(\d+)\].*)?$/su.exec(name);
  const test = known
    ? `${known[1]}(${(known[2] ?? '').replaceAll(' ', '')})${known[3] === undefined ? '' : `[${known[3]}]`}`
    : name;
  return `${className}#${test}`.slice(0, NAME_CHARS);
}

/** saxes keeps the text of an open element in a field of its own until the next tag: only its beginning is wanted. */
function dropLongText(parser: SaxesParser, wanted: boolean): void {
  const holder = parser as unknown as { text: string };
  if (holder.text.length > 128 << 10) holder.text = wanted ? holder.text.slice(0, TRACE_CHARS) : '';
}
