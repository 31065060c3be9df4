import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Which process: its id alone is reused by the kernel within hours on a busy machine.
 * `startTime` is opaque; only equality means anything. On Linux it is field 22 of
 * `/proc/PID/stat` (clock ticks since boot) and the head of the boot id, so that a file
 * kept over a reboot cannot name a stranger; elsewhere the seconds that `ps` tells.
 */
export interface ProcessIdentity {
  pid: number;
  startTime: string;
}

/** When this process id began, or undefined where no such process lives (a zombie does not). */
export function startTimeOf(pid: number): string | undefined {
  return process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid);
}

/** The process that runs this code. */
export function selfIdentity(): ProcessIdentity {
  const startTime = startTimeOf(process.pid);
  if (startTime === undefined) throw new Error(`cannot read the start time of this process (${process.pid})`);
  return { pid: process.pid, startTime };
}

/** True while exactly this process lives: same id, same start. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return startTimeOf(pid) === startTime;
}

/**
 * Signals exactly this process. False when it has already ended: its id may be a stranger's
 * by now. The check and the signal are two steps; the kernel does not hand an id out again
 * within so short a time.
 */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function startTimeFromProc(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
  // The name (field 2) may hold spaces and brackets: count from the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, ticks] = [fields[0], fields[19]];
  if (state === 'Z' || state === 'X' || ticks === undefined) return undefined;
  return `${ticks}.${bootId()}`;
}

let knownBootId: string | undefined;

function bootId(): string {
  knownBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').split('-')[0] ?? '';
  return knownBootId;
}

function startTimeFromPs(pid: number): string | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' },
    }).trim();
    const [state = 'Z', ...start] = line.split(/\s+/);
    return state.startsWith('Z') ? undefined : start.join(' ');
  } catch (error) {
    // ps exits with 1 when there is no such process.
    if ((error as { status?: number }).status === 1) return undefined;
    throw error;
  }
}
