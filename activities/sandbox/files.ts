import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runInSandbox } from './run.ts';
import { readTar } from './tar.ts';
import type { Sandbox, Workspace } from './types.ts';

/**
 * Ways to get at files that sandboxed code wrote. A path in them may be a link to anywhere on this
 * machine, or become one while it is read: never open one with the usual calls.
 */

export interface TakeLimits {
  /** Of all of them. */
  maxBytes: number;
  maxFiles: number;
}

export interface TakeOptions extends TakeLimits {
  into: string;
  outputDir: string;
  /** `follow`: what a link leads to inside, as the inside may read it; left out by default. */
  links?: 'follow' | 'leave';
  /** `leave`: what is not there is not taken; an error by default. */
  missing?: 'leave' | 'refuse';
}

/**
 * Copies files out of a workspace as the inside sees it: for each of `paths` (relative to it) the file, or all files
 * below the folder. Devices and the like are left out. Whatever is taken keeps its relative
 * path below `into`; the modes are ours.
 *
 * @throws where a path does not exist, or there is more than the limits allow.
 */
export async function takeFiles(
  sandbox: Sandbox,
  workspace: Workspace,
  paths: readonly string[],
  options: TakeOptions,
): Promise<{ path: string; bytes: number }[]> {
  for (const path of paths) checkRelative(path);
  const flags = [
    ...(options.links === 'follow' ? ['--dereference'] : []),
    ...(options.missing === 'leave' ? ['--ignore-failed-read'] : []),
  ];
  // A second name of a file is a file too.
  const tar = ['tar', '--format=ustar', '--hard-dereference', ...flags, '-cf', '-'];
  const command = [...tar, '-C', workspace.inside, '--', ...paths];
  // A header and padding for each file, and the end mark.
  const keptOutputMb = Math.ceil((2 * (options.maxBytes + options.maxFiles * 2048 + 65_536)) / 2 ** 20);
  const limits = { keptOutputMb, outputMb: keptOutputMb, seconds: 600 };
  const { end, stdout, stderr } = await runInSandbox(
    sandbox,
    { command, workspace, limits, env: { PATH: '/usr/bin:/bin' } },
    options,
  );
  if (end.kind !== 'exited') throw new Error(`files cannot be taken from the sandbox: ${JSON.stringify(end)}`);
  if (stdout.omittedBytes > 0) throw new Error(`there is more than ${options.maxBytes} bytes to take`);
  if (end.exitCode !== 0) throw new Error(`files cannot be taken from the sandbox: ${head(stderr.file)}`);
  try {
    return unpack(stdout.file, paths, options);
  } finally {
    rmSync(stdout.file);
  }
}

function unpack(
  tar: string,
  paths: readonly string[],
  { into, maxBytes, maxFiles }: { into: string } & TakeLimits,
): { path: string; bytes: number }[] {
  const taken: { path: string; bytes: number }[] = [];
  let sum = 0;
  for (const { path, bytes, copyTo } of readTar(tar)) {
    checkRelative(path);
    // tar runs inside: its word for a path is not ours.
    if (!paths.some((asked) => path === asked || path.startsWith(`${asked.replace(/\/+$/, '')}/`))) {
      throw new Error(`nobody asked for ${path}`);
    }
    sum += bytes;
    if (sum > maxBytes || taken.length >= maxFiles)
      throw new Error(`more than ${maxBytes} bytes or ${maxFiles} files to take`);
    const target = join(into, path);
    mkdirSync(dirname(target), { recursive: true });
    // `into` is ours alone and new; a name that comes twice is an attack.
    const descriptor = openSync(target, 'wx', 0o644);
    try {
      copyTo(descriptor);
    } finally {
      closeSync(descriptor);
    }
    taken.push({ path, bytes });
  }
  return taken;
}

/**
 * Reads one file that was written in a workspace, also while a command runs there (a report that grows). No
 * part of the way is a link, and what is read is a regular file; undefined otherwise, and where there
 * is nothing. Of an overlay only what differs from the base is found.
 *
 * @throws where the file is longer than `maxBytes`.
 */
export function readWritten(workspace: Workspace, path: string, maxBytes: number): Buffer | undefined {
  const descriptor = openBelow(workspace.written, path, constants.O_RDONLY);
  if (descriptor === undefined) return undefined;
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return undefined;
    if (stat.size > maxBytes) throw new Error(`${path} is longer than ${maxBytes} bytes`);
    const bytes = Buffer.alloc(stat.size);
    const length = readSync(descriptor, bytes, 0, bytes.length, 0);
    return bytes.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

/** Names, sizes and times of the regular files in one written folder; nothing where it is none. The times are the inside's word. */
export function listWritten(workspace: Workspace, folder: string): { name: string; bytes: number; mtimeMs: number }[] {
  const descriptor = openBelow(workspace.written, folder, constants.O_RDONLY | constants.O_DIRECTORY);
  if (descriptor === undefined) return [];
  try {
    const names = readdirSync(`/proc/self/fd/${descriptor}`).sort();
    return names.flatMap((name) => {
      const file = openOne(`/proc/self/fd/${descriptor}/${name}`, constants.O_RDONLY);
      if (file === undefined) return [];
      try {
        const stat = fstatSync(file);
        return stat.isFile() ? [{ name, bytes: stat.size, mtimeMs: stat.mtimeMs }] : [];
      } finally {
        closeSync(file);
      }
    });
  } finally {
    closeSync(descriptor);
  }
}

/** Each part of the way is opened from the one before it, so that none can be exchanged for a link in between. */
export function openBelow(root: string, path: string, flags: number): number | undefined {
  checkRelative(path);
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  let at = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    const next = openOne(`/proc/self/fd/${at}/${part}`, last ? flags : constants.O_RDONLY | constants.O_DIRECTORY);
    closeSync(at);
    if (next === undefined) return undefined;
    at = next;
  }
  return at;
}

export function openOne(path: string, flags: number): number | undefined {
  try {
    // Without blocking: a named pipe would hold us for ever.
    return openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'EACCES', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}

export function checkRelative(path: string): void {
  if (path === '' || path.startsWith('/') || path.includes('\0') || path.split('/').includes('..')) {
    throw new Error(`"${path}" is not a path inside the workspace`);
  }
}

function head(file: string): string {
  const descriptor = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(500);
    return bytes.subarray(0, readSync(descriptor, bytes)).toString('utf8').trim();
  } finally {
    closeSync(descriptor);
  }
}
