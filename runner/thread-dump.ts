import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { nameOf, processTree, sendSignal } from '../activities/sandbox/process-tree.ts';
import type { Workspace } from '../activities/sandbox/types.ts';
import { findWritten, streamWritten } from '../activities/sandbox/written.ts';
import { logger } from '../lib/log.ts';

const MOST_JVMS = 16;
const MOST_FILES = 4;
const FILE_BYTES = 128 << 10;
const WAIT_MS = 5_000;
const QUIET_MS = 400;

export type DumpOptions = {
  /** Where a tool keeps what its JVMs print past it: patterns of files in a workspace. */
  files?: { workspace: Workspace; patterns: readonly string[] };
  output(chunk: Buffer | string): void;
  /** When something was printed last (milliseconds since the epoch). */
  lastSign(): number;
};

/**
 * Has every JVM at or below `root` print its threads, and waits, a while at the most, until they have. Only JVMs: to
 * anything else the signal is the end, and a shell that ends takes the pipe with it through which they print.
 *
 * A JVM whose output goes to a program that does not expect it (Surefire's fork) has it in that program's own file:
 * `files` that have changed since are added.
 */
export async function dumpThreads(root: number, options: DumpOptions): Promise<void> {
  const jvms = processTree(root).filter(isJvm).slice(0, MOST_JVMS);
  options.output(
    jvms.length === 0 ? 'no JVM is among its processes\n' : `thread dumps of the processes ${jvms.join(', ')}:\n`,
  );
  const before = versionsOf(options.files);
  const asked = Date.now();
  const told = jvms.filter((pid) => sendSignal(pid, 'SIGQUIT'));
  if (told.length === 0) return;
  while (Date.now() - asked < WAIT_MS) {
    await sleep(50);
    const last = options.lastSign();
    if (last > asked && Date.now() - last > QUIET_MS) break;
  }
  let shown = 0;
  for (const [path, version] of versionsOf(options.files)) {
    if (!options.files || before.get(path) === version || shown === MOST_FILES) continue;
    shown += 1;
    await showEnd(options.files.workspace, path, options.output);
  }
}

/** By its name, or by the library that makes a JVM of a program with another one. */
function isJvm(pid: number): boolean {
  if (nameOf(pid) === 'java') return true;
  try {
    return readFileSync(`/proc/${pid}/maps`, 'latin1').includes('/libjvm.so');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // Ended meanwhile, or somebody else's, which then cannot be signalled either.
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code)) return false;
    throw error;
  }
}

function versionsOf(files: DumpOptions['files']): Map<string, string> {
  if (!files) return new Map();
  try {
    const found = files.patterns.flatMap((pattern) => findWritten(files.workspace, pattern));
    return new Map(found.map(({ path, version }) => [path, version]));
  } catch (error) {
    logger('thread-dump').warn({ err: (error as Error).message }, 'the files with dumps cannot be listed');
    return new Map();
  }
}

async function showEnd(workspace: Workspace, path: string, output: (chunk: string) => void): Promise<void> {
  let end = Buffer.alloc(0);
  try {
    for await (const chunk of streamWritten(workspace, path, 1 << 30) ?? []) {
      end = Buffer.concat([end, chunk as Buffer]);
      if (end.length > FILE_BYTES) end = Buffer.from(end.subarray(end.length - FILE_BYTES));
    }
    output(`\n--- ${path}:\n${end.toString('utf8')}\n`);
  } catch (error) {
    output(`\n--- ${path} cannot be read: ${(error as Error).message}\n`);
  }
}
