import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { type GitTools, hardened } from './clone.ts';
import { refuseWorkspaces } from './not-theirs.ts';

/**
 * The text of a file (`<commit>:<path>`) in one of our own bare clones.
 *
 * @returns undefined where it is not to be had this way: no such file, no file at all, larger than `maxBytes`, a git that
 * ended or said nothing. Whoever needs to know which asks `git show`.
 */
export type BlobReader = (mirror: string, name: string, maxBytes: number) => Promise<string | undefined>;

/** So long without a question or an answer, a git is ended: an idle one costs memory, a silent one holds up the others. */
const QUIET_MS = 30_000;

/**
 * Reads through one `git cat-file --batch` a clone, which stays for the next question: to start a git costs a large worker
 * more than the reading. It finds objects that came after its start, and ends with our end of its pipe, so also with us.
 */
export function createBlobReader(deps: Omit<GitTools, 'run'>): BlobReader {
  const open = new Map<string, Batch>();
  return async (mirror, name, maxBytes) => {
    // A line is a question.
    if (/[\n\0]/.test(name)) return undefined;
    const batch = open.get(mirror) ?? startBatch(deps, mirror, () => open.delete(mirror));
    open.set(mirror, batch);
    return batch.ask(name, maxBytes);
  };
}

type Question = { maxBytes: number; answer: (text: string | undefined) => void };
type Batch = { ask: (name: string, maxBytes: number) => Promise<string | undefined> };
type Child = ChildProcessByStdio<Writable, Readable, null>;

function startBatch(deps: Omit<GitTools, 'run'>, mirror: string, gone: () => void): Batch {
  const { args, env } = hardened(deps, ['cat-file', '--batch']);
  refuseWorkspaces(mirror);
  const child: Child = spawn('git', args, { cwd: mirror, env, stdio: ['pipe', 'pipe', 'ignore'] });
  const waiting: Question[] = [];
  const end = () => child.kill('SIGKILL');
  const quiet = setTimeout(end, QUIET_MS).unref();
  const answers = readAnswers(waiting, end, () => keepsUs(child, waiting.length > 0));
  child.stdout.on('data', (chunk: Buffer) => {
    quiet.refresh();
    answers(chunk);
  });
  const over = () => {
    clearTimeout(quiet);
    gone();
    for (const { answer } of waiting.splice(0)) answer(undefined);
  };
  child.on('error', over);
  child.on('close', over);
  // Written to one that has just ended: `close` follows and answers.
  child.stdin.on('error', end);
  return {
    ask: (name, maxBytes) =>
      new Promise((answer) => {
        quiet.refresh();
        waiting.push({ maxBytes, answer });
        keepsUs(child, true);
        child.stdin.write(`${name}\n`);
      }),
  };
}

/** Takes what git prints apart: `<object> blob <bytes>`, the bytes, a line's end; or a line that says what is wrong. */
function readAnswers(waiting: Question[], end: () => void, answered: () => void): (chunk: Buffer) => void {
  let held: Buffer[] = [];
  let heldBytes = 0;
  /** Of the answer that is being read, with the line's end after it; undefined between two. */
  let body: { bytes: number; isBlob: boolean } | undefined;
  /** What else it prints is the inside of a file: nobody's answer. */
  let over = false;

  const takeHeld = () => {
    const all = held.length === 1 && held[0] ? held[0] : Buffer.concat(held);
    [held, heldBytes] = [[], 0];
    return all;
  };
  const keep = (rest: Buffer) => {
    if (rest.length > 0) held.push(rest);
    heldBytes += rest.length;
  };
  const answer = (text: string | undefined) => {
    waiting.shift()?.answer(text);
    answered();
  };

  /** Whether there was enough for one step. */
  function step(): boolean {
    if (body !== undefined) {
      if (heldBytes < body.bytes) return false;
      const all = takeHeld();
      answer(body.isBlob ? all.toString('utf8', 0, body.bytes - 1) : undefined);
      keep(all.subarray(body.bytes));
      body = undefined;
      return true;
    }
    const all = takeHeld();
    const at = all.indexOf('\n');
    keep(at < 0 ? all : all.subarray(at + 1));
    if (at < 0) return false;
    const [, type, size] = /^[0-9a-f]{40,64} (\w+) (\d+)$/.exec(all.toString('utf8', 0, at)) ?? [];
    if (type === undefined) answer(undefined);
    else if (Number(size) <= (waiting[0]?.maxBytes ?? 0)) body = { bytes: Number(size) + 1, isBlob: type === 'blob' };
    else {
      over = true;
      end();
    }
    return true;
  }

  return (chunk) => {
    if (over) return;
    keep(chunk);
    while (!over && heldBytes > 0 && step());
  };
}

/** An idle git does not keep our process from ending; one that is asked does. */
function keepsUs(child: Child, keeps: boolean): void {
  const handles = [child, child.stdin, child.stdout] as unknown as { ref(): void; unref(): void }[];
  for (const handle of handles) keeps ? handle.ref() : handle.unref();
}
