import { Buffer } from 'node:buffer';

/** Of what one tool answers, in characters: head and tail; the middle lies in the store. */
const HEAD = 9_000;
const TAIL = 3_000;

/**
 * What the model gets of a long text: head, tail, and how to read on. Cut at line ends where there are any nearby.
 *
 * @param call whose answer it is; `read_on` takes it.
 */
export function headAndTail(text: string, call: string): string {
  if (text.length <= HEAD + TAIL + 500) return text;
  const head = cutAtLine(text.slice(0, HEAD));
  const tail = text.slice(-TAIL);
  const bytes = Buffer.byteLength(text);
  return `${head}\n… ${text.length - head.length - tail.length} of ${text.length} characters (${bytes} bytes) left out: read_on {"call":"${call}","from":${head.length}} …\n${tail}`;
}

function cutAtLine(text: string): string {
  const end = text.lastIndexOf('\n');
  return end > text.length - 2_000 ? text.slice(0, end + 1) : text;
}
