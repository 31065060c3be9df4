import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Megabytes at the moment with the most, and of which programs. Undefined where the system has no `/proc`. */
export type PeakMemory = { mib: number; byProgram: Record<string, number>; processes: number; samples: number };

const EVERY_MS = 1_000;

type Process = { pid: number; parent: number; program: string; belongs: boolean };

/**
 * Samples, each second, the proportional set size of everything that a data folder runs: the processes below ours, and
 * the detached ones, known by a working folder or an argument inside the folder, with what they started. Shared pages
 * count once, divided among those that share them.
 */
export function watchMemory(folder: string): { stop: () => PeakMemory | undefined } {
  let peak: PeakMemory | undefined;
  let samples = 0;
  const timer = setInterval(() => {
    const now = sample(folder);
    if (now === undefined) return;
    samples += 1;
    if (peak === undefined || now.mib > peak.mib) peak = { ...now, samples };
  }, EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      return peak && { ...peak, samples };
    },
  };
}

function sample(folder: string): Omit<PeakMemory, 'samples'> | undefined {
  const all = processes(folder);
  if (all.length === 0) return undefined;
  const byProgram: Record<string, number> = {};
  let mib = 0;
  let count = 0;
  for (const { pid, program } of withDescendants(all)) {
    const size = pssMib(pid);
    mib += size;
    count += 1;
    byProgram[program] = Math.round((byProgram[program] ?? 0) + size);
  }
  return { mib: Math.round(mib), byProgram, processes: count };
}

function processes(folder: string): Process[] {
  const found: Process[] = [];
  for (const name of list('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const stat = read(`/proc/${pid}/stat`);
    if (stat === undefined) continue;
    // The name is in brackets and may hold anything; what follows the last bracket is fields.
    const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const program = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const belongs =
      Number(parent) === process.pid ||
      (link(`/proc/${pid}/cwd`) ?? '').startsWith(folder) ||
      (read(`/proc/${pid}/cmdline`) ?? '').includes(folder);
    found.push({ pid, parent: Number(parent), program, belongs });
  }
  return found;
}

function withDescendants(all: readonly Process[]): Process[] {
  const ours = new Set(all.filter(({ belongs }) => belongs).map(({ pid }) => pid));
  for (let before = -1; before !== ours.size; ) {
    before = ours.size;
    for (const { pid, parent } of all) if (ours.has(parent)) ours.add(pid);
  }
  return all.filter(({ pid }) => ours.has(pid));
}

function pssMib(pid: number): number {
  const [, kib] = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '') ?? [];
  return Number(kib ?? 0) / 1024;
}

/** A process that ends while it is looked at is not there any more: that is no error. */
function gone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return undefined;
    throw error;
  }
}

const read = (file: string) => gone(() => readFileSync(file, 'utf8'));
const link = (file: string) => gone(() => readlinkSync(file));
const list = (folder: string) => gone(() => readdirSync(folder)) ?? [];
