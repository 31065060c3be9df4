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

/**
 * Puts a copy of `source` in the place of `target`: beside it, synced, read again, renamed. Whoever reads
 * `target` at any moment finds the old file or the new one whole. A copy and never a link, since the old
 * `target` may be a link to a file that other nodes share, and the new one must not become one.
 *
 * @throws where the copy does not have the digest, or the disk is full (with path and room left)
 */
export async function replaceFile(source: string, target: string, sha256: Digest): Promise<void> {
  mkdirSync(dirname(target), { recursive: true });
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.part`);
  try {
    copyFileSync(source, temporary);
    await sync(temporary);
    const found = await sha256OfFile(temporary);
    if (found !== sha256) throw new Error(`${source} has the digest ${found}, not ${sha256}`);
    renameSync(temporary, target);
    await sync(dirname(target));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw explainFullDisk(error, target);
  }
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
