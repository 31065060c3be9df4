import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readWritten } from '../activities/sandbox/files.ts';
import { limitsOf } from '../activities/sandbox/run.ts';
import type { ReadOnlyBind, Sandbox, SandboxEnd, SandboxProcess } from '../activities/sandbox/types.ts';
import { useArchive } from './archive-options.ts';
import { describeEnd, drained, type Home, openHome, type ProgramSpec } from './home.ts';
import { createLineReader, createMarkerReader } from './jvm-output.ts';
import { BrokenRunner } from './protocol.ts';

/** What the Java runner tells of, one a line (runner/java, `TestListener`, `UnitRun`, `Discovery`). */
export type JvmEvent =
  | { e: 'found'; tests: number }
  | { e: 'unresolved' | 'broken'; m: string; x?: string }
  | { e: 'start'; t: string; u: string; d: string }
  /** A test of the plan of which nothing was heard. */
  | { e: 'lost'; t: string; u: string }
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

export type Jvm = {
  /** The process that holds its sandbox, or itself where there is none. */
  pid: number;
  /** One command; resolves with nothing when it is done, or with the end of a JVM that ended in the middle of it. */
  command(words: string[], handlers: JvmHandlers): Promise<SandboxEnd | undefined>;
  /** A thread dump into the output of the running command; waits until it has been printed. */
  dumpThreads(): Promise<void>;
  /** What HotSpot wrote about its own crash; before `close`. */
  fatalError(): string | undefined;
  /** Ends it and removes its workspace. Safe to repeat. */
  close(): Promise<void>;
  exited: Promise<SandboxEnd>;
  /** Set once it has ended. */
  exit?: SandboxEnd;
};

export type JvmOptions = {
  java: string;
  args: string[];
  classpath: string[];
  /** Of the class path's first jars (runner/archive.ts). */
  archive?: string | undefined;
  env: Record<string, string>;
  sandbox: Sandbox;
  /** What it prints before it works. */
  onStray?: ((chunk: Buffer | string) => void) | undefined;
  /** Ends it, also while it has not answered yet. */
  signal?: AbortSignal | undefined;
};

const OUTPUT_WAIT_MS = 2_000;
const FATAL_ERROR = 'hs_err.log';
const FATAL_ERROR_BYTES = 4 << 20;
/** A warm process has no time limit and no limit of output: its units have (runner/junit-platform.ts). */
const WARM = { seconds: Number.POSITIVE_INFINITY, outputMb: Number.POSITIVE_INFINITY };

const base64 = (text: string) => Buffer.from(text).toString('base64');

/**
 * Starts a warm JVM in a workspace of its own. It ends with whoever started it: the sandbox does, and it ends itself
 * when its standard input does.
 *
 * @throws BrokenRunner where it does not work, in its own words.
 */
export async function startJvm(options: JvmOptions): Promise<Jvm> {
  const home = await openHome(options.sandbox);
  const abort = () => void home.close();
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    options.signal?.throwIfAborted();
    const jvm = wrap(home.start(programOf(options, home)), home);
    const printed: Buffer[] = [];
    const onOutput = (chunk: Buffer | string) => {
      options.onStray?.(chunk);
      printed.push(Buffer.from(chunk));
    };
    const handlers = { onEvent: () => {}, onOutput };
    const end = await jvm.command(['hello'], handlers);
    if (end === undefined) return jvm;
    const words = Buffer.concat(printed).toString('utf8').trim().slice(-1_000);
    throw new BrokenRunner(`the JVM ended at once (${describeEnd(end)}): ${words || 'it said nothing'}`);
  } catch (error) {
    await home.close();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

function programOf({ java, args, classpath, archive, env, sandbox }: JvmOptions, { inside }: Home): ProgramSpec {
  // The sandbox's limit is not the machine's: heap and collector are sized by this. A suite's own arguments come after it.
  const memoryMb = Math.floor(limitsOf(sandbox, {}).memoryMb * 0.9);
  const own = [`-Djava.io.tmpdir=${inside}/tmp`, `-XX:ErrorFile=${inside}/${FATAL_ERROR}`];
  const jvm = [java, `-XX:MaxRAM=${memoryMb}m`, ...useArchive(archive), ...args, ...own, 'patchwright.runner.Main'];
  return {
    command: ['/bin/sh', '-c', 'mkdir -p work tmp && cd work && exec "$@"', 'jvm', ...jvm],
    // A class path is too long for some systems' argument list.
    env: { ...env, CLASSPATH: classpath.join(':') },
    readOnly: foldersOf(classpath),
    stdin: 'pipe',
    // JAVA_TOOL_OPTIONS would reach the JVMs that tests start, and print a line into what they read.
    jvmHints: false,
    limits: WARM,
  };
}

/** The folders in which the jars lie: they hold nothing else, and one mount costs less than fifty. */
function foldersOf(classpath: readonly string[]): ReadOnlyBind[] {
  const folders = classpath.map((entry) => (statSync(entry).isDirectory() ? entry : dirname(entry)));
  return [...new Set(folders)].map((source) => ({ source }));
}

function wrap(program: SandboxProcess, home: Home): Jvm {
  const lines = createLineReader();
  const marker = createMarkerReader();
  program.stdout.on('data', (chunk: Buffer) => lines.feed(chunk));
  program.stderr.on('data', (chunk: Buffer) => marker.feed(chunk));
  const jvm: Jvm = {
    pid: program.pid,
    exited: drained(program),
    async command([name = '', ...words], handlers) {
      const nonce = randomBytes(16).toString('hex');
      const printed = marker.begin(`\n${nonce} end\n`, handlers.onOutput);
      const done = lines.begin(`${nonce} `, handlers);
      program.stdin.write(`${[name, nonce, ...words.map(base64)].join(' ')}\n`);
      const end = await Promise.race([done, jvm.exited]);
      // What the unit printed comes by another pipe: it belongs to this unit's log.
      await Promise.race([printed, jvm.exited, sleep(OUTPUT_WAIT_MS, undefined, { ref: false })]);
      marker.flush();
      return end ?? undefined;
    },
    async dumpThreads() {
      if (jvm.exit) return;
      program.signal('SIGQUIT');
      await lines.quiet(300, 5_000);
    },
    fatalError: () => readFatalError(home),
    async close() {
      program.kill();
      await jvm.exited;
      await home.close();
    },
  };
  void jvm.exited.then((end) => {
    jvm.exit = end;
  });
  return jvm;
}

function readFatalError({ workspace }: Home): string | undefined {
  try {
    return readWritten(workspace, FATAL_ERROR, FATAL_ERROR_BYTES)?.toString('utf8');
  } catch (error) {
    // A test may have put anything there.
    return `${FATAL_ERROR}: ${(error as Error).message}`;
  }
}
