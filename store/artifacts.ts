import { createHash, randomUUID } from 'node:crypto';
import { chmodSync, constants, createReadStream, existsSync, mkdirSync } from 'node:fs';
import { copyFile, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '../workflows/types.ts';

export type Stored = { sha256: Digest; bytes: number };

/** SHA-256 of a file's bytes, read as a stream. */
export async function sha256OfFile(file: string): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * A folder of files named by the SHA-256 of their bytes. What is in it never changes (mode 0444), and a
 * file stands under its name only when it is whole and on the disk.
 */
export function createArtifactStore(dir: string) {
  mkdirSync(join(dir, 'incoming'), { recursive: true });
  const path = (sha256: Digest) => {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Error(`"${sha256}" is not a SHA-256 digest`);
    return join(dir, sha256.slice(0, 2), sha256);
  };

  return {
    path,
    has: (sha256: Digest) => existsSync(path(sha256)),

    /** Keeps a text, bytes or a file. Safe to repeat: the same bytes have the same name. */
    async put(source: string | Buffer | { file: string }): Promise<Stored> {
      const incoming = join(dir, 'incoming', randomUUID());
      try {
        if (typeof source === 'object' && 'file' in source) {
          await copyFile(source.file, incoming, constants.COPYFILE_FICLONE);
        } else {
          await writeFile(incoming, source);
        }
        // Hashed from the copy: the original could change between the two reads.
        const sha256 = await sha256OfFile(incoming);
        const { size: bytes } = await stat(incoming);
        const target = path(sha256);
        if (existsSync(target)) return { sha256, bytes };
        chmodSync(incoming, 0o444);
        await sync(incoming);
        await mkdir(dirname(target), { recursive: true });
        await rename(incoming, target);
        await sync(dirname(target));
        return { sha256, bytes };
      } catch (error) {
        throw explainFullDisk(error, dir);
      } finally {
        await rm(incoming, { force: true });
      }
    },

    /** Puts the file at `target`, checked against its digest; replaces what is there in one step. */
    async fetch(sha256: Digest, target: string): Promise<void> {
      const source = path(sha256);
      if (!existsSync(source)) throw new Error(`artifact ${sha256} is not in the store`);
      await mkdir(dirname(target), { recursive: true });
      const temporary = `${target}.${randomUUID()}`;
      try {
        // A copy, never a hard link: whoever edits a jar on a node by hand must not edit the store.
        await copyFile(source, temporary, constants.COPYFILE_FICLONE);
        const found = await sha256OfFile(temporary);
        if (found !== sha256) {
          throw new Error(`artifact ${sha256} is damaged in the store: its bytes have digest ${found}`);
        }
        await rename(temporary, target);
      } catch (error) {
        throw explainFullDisk(error, dirname(target));
      } finally {
        await rm(temporary, { force: true });
      }
    },

    async read(sha256: Digest): Promise<Buffer> {
      return readFile(path(sha256));
    },
  };
}

export type ArtifactStore = ReturnType<typeof createArtifactStore>;

/** A full disk is a person's to mend: the message says which, and that nothing was left half done. */
function explainFullDisk(error: unknown, folder: string): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') return error;
  const message = `the disk of ${folder} is full: free some space and it goes on; nothing was left half written`;
  return new Error(message, { cause: error });
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
