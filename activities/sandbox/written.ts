import { closeSync, constants, createReadStream, fstatSync, openSync, readdirSync, unlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { Readable } from 'node:stream';
import { checkRelative, openBelow, openOne } from './files.ts';
import type { Workspace } from './types.ts';

/**
 * Files that a command wrote, found by pattern, read as streams and removed from outside: for reports, which are
 * many and may be long. As everywhere here, no part of a way is a link when it is used.
 */

export interface WrittenFile {
  /** Relative to the workspace. */
  path: string;
  bytes: number;
  /** Changes when the file does, as far as the inside's word goes. */
  version: string;
}

/** Names that are looked at for one pattern: far beyond any real build. */
const MOST_NAMES = 500_000;
const DEEPEST = 40;

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;

/**
 * The regular files that match `pattern`, sorted: `*` stands for any characters of one name, a name `**` for any
 * number of folders. Of an overlay only what differs from the base is found.
 *
 * @throws where there is more to look at than any build has.
 */
export function findWritten(workspace: Workspace, pattern: string): WrittenFile[] {
  checkRelative(pattern);
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.');
  const found = new Map<string, WrittenFile>();
  const root = openSync(workspace.written, FOLDER);
  try {
    walk({ descriptor: root, path: '', depth: 0 }, parts, { found, names: 0 });
  } finally {
    closeSync(root);
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface Folder {
  descriptor: number;
  path: string;
  depth: number;
}

interface Search {
  found: Map<string, WrittenFile>;
  names: number;
}

function walk(folder: Folder, [part, ...rest]: readonly string[], search: Search): void {
  if (part === undefined || folder.depth > DEEPEST) return;
  if (part === '**') {
    walk(folder, rest, search);
    for (const name of namesIn(folder, search)) into(folder, name, ['**', ...rest], search);
    return;
  }
  const matching = part.includes('*') ? namesIn(folder, search).filter(matches(part)) : [part];
  for (const name of matching) {
    if (rest.length > 0) into(folder, name, rest, search);
    else note(folder, name, search.found);
  }
}

function into(folder: Folder, name: string, rest: readonly string[], search: Search): void {
  const descriptor = openOne(`/proc/self/fd/${folder.descriptor}/${name}`, FOLDER);
  if (descriptor === undefined) return;
  try {
    walk({ descriptor, path: `${folder.path}${name}/`, depth: folder.depth + 1 }, rest, search);
  } finally {
    closeSync(descriptor);
  }
}

function note(folder: Folder, name: string, found: Map<string, WrittenFile>): void {
  const descriptor = openOne(`/proc/self/fd/${folder.descriptor}/${name}`, constants.O_RDONLY);
  if (descriptor === undefined) return;
  try {
    const stat = fstatSync(descriptor, { bigint: true });
    if (!stat.isFile()) return;
    const path = `${folder.path}${name}`;
    found.set(path, { path, bytes: Number(stat.size), version: `${stat.size} ${stat.mtimeNs} ${stat.ino}` });
  } finally {
    closeSync(descriptor);
  }
}

function namesIn({ descriptor }: Folder, search: Search): string[] {
  const names = readdirSync(`/proc/self/fd/${descriptor}`);
  search.names += names.length;
  if (search.names > MOST_NAMES) throw new Error(`more than ${MOST_NAMES} files to look through`);
  return names;
}

function matches(part: string): (name: string) => boolean {
  const pattern = new RegExp(`^${part.replace(/[.+^${}()|[\]\\?]/g, '\\$&').replaceAll('*', '.*')}$`, 's');
  return (name) => pattern.test(name);
}

/**
 * One regular file as a stream of what it holds now, while a command may still write to it. Undefined where it is
 * none, or is reached through a link.
 *
 * @throws where it is longer than `maxBytes`.
 */
export function streamWritten(workspace: Workspace, path: string, maxBytes: number): Readable | undefined {
  const descriptor = openBelow(workspace.written, path, constants.O_RDONLY);
  if (descriptor === undefined) return undefined;
  const stat = fstatSync(descriptor);
  if (stat.isFile() && stat.size <= maxBytes && stat.size > 0) {
    return createReadStream('', { fd: descriptor, start: 0, end: stat.size - 1, highWaterMark: 64 << 10 });
  }
  closeSync(descriptor);
  if (!stat.isFile()) return undefined;
  if (stat.size === 0) return Readable.from([]);
  throw new Error(`${path} is longer than ${maxBytes} bytes`);
}

/** Removes one written file or link (never what it points to) while no command runs. What the base has stays. Safe to repeat. */
export function removeWritten(workspace: Workspace, path: string): void {
  checkRelative(path);
  const folder = dirname(path);
  const descriptor =
    folder === '.' ? openSync(workspace.written, FOLDER) : openBelow(workspace.written, folder, FOLDER);
  if (descriptor === undefined) return;
  try {
    unlinkSync(`/proc/self/fd/${descriptor}/${basename(path)}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    closeSync(descriptor);
  }
}
