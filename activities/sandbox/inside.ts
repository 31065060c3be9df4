import { existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import type { ReadOnlyBind, SandboxLimits } from './types.ts';

/** Where the workspace is, whoever asks: what a build writes into its files does not depend on the machine. */
export const WORK = '/work';
export const HOME = '/tmp/home';

/** File descriptors that bwrap reads. Arguments on the command line would be seen inside, in /proc/1/cmdline. */
export const ARGUMENTS_FD = 3;
export const SECCOMP_FD = 4;
export const STATUS_FD = 5;

export interface InsideOptions {
  /** Mounted at `/work`; as the launch sees it. */
  workspace: string;
  /** What is shown as /etc (`ensureEtc`); as the launch sees it. */
  etc: string;
  readOnly: readonly Required<ReadOnlyBind>[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  limits: SandboxLimits;
}

/** The arguments of bwrap, the command left out: namespaces, what is mounted, and what is visible. */
export function bwrapArguments(options: InsideOptions): string[] {
  const { workspace, etc, limits } = options;
  const tmp = String(limits.tmpMb * 2 ** 20);
  return [
    ...['--unshare-user', '--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try'],
    ...['--disable-userns', '--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--clearenv'],
    ...['--uid', '1000', '--gid', '1000', '--hostname', 'sandbox'],
    ...['--ro-bind', '/usr', '/usr', ...systemFolders()],
    ...['--ro-bind', etc, '/etc'],
    ...['--proc', '/proc', '--dev', '/dev'],
    ...['--perms', '1777', '--size', tmp, '--tmpfs', '/dev/shm'],
    ...['--perms', '1777', '--size', tmp, '--tmpfs', '/tmp', '--perms', '0700', '--dir', HOME],
    ...options.readOnly.flatMap(({ source, target }) => ['--ro-bind', source, target]),
    ...['--bind', workspace, WORK],
    // /dev and / are memory without a limit; /proc/sys is the machine's.
    ...['--remount-ro', '/dev', '--remount-ro', '/proc', '--remount-ro', '/'],
    ...['--chdir', options.cwd],
    ...Object.entries(environmentInside(options.env)).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--seccomp', String(SECCOMP_FD), '--json-status-fd', String(STATUS_FD)],
  ];
}

export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What every command finds set. PATH, LANG and TERM may be set otherwise. */
export function environmentInside(env: Readonly<Record<string, string>>): Record<string, string> {
  const own = { HOME, TMPDIR: '/tmp', USER: 'sandbox', LOGNAME: 'sandbox' };
  // This machine's HOME and TMPDIR, where they are on the allow-list, do not exist inside.
  return { PATH: SYSTEM_PATH, LANG: 'C.UTF-8', TERM: 'dumb', ...env, ...own };
}

/** A JVM sees the machine's memory, not the sandbox's, and would size its heap by it. */
export function jvmHint(limits: SandboxLimits): Record<string, string> {
  return { JAVA_TOOL_OPTIONS: `-XX:MaxRAM=${Math.floor(limits.memoryMb * 0.9)}m` };
}

const REFUSED_TARGETS = ['/', '/proc', '/dev', '/sys', WORK, '/usr', '/etc', '/tmp', '/bin', '/lib', '/lib64', '/sbin'];
// Whole trees that hold secrets, sockets or other people's files. What is in them may be shown by its own name.
const REFUSED_SOURCES = [
  '/',
  '/etc',
  '/home',
  '/root',
  '/proc',
  '/sys',
  '/dev',
  '/run',
  '/var',
  '/var/run',
  '/tmp',
  '/boot',
];

/**
 * Checked and complete. @throws naming the bind: not absolute, absent, over a part of the system,
 * or a whole tree that nobody may show.
 */
export function readOnlyBinds(binds: readonly ReadOnlyBind[]): Required<ReadOnlyBind>[] {
  return binds.map(({ source, target = source }) => {
    const problem = bindProblem(source, target);
    if (problem) throw new Error(`${source} cannot be shown in the sandbox as ${target}: ${problem}`);
    return { source: realpathSync(source), target: withoutSlash(target) };
  });
}

function bindProblem(source: string, target: string): string | undefined {
  if (!isAbsolute(source) || !isAbsolute(target)) return 'both paths have to be absolute';
  if (`${source}${target}`.includes('\0')) return 'a path with a NUL byte';
  if (!existsSync(source)) return 'there is no such file or folder';
  const [from, to] = [realpathSync(source), withoutSlash(target)];
  if (REFUSED_SOURCES.includes(from)) return 'too much; name what is needed of it';
  if (from === '/proc' || /^\/(proc|sys|dev)\//.test(from)) return 'it is the kernel’s';
  // A place in the workspace would be made there, along links that the inside may have left.
  if (REFUSED_TARGETS.includes(to) || /^\/(proc|sys|dev|work)\//.test(to)) return 'that place is the sandbox’s own';
  return undefined;
}

function withoutSlash(path: string): string {
  return normalize(`${path}/`).slice(0, -1) || '/';
}

/** /bin, /lib and the like: links into /usr on today's systems, folders on older ones. */
function systemFolders(): string[] {
  return ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'].flatMap((name) => {
    const path = join('/', name);
    const kind = lstatSync(path, { throwIfNoEntry: false });
    if (kind === undefined) return [];
    return kind.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path];
  });
}
