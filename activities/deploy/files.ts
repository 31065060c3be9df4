import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sha256OfFile } from '../../store/artifacts.ts';
import type { Digest } from '../../workflows/types.ts';

const remembered = new Map<string, { stamp: string; sha256: Digest }>();

/**
 * As `sha256OfFile`, read again only where the file changed. The change time cannot be set by a program,
 * so a file that was altered by hand, its time put back, is read again too.
 */
export async function sha256Remembered(file: string): Promise<Digest> {
  const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
  const stamp = `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  const known = remembered.get(file);
  if (known?.stamp === stamp) return known.sha256;
  const sha256 = await sha256OfFile(file);
  remembered.set(file, { stamp, sha256 });
  return sha256;
}

export type Replacement = { source: string; target: string; sha256: Digest };

/**
 * Puts copies of the sources in the place of the targets: all of them beside their targets first, synced and
 * read again, then each renamed. Whoever reads a target at any moment finds the old file or the new one
 * whole, and a full disk or a damaged source changes nothing at all. A copy and never a link, since the old
 * target may be a link to a file that other nodes share, and the new one must not become one.
 *
 * @throws where a copy does not have its digest, or the disk is full (with path and room left)
 */
export async function replaceFiles(replacements: readonly Replacement[]): Promise<void> {
  const beside = ({ target }: Replacement) => join(dirname(target), `.${basename(target)}.${process.pid}.part`);
  try {
    for (const replacement of replacements) await copyVerified(replacement, beside(replacement));
  } catch (error) {
    for (const replacement of replacements) rmSync(beside(replacement), { force: true });
    throw error;
  }
  for (const replacement of replacements) {
    renameSync(beside(replacement), replacement.target);
    await sync(dirname(replacement.target));
  }
}

async function copyVerified({ source, target, sha256 }: Replacement, copy: string): Promise<void> {
  try {
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(source, copy);
    await sync(copy);
  } catch (error) {
    throw explainFullDisk(error, target);
  }
  const found = await sha256OfFile(copy);
  if (found !== sha256) throw new Error(`${source} has the digest ${found}, not ${sha256}`);
}

/** Links the jars of a folder into another; copies where the file systems differ. */
export function linkJars(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    if (!name.endsWith('.jar')) continue;
    const source = join(from, name);
    const target = join(to, name);
    if (existsSync(target)) continue;
    try {
      linkSync(source, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw explainFullDisk(error, target);
      copyFileSync(source, target);
    }
  }
}

/** A full disk said so that a person knows which one. Any other error is given back as it is. */
export function explainFullDisk(error: unknown, path: string): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') return error;
  const folder = dirname(path);
  const { bavail, bsize } = statfsSync(existsSync(folder) ? folder : '/');
  const left = Math.floor((bavail * bsize) / 1e6);
  return new Error(
    `the disk of ${folder} is full (${left} MB left): ${path} could not be written; nothing was changed`,
    {
      cause: error,
    },
  );
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
