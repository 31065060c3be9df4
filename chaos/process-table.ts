import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { type ProcessIdentity, startTimeOf } from '../lib/process-identity.ts';

/** One process as the kernel shows it (Linux: read from /proc, no store and no state folder asked). */
export type Seen = ProcessIdentity & { parent: number; session: number; argv: string[]; cwd: string };

/** Undefined where it has ended meanwhile, or is a zombie. */
export function seeProcess(pid: number): Seen | undefined {
  const startTime = startTimeOf(pid);
  const stat = readGone(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const argv = readGone(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  const cwd = readGone(() => readlinkSync(`/proc/${pid}/cwd`));
  if (startTime === undefined || stat === undefined || argv === undefined || cwd === undefined) return undefined;
  const [, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const words = argv.split('\0').filter((word) => word !== '');
  return { pid, startTime, parent: Number(parent), session: Number(session), argv: words, cwd };
}

export function processIds(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

export function allProcesses(): Seen[] {
  return processIds().flatMap((pid) => seeProcess(pid) ?? []);
}

/** Those that have anything to do with a folder: by command line, working directory or environment. */
export function processesOf(folder: string): Seen[] {
  return allProcesses().filter(({ pid, argv, cwd }) => {
    if (pid === process.pid) return false;
    if (isBelow(cwd, folder) || argv.some((word) => word.includes(folder))) return true;
    return readGone(() => readFileSync(`/proc/${pid}/environ`, 'utf8'))?.includes(folder) ?? false;
  });
}

/** The state folder that a launcher (lib/detached-launcher.sh) was started for; undefined for any other process. */
export function launchedFolder({ pid, session, argv: [, script = '', dir] }: Seen): string | undefined {
  // It leads a session; a moment's subshell of it has the same words, and does not.
  return basename(script) === 'detached-launcher.sh' && dir !== '--become' && session === pid ? dir : undefined;
}

/** The processes with one of the roots as an ancestor, and the roots themselves. */
export function withDescendants(processes: readonly Seen[], roots: ReadonlySet<number>): Set<number> {
  const known = new Set(roots);
  for (let before = -1; before !== known.size; ) {
    before = known.size;
    for (const { pid, parent } of processes) if (known.has(parent)) known.add(pid);
  }
  return known;
}

export const isBelow = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

/** A process may end between two looks: then there is nothing to read. */
function readGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A working directory of more than a page of letters is none of ours.
    if (['ENOENT', 'ESRCH', 'EACCES', 'ENAMETOOLONG'].includes(code ?? '')) return undefined;
    throw error;
  }
}
