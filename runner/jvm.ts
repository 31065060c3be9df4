import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killGroup } from './kill-group.ts';
import { BrokenRunner } from './protocol.ts';

/** What the Java runner tells of, one a line (runner/java, `TestListener`, `UnitRun`, `Discovery`). */
export type JvmEvent =
  | { e: 'found'; tests: number }
  | { e: 'unresolved' | 'broken'; m: string; x?: string }
  | { e: 'start'; t: string; u: string; d: string }
  | {
      e: 'end';
      t: string;
      u: string;
      d: string;
      s: 'passed' | 'failed' | 'skipped';
      us: number;
      m?: string;
      x?: string;
    }
  | { e: 'unit'; c: string; methods: number; m?: string }
  | { e: 'method'; c: string; t: string }
  | { e: 'whole'; c: string; m: string }
  | { e: 'done' };

export type JvmHandlers = { onEvent(event: JvmEvent): void; onOutput(chunk: Buffer | string): void };

export type JvmExit = { code: number | null; signal: string | null };

export type Jvm = {
  pid: number;
  /** Its own folder. */
  dir: string;
  /** One command; resolves with nothing when it is done, or with the exit of a JVM that ended in the middle of it. */
  command(words: string[], handlers: JvmHandlers): Promise<JvmExit | undefined>;
  /** A thread dump into the output of the running command; waits until it has been printed. */
  dumpThreads(): Promise<void>;
  kill(): Promise<void>;
  exited: Promise<JvmExit>;
  /** Set once it has ended. */
  exit?: JvmExit;
};

export type JvmOptions = {
  java: string;
  args: string[];
  classpath: string[];
  env: Record<string, string>;
  /** Folder of its own for temporary files and as working directory. */
  dir: string;
};

/** An event with all its escapes is far shorter; what is longer was not written by the runner. */
const MAX_LINE = 1 << 20;
const OUTPUT_WAIT_MS = 2_000;

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Starts a warm JVM in a process group of its own. It ends when its standard input does, so with whoever started it. */
export async function startJvm({ java, args, classpath, env, dir }: JvmOptions): Promise<Jvm> {
  const [work, temporary] = [join(dir, 'work'), join(dir, 'tmp')];
  mkdirSync(work, { recursive: true });
  mkdirSync(temporary, { recursive: true });
  const child = spawn(
    java,
    // hs_err files go where they are found with the logs; the class path is too long for some systems' argument list.
    [
      ...args,
      `-Djava.io.tmpdir=${temporary}`,
      `-XX:ErrorFile=${join(dir, 'hs_err_%p.log')}`,
      'patchwright.runner.Main',
    ],
    { cwd: work, env: { ...env, CLASSPATH: classpath.join(':') }, stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  );
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new BrokenRunner(`${java} cannot be started: ${error.message}`)));
  });
  const jvm = wrap(child, dir);
  const printed: Buffer[] = [];
  const exit = await jvm.command(['hello'], {
    onEvent: () => {},
    onOutput: (chunk) => printed.push(Buffer.from(chunk)),
  });
  if (exit === undefined) return jvm;
  const words = Buffer.concat(printed).toString('utf8').trim().slice(-1_000);
  throw new BrokenRunner(`the JVM ended at once (${describeExit(exit)}): ${words || 'it said nothing'}`);
}

/** "exit code 3", "ended by SIGSEGV". */
export function describeExit({ code, signal }: JvmExit): string {
  return signal ? `ended by ${signal}` : `exit code ${code}`;
}

function wrap(child: ChildProcess, dir: string): Jvm {
  const pid = child.pid as number;
  const lines = createLineReader();
  const marker = createMarkerReader();
  child.stdout?.on('data', (chunk: Buffer) => lines.feed(chunk));
  child.stderr?.on('data', (chunk: Buffer) => marker.feed(chunk));
  // A JVM that dies while it is being told something is seen by its exit.
  child.stdin?.on('error', () => {});
  const jvm: Jvm = {
    pid,
    dir,
    exited: new Promise((resolve) => {
      // Not 'exit': what it still had in its pipes belongs to it. A grandchild may hold them open, hence the time limit.
      child.once('close', (code, signal) => resolve({ code, signal }));
      child.once('exit', (code, signal) => setTimeout(() => resolve({ code, signal }), OUTPUT_WAIT_MS));
    }),
    async command([name = '', ...words], handlers) {
      const nonce = randomBytes(16).toString('hex');
      const printed = marker.begin(`\n${nonce} end\n`, handlers.onOutput);
      const done = lines.begin(`${nonce} `, handlers);
      child.stdin?.write(`${[name, nonce, ...words.map(base64)].join(' ')}\n`);
      const exit = await Promise.race([done, jvm.exited]);
      // What the unit printed comes by another pipe: it belongs to this unit's log.
      await Promise.race([printed, jvm.exited, sleep(OUTPUT_WAIT_MS, undefined, { ref: false })]);
      marker.flush();
      return exit ?? undefined;
    },
    async dumpThreads() {
      if (jvm.exit) return;
      child.kill('SIGQUIT');
      await lines.quiet(300, 5_000);
    },
    async kill() {
      killGroup(pid);
      await jvm.exited;
    },
  };
  void jvm.exited.then((exit) => {
    jvm.exit = exit;
    // What the tests started and left behind goes with it.
    killGroup(pid);
  });
  return jvm;
}

/** Takes events out of the JVM's standard output; everything else there (a thread dump, native code) is output. */
function createLineReader() {
  let buffer = '';
  let prefix: string | undefined;
  let handlers: JvmHandlers | undefined;
  let finished: (() => void) | undefined;
  let lastChunk = 0;
  const take = (line: string) => {
    if (line === '') return;
    if (prefix === undefined || !line.startsWith(prefix)) {
      handlers?.onOutput(Buffer.from(`${line}\n`, 'latin1'));
      return;
    }
    const event = JSON.parse(line.slice(prefix.length)) as JvmEvent;
    if (event.e === 'done') {
      prefix = undefined;
      finished?.();
    } else {
      handlers?.onEvent(event);
    }
  };
  return {
    feed(chunk: Buffer) {
      lastChunk = Date.now();
      const parts = (buffer + chunk.toString('latin1')).split('\n');
      buffer = parts.pop() ?? '';
      for (const part of parts) take(part);
      if (buffer.length > MAX_LINE) {
        take(buffer);
        buffer = '';
      }
    },
    begin(newPrefix: string, newHandlers: JvmHandlers): Promise<undefined> {
      prefix = newPrefix;
      handlers = newHandlers;
      return new Promise((resolve) => {
        finished = () => resolve(undefined);
      });
    },
    /** Resolves once something came and then nothing for a while. */
    async quiet(forMs: number, atMostMs: number) {
      const begun = Date.now();
      while (Date.now() - begun < atMostMs && (lastChunk < begun || Date.now() - lastChunk < forMs)) await sleep(50);
    },
  };
}

/** Passes output on until the line that says that it belongs to the next unit. */
function createMarkerReader() {
  let held: Buffer = Buffer.alloc(0);
  let marker: Buffer | undefined;
  let output: (chunk: Buffer) => void = () => {};
  let found: (() => void) | undefined;
  return {
    begin(text: string, onOutput: (chunk: Buffer) => void): Promise<void> {
      marker = Buffer.from(text);
      output = onOutput;
      return new Promise((resolve) => {
        found = resolve;
      });
    },
    feed(chunk: Buffer) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const at = marker === undefined ? -1 : held.indexOf(marker);
      if (marker !== undefined && at >= 0) {
        output(held.subarray(0, at));
        held = held.subarray(at + marker.length);
        marker = undefined;
        found?.();
      } else if (marker !== undefined) {
        // The marker may be cut between two chunks: its length stays here.
        const passed = Math.max(0, held.length - marker.length);
        output(held.subarray(0, passed));
        held = held.subarray(passed);
      }
      // Between units (a thread that a test left behind) nothing is kept but what fits.
      if (marker === undefined && held.length > MAX_LINE) held = Buffer.from(held.subarray(held.length - MAX_LINE));
    },
    /** The rest of a unit whose marker never came. */
    flush() {
      if (marker === undefined) return;
      output(held);
      held = Buffer.alloc(0);
      marker = undefined;
    },
  };
}
