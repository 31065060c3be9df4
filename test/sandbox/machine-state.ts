import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { processTree } from '../../activities/sandbox/process-tree.ts';
import { spawnSandboxed } from '../../activities/sandbox/run.ts';
import type { SandboxOn, Workspace } from '../../activities/sandbox/types.ts';
import { holderOfUid, UID_RANGE } from '../../activities/sandbox/uids.ts';

const SETTINGS = [
  ...['kernel/core_pattern', 'kernel/modprobe', 'kernel/hostname'],
  ...['user/max_user_namespaces', 'vm/overcommit_memory'],
];

/** What a sandbox could leave behind on this machine, or change in it; what others do at the same time left out. */
export function machineState() {
  const settings = SETTINGS.map((name) => `/proc/sys/${name}`).filter((file) => existsSync(file));
  const segments = readFileSync('/proc/sysvipc/shm', 'utf8').split('\n').slice(1);
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    settings: settings.map((file) => readFileSync(file, 'utf8')),
    segments: segments.filter((line) => isOfTheRange(Number(line.trim().split(/\s+/)[7]))),
    shared: readdirSync('/dev/shm').filter((name) => isOfTheRange(statSync(join('/dev/shm', name)).uid)),
    bwrap: execFileSync('sh', ['-c', 'ls -l "$(command -v bwrap)" | cut -d" " -f1,3'], { encoding: 'utf8' }),
    processes: readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOfTheRange(uidOf(Number(name)))),
  };
}

/** Of the sandbox, and of no other process that lives: another Patchwright on this machine is none of ours. */
function isOfTheRange(uid: number | undefined): boolean {
  if (uid === undefined || uid < UID_RANGE.first || uid >= UID_RANGE.first + UID_RANGE.count) return false;
  const holder = holderOfUid(uid);
  return holder === undefined || holder.pid === process.pid;
}

/** Not of a process that has ended and waits for init to notice. */
function uidOf(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return /^State:\t[ZX]/m.test(status) ? undefined : Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** The uids of every process of a running sandbox, as this machine sees them. */
export async function uidsOf(sandbox: SandboxOn, workspace: Workspace): Promise<number[]> {
  const running = spawnSandboxed(sandbox, { command: ['sh', '-c', 'echo up; cat'], workspace, stdin: 'pipe' });
  await new Promise((resolve) => running.stdout.once('data', resolve));
  const uids = processTree(running.pid).flatMap((pid) => uidOf(pid) ?? []);
  running.kill();
  await running.ended;
  return uids;
}

/** Whether somebody who is not root can come to these files (a repository below a folder of root's cannot be tried so). */
export function othersMayEnter(...files: string[]): boolean {
  return files.every((file) => {
    for (let folder = dirname(file); ; folder = dirname(folder)) {
      if ((statSync(folder).mode & 0o001) === 0) return false;
      if (folder === '/') return true;
    }
  });
}
