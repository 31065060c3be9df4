import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { logger } from '../../lib/log.ts';
import { processTree, proportionalBytes, usageOf } from './process-tree.ts';
import type { Limit, SandboxLimits, SandboxUsage } from './types.ts';

const LOOK_MS = 200;
/** A workspace is measured at least so often, and at once where its disk fills. */
const DISK_MS = 10_000;
const MB = 2 ** 20;
/** What is left on the disk for everybody else. */
const SPARE_MB = 256;

export interface Watchdog {
  usage(): SandboxUsage;
  stop(): void;
}

export interface Watched {
  /** Ending it ends everything. */
  pid: number;
  limits: SandboxLimits;
  /** Where the workspace's own bytes are. */
  written: string;
  /** Bytes of output so far. */
  printed(): number;
  onBreach(limit: Limit, detail: string): void;
}

/**
 * Looks every 200 ms at memory, processes and disk, and at the time. cgroups would count the same in
 * the kernel, but many machines and containers have none that may be written.
 */
export function startWatchdog(watched: Watched): Watchdog {
  const begun = performance.now();
  const peak = { memory: 0, processes: 0 };
  const disk = createDiskWatch(watched);
  let ended = false;
  let busy = false;
  const breach = (limit: Limit, detail: string) => {
    if (!ended) watched.onBreach(limit, detail);
  };

  async function look(): Promise<void> {
    const seconds = (performance.now() - begun) / 1000;
    if (seconds > watched.limits.seconds) breach('time', `it ran longer than ${watched.limits.seconds} s`);
    if (watched.printed() > watched.limits.outputMb * MB) {
      breach('output', `it printed more than ${watched.limits.outputMb} MB`);
    }
    const pids = processTree(watched.pid);
    const usage = usageOf(pids);
    const over = usage.residentBytes > watched.limits.memoryMb * MB;
    const memory = over ? await proportionalBytes(pids) : usage.residentBytes;
    peak.memory = Math.max(peak.memory, memory);
    peak.processes = Math.max(peak.processes, usage.threads);
    if (memory > watched.limits.memoryMb * MB) {
      breach('memory', `it used ${Math.round(memory / MB)} MB of ${watched.limits.memoryMb} MB`);
    }
    // Where the kernel does not count per namespace, this does.
    if (usage.threads > watched.limits.processes) {
      breach('processes', `it had ${usage.threads} processes and threads of ${watched.limits.processes}`);
    }
    const problem = await disk();
    if (problem) breach('disk', problem);
  }

  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    look()
      // What cannot be watched does not run.
      .catch((error: Error) => breach('caller', `its limits cannot be watched: ${error.message}`))
      .finally(() => {
        busy = false;
      });
  }, LOOK_MS);
  return {
    usage: () => ({
      seconds: (performance.now() - begun) / 1000,
      peakMemoryMb: Math.round(peak.memory / MB),
      peakProcesses: peak.processes,
    }),
    stop() {
      ended = true;
      clearInterval(timer);
    },
  };
}

/**
 * Measuring a workspace walks it, so that is done when enough of the disk has gone to make a breach
 * possible, and otherwise now and then.
 */
function createDiskWatch({ written, limits }: Watched): () => Promise<string | undefined> {
  let last = { at: Date.now(), room: limits.diskMb * MB, freeBytes: 0, freeFiles: 0, tookMs: 0 };
  let first = true;
  // A file costs an inode and a directory entry even when it is empty.
  const mostFiles = limits.diskMb * 64;
  return async () => {
    const { bavail, bsize, ffree } = await statfs(written);
    const freeBytes = bavail * bsize;
    if (first) {
      first = false;
      last = { ...last, freeBytes, freeFiles: ffree };
    }
    const gone = last.freeBytes - freeBytes;
    const due = Date.now() - last.at > Math.max(DISK_MS, 20 * last.tookMs);
    if (freeBytes > SPARE_MB * MB && gone < last.room / 2 && last.freeFiles - ffree < mostFiles / 4 && !due)
      return undefined;
    const begun = Date.now();
    const size = await sizeOf(written);
    const room = limits.diskMb * MB - size.bytes;
    last = { at: Date.now(), room: Math.max(room, 64 * MB), freeBytes, freeFiles: ffree, tookMs: Date.now() - begun };
    if (room < 0) return `it wrote ${Math.round(size.bytes / MB)} MB of ${limits.diskMb} MB`;
    if (size.files > mostFiles) return `it made ${size.files} files of ${mostFiles}`;
    // Somebody filled the disk; whoever wrote much to it goes first.
    if (freeBytes < SPARE_MB * MB && size.bytes > SPARE_MB * MB) return 'the disk is full';
    return undefined;
  };
}

/** Bytes on the disk and files, by `du`: it copes with folders deeper than a path can be long, and with what changes meanwhile. */
export async function sizeOf(folder: string): Promise<{ bytes: number; files: number }> {
  const [bytes, files] = await Promise.all([du(['-s', '-B1', '-x', folder]), du(['-s', '--inodes', '-x', folder])]);
  return { bytes, files };
}

async function du(args: string[]): Promise<number> {
  try {
    const { stdout } = await promisify(execFile)('du', args, { env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } });
    return Number.parseInt(stdout, 10);
  } catch (error) {
    // Status 1 with a number: a file went away, or may not be looked into.
    const { stdout = '', message } = error as { stdout?: string; message: string };
    const number = Number.parseInt(stdout, 10);
    if (Number.isNaN(number)) throw new Error(`a workspace cannot be measured: ${message}`);
    logger('sandbox').debug({ message: message.slice(0, 500) }, 'measured with gaps');
    return number;
  }
}
