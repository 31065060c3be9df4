import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import type { TestEnd } from './protocol.ts';

const MESSAGE_CHARS = 2_000;
const TRACE_CHARS = 8_000;
const NAME_CHARS = 900;
/** Far beyond any real report: what nests deeper was made to break a reader. */
const MAX_DEPTH = 64;
/** The parser holds a tag whole, with its attributes: a message of a megabyte is real, one of a hundred is not. */
const MAX_TAG_CHARS = 4 << 20;
const MAX_WORD_CHARS = 64 << 10;
/** Their names are held until the end of the report, to tell the second of one name from the first. */
const MAX_TESTS = 1_000_000;

type Case = { id: string; seconds: number; status: TestEnd['status']; message?: string; trace: string };

/** Of one report: what it recorded, and what its suites say they ran. */
export type ReportSummary = { tests: number; failed: number; declared: number };

/**
 * Reads one report as a stream: memory does not grow with its size, however long a `system-out` is. Strict XML;
 * a document type is refused, so that no entity is ever expanded or fetched.
 *
 * @throws when it is not well-formed, has a DOCTYPE, or holds what no writer of reports writes.
 */
export async function readReport(source: Readable, onTest: (test: TestEnd) => void): Promise<ReportSummary> {
  const parser = new SaxesParser();
  const seen: Seen = new Map();
  const summary: ReportSummary = { tests: 0, failed: 0, declared: 0 };
  const tag = watchTags(parser);
  let depth = 0;
  let open: Case | undefined;
  let inProblem = false;

  parser.on('doctype', () => {
    throw new Error('a document type is not allowed in a report');
  });
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', (opened) => {
    tag.closed();
    depth += 1;
    if (depth > MAX_DEPTH) throw new Error(`elements are nested deeper than ${MAX_DEPTH}`);
    if (opened.name === 'testcase') open = newCase(opened);
    else if (open) inProblem = applyChild(open, opened) || inProblem;
    else if (opened.name === 'testsuite') summary.declared += Number.parseInt(opened.attributes.tests ?? '0', 10) || 0;
  });
  const text = (words: string) => {
    if (open && inProblem && open.trace.length < TRACE_CHARS)
      open.trace += words.slice(0, TRACE_CHARS - open.trace.length);
  };
  parser.on('text', text);
  parser.on('cdata', text);
  parser.on('closetag', ({ name }) => {
    depth -= 1;
    if (PROBLEMS.has(name)) inProblem = false;
    if (name !== 'testcase' || !open) return;
    const test = finish(open, seen);
    open = undefined;
    if (test === undefined) return;
    summary.tests += 1;
    if (summary.tests > MAX_TESTS) throw new Error(`there are more than ${MAX_TESTS} tests in it`);
    if (test.status === 'failed') summary.failed += 1;
    onTest(test);
  });

  // The parser holds a text until it ends: one of 2 GB would be held whole. Fed in parts, it is told to let go.
  source.setEncoding('utf8');
  for await (const chunk of source) {
    parser.write(chunk as string);
    tag.check((chunk as string).length);
    if (!tag.isOpen()) dropLongText(parser, open !== undefined && inProblem);
  }
  parser.close();
  return summary;
}

/** Ends a report whose tags, names or entities have no end: nothing but those is ever held whole. */
function watchTags(parser: SaxesParser) {
  const held = parser as unknown as { name: string; entity: string; piTarget: string };
  let chars: number | undefined;
  parser.on('opentagstart', () => {
    chars = 0;
  });
  return {
    closed: () => {
      chars = undefined;
    },
    isOpen: () => chars !== undefined,
    check(fed: number) {
      if (chars !== undefined) chars += fed;
      if ((chars ?? 0) > MAX_TAG_CHARS) throw new Error(`a tag is longer than ${MAX_TAG_CHARS} characters`);
      if (Math.max(held.name.length, held.entity.length, held.piTarget.length) > MAX_WORD_CHARS)
        throw new Error(`a name is longer than ${MAX_WORD_CHARS} characters`);
    },
  };
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

type Seen = Map<string, { count: number; failure?: string }>;

/**
 * A second result of one name is another test (an overload, an argument that the writer left out), but for what a tool
 * that tries failures again writes (Gradle's retry, ScalaTest): a failure and then its repetitions. Those are one
 * test, which failed; nothing is returned for them.
 */
function finish(open: Case, seen: Seen): TestEnd | undefined {
  const message =
    open.status === 'failed'
      ? open.message || open.trace.trim().split('\n')[0] || 'failed without a message'
      : undefined;
  const before = seen.get(open.id);
  // A digest: the words themselves would hold on to the part of the file that they were cut from.
  const said = message === undefined ? undefined : digest(message);
  const failure = before?.failure ?? said;
  seen.set(open.id, { count: (before?.count ?? 0) + 1, ...(failure === undefined ? {} : { failure }) });
  if (before?.failure !== undefined && (said === undefined || said === before.failure)) return undefined;
  const test = before === undefined ? open.id : `${open.id}~${before.count + 1}`;
  const { status, seconds, trace } = open;
  return { test, uniqueId: test, status, seconds, ...(message === undefined ? {} : { message, trace }) };
}

/**
 * `class#method(params)[n]` from what the many writers of such files call a test; the class alone where what failed
 * is the class (Surefire names such a result after nothing, or after the class again).
 */
export function testId(className: string, name: string): string {
  if (name === '' || name === className) return shortened(className);
  const known = /^([\p{L}\p{N}_$]+)(?:[({]([^)}]*)[)}])?(?:\[(\d+)(?:[^\]].*)?\].*)?$/su.exec(name);
  const test = known
    ? `${known[1]}(${(known[2] ?? '').replaceAll(' ', '')})${known[3] === undefined ? '' : `[${known[3]}]`}`
    : name;
  return shortened(`${className}#${test}`);
}

/** Two long names that begin alike stay two. */
function shortened(id: string): string {
  if (id.length <= NAME_CHARS) return id;
  return `${id.slice(0, NAME_CHARS - 20)}…${digest(id)}`;
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);

/** saxes keeps the text of an open element in a field of its own until the next tag: only its beginning is wanted. */
function dropLongText(parser: SaxesParser, wanted: boolean): void {
  const holder = parser as unknown as { text: string };
  if (holder.text.length > 128 << 10) holder.text = wanted ? holder.text.slice(0, TRACE_CHARS) : '';
}
