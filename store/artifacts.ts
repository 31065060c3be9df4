import { createHash, hash, randomUUID } from 'node:crypto';
import { constants, createReadStream, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, open, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '../workflows/types.ts';

export type Stored = { sha256: Digest; bytes: number };

/** The name that a text or bytes have in the store. */
export const digestOf = (source: string | Buffer): Digest => hash('sha256', source);

/** SHA-256 of a file's bytes, read as a stream. */
export async function sha256OfFile(file: string): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** What is kept under a digest; `at`: since when, for whoever collects what nobody needs. */
export type Kept = { sha256: Digest; bytes: number; at: Date };

/**
 * Files named by the SHA-256 of their bytes, in a folder or a bucket. What is in it never changes, and nothing stands
 * under its name before it is whole. Every use is safe to repeat, and what is handed out has been checked.
 */
export type ArtifactStore = {
  has(sha256: Digest): Promise<boolean>;
  /** Keeps a text, bytes or a file. The same bytes have the same name, and are kept once. */
  put(source: ArtifactSource): Promise<Stored>;
  /** Puts the file at `target`, replacing what is there in one step. @throws where it is missing or damaged. */
  fetch(sha256: Digest, target: string): Promise<void>;
  read(sha256: Digest): Promise<Buffer>;
  /** Everything, in no order. */
  list(): AsyncIterable<Kept>;
  /** Safe to repeat. `asOf`: not where it was put again since it was listed. */
  remove(sha256: Digest, asOf?: Date): Promise<void>;
};

export type ArtifactSource = string | Buffer | { file: string };

export function assertDigest(sha256: Digest): void {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Error(`"${sha256}" is not a SHA-256 digest`);
}

export const missing = (sha256: Digest) => new Error(`artifact ${sha256} is not in the store`);

export const damaged = (sha256: Digest, found: Digest) =>
  new Error(`artifact ${sha256} is damaged in the store: its bytes have digest ${found}`);

/** A folder (mode 0444), which several hosts may share. A file stands there under its name when it is on the disk. */
export function createArtifactStore(dir: string) {
  mkdirSync(join(dir, 'incoming'), { recursive: true });
  const path = (sha256: Digest) => {
    assertDigest(sha256);
    return join(dir, sha256.slice(0, 2), sha256);
  };

  const store: ArtifactStore & { path: typeof path } = {
    path,
    has: async (sha256) => existsSync(path(sha256)),

    async put(source) {
      const incoming = join(dir, 'incoming', randomUUID());
      try {
        // Of what is in memory the name is known before anything is written.
        const bytes = isFile(source) ? undefined : bytesOf(source);
        const stored = bytes === undefined ? await copyIn(source, incoming) : storedOf(bytes);
        const target = path(stored.sha256);
        if (await becomesYoung(target)) {
          if (bytes === undefined) await rm(incoming, { force: true });
          return stored;
        }
        await settle(incoming, bytes);
        await moveTo(target, incoming);
        await sync(dirname(target));
        return stored;
      } catch (error) {
        await rm(incoming, { force: true });
        throw explainFullDisk(error, dir);
      }
    },

    async fetch(sha256, target) {
      const source = path(sha256);
      if (!existsSync(source)) throw missing(sha256);
      await mkdir(dirname(target), { recursive: true });
      const temporary = `${target}.${randomUUID()}`;
      try {
        // A copy, never a hard link: whoever edits a jar on a node by hand must not edit the store.
        await copyFile(source, temporary, constants.COPYFILE_FICLONE);
        const found = await sha256OfFile(temporary);
        if (found !== sha256) throw damaged(sha256, found);
        await rename(temporary, target);
      } catch (error) {
        throw explainFullDisk(error, dirname(target));
      } finally {
        await rm(temporary, { force: true });
      }
    },

    async read(sha256) {
      const bytes = await readFile(path(sha256)).catch((error: NodeJS.ErrnoException) => {
        throw error.code === 'ENOENT' ? missing(sha256) : error;
      });
      const found = digestOf(bytes);
      if (found !== sha256) throw damaged(sha256, found);
      return bytes;
    },

    async *list() {
      for (const shelf of readdirSync(dir).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
        for (const sha256 of readdirSync(join(dir, shelf))) {
          const found = await stat(join(dir, shelf, sha256)).catch(goneMeanwhile);
          if (found) yield { sha256, bytes: found.size, at: found.mtime };
        }
      }
    },

    async remove(sha256, asOf) {
      const found = await stat(path(sha256)).catch(goneMeanwhile);
      if (found && (asOf === undefined || found.mtime <= asOf)) await rm(path(sha256), { force: true });
    },
  };
  return store;
}

function goneMeanwhile(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

const isFile = (source: ArtifactSource): source is { file: string } => typeof source === 'object' && 'file' in source;

const bytesOf = (source: string | Buffer) => (typeof source === 'string' ? Buffer.from(source) : source);

const storedOf = (bytes: Buffer): Stored => ({ sha256: digestOf(bytes), bytes: bytes.length });

/** A copy of our own with its digest: the original could change between two reads. */
export async function copyIn(source: ArtifactSource, target: string): Promise<Stored> {
  if (!isFile(source)) {
    const bytes = bytesOf(source);
    await writeFile(target, bytes);
    return storedOf(bytes);
  }
  await copyFile(source.file, target, constants.COPYFILE_FICLONE);
  return { sha256: await sha256OfFile(target), bytes: (await stat(target)).size };
}

/** Whoever collects what is old must not take what was just kept. False where there is no such file. */
async function becomesYoung(file: string): Promise<boolean> {
  if (!existsSync(file)) return false;
  const now = new Date();
  return utimes(file, now, now).then(() => true, isGone);
}

function isGone(error: NodeJS.ErrnoException): false {
  if (error.code !== 'ENOENT') throw error;
  return false;
}

/** The whole of a file on the disk: what is copied there, or these bytes. */
async function settle(file: string, bytes: Buffer | undefined): Promise<void> {
  const handle = await open(file, bytes === undefined ? 'r' : 'wx');
  try {
    if (bytes !== undefined) await handle.writeFile(bytes);
    await handle.chmod(0o444);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function moveTo(target: string, from: string): Promise<void> {
  if (await rename(from, target).then(() => true, isGone)) return;
  // The first of its shelf.
  await mkdir(dirname(target), { recursive: true });
  await rename(from, target);
}

/** A full disk is a person's to mend: the message says which, and that nothing was left half done. */
export function explainFullDisk(error: unknown, folder: string): unknown {
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
