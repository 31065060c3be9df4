import { constants, type Dirent } from 'node:fs';
import { open, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { KnowledgeSource } from '../../config/knowledge.ts';
import { refuseWorkspaces } from '../../git/not-theirs.ts';
import { type Document, documentOf, isWanted, LIMITS, type Skipped } from './document.ts';

/**
 * The texts of a folder, sorted by path. No link is followed, whatever it leads to: who may write into a folder could
 * otherwise have any file of this machine read out to a channel.
 *
 * @throws where the folder cannot be read.
 */
export async function* readFolder(
  { folder, paths, kind }: KnowledgeSource & { folder: string },
  skipped: Skipped,
): AsyncGenerator<Document> {
  // The configured folder itself may be reached by a link: whoever configures it says so.
  const root = await realpath(folder);
  refuseWorkspaces(root);
  const left = { documents: LIMITS.documents, bytes: LIMITS.sourceBytes };
  for await (const path of filesBelow(root, paths, skipped)) {
    if (!isWanted(kind, path)) continue;
    if (left.documents <= 0 || left.bytes <= 0) {
      skipped.beyond += 1;
      continue;
    }
    const bytes = await readFileIn(root, path, skipped);
    if (bytes === undefined) continue;
    left.documents -= 1;
    left.bytes -= bytes.length;
    const document = documentOf(path, bytes);
    if (document === undefined) skipped.binary += 1;
    else yield document;
  }
}

async function* filesBelow(root: string, paths: readonly string[], skipped: Skipped): AsyncGenerator<string> {
  if (paths.length === 0) {
    yield* walk(root, '', 0, skipped);
    return;
  }
  for (const path of paths.map((one) => one.replace(/\/+$/, ''))) {
    if (!(await isWithoutLinks(root, path))) skipped.links += 1;
    else if (await isFolder(join(root, path))) yield* walk(root, path, 0, skipped);
    else yield path;
  }
}

async function* walk(root: string, folder: string, depth: number, skipped: Skipped): AsyncGenerator<string> {
  if (depth > LIMITS.depth) {
    skipped.beyond += 1;
    return;
  }
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const byName = (a: Dirent, b: Dirent) => (a.name < b.name ? -1 : 1);
  for (const entry of entries.sort(byName)) {
    // Hidden folders hold what nobody wrote to be read: `.git`, credentials, caches.
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isSymbolicLink()) skipped.links += 1;
    else if (entry.isDirectory()) yield* walk(root, path, depth + 1, skipped);
    else if (entry.isFile()) yield path;
  }
}

/** Opened without following a link, and looked at once it is open: a pipe or a device would never end. */
async function readFileIn(root: string, path: string, skipped: Skipped): Promise<Buffer | undefined> {
  const full = join(root, path);
  if (!(await isWithoutLinks(root, path))) {
    skipped.links += 1;
    return undefined;
  }
  const file = await open(full, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return undefined;
    if (stat.size > LIMITS.documentBytes) {
      skipped.large += 1;
      return undefined;
    }
    const bytes = Buffer.alloc(stat.size);
    const { bytesRead } = await file.read(bytes, 0, stat.size, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

const isWithoutLinks = async (root: string, path: string) => (await realpath(join(root, path))) === join(root, path);

async function isFolder(path: string): Promise<boolean> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return (await file.stat()).isDirectory();
  } finally {
    await file.close();
  }
}
