import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { KnowledgeSource } from '../../config/knowledge.ts';
import { type Git, type GitTools, gitIn, withMirror } from '../../git/clone.ts';
import { type Document, documentOf, isWanted, LIMITS, type Skipped } from './document.ts';

export type RepositoryPlace = { mirror: string; repository: string; ref: string };

/** A fork's clone is the one that releases use; any other repository has its own. */
export function placeOf(
  { fork, repository, ref }: KnowledgeSource,
  forks: Readonly<Record<string, { repository: string; branch: string }>>,
  dataDir: string,
): RepositoryPlace {
  const found = fork === undefined ? undefined : forks[fork];
  if (found !== undefined) {
    return { mirror: join(dataDir, 'git', `${fork}.git`), repository: found.repository, ref: ref ?? found.branch };
  }
  if (repository === undefined) throw new Error(`no fork "${fork}" is configured`);
  const name = createHash('sha256').update(repository).digest('hex').slice(0, 16);
  return { mirror: join(dataDir, 'git', `knowledge-${name}.git`), repository, ref: ref ?? 'main' };
}

/** Fetches, and says which commit is read from now on. */
export async function fetchRepository(tools: GitTools, place: RepositoryPlace): Promise<string> {
  return withMirror(tools, place.mirror, place.repository, (git) => git.resolve(place.ref, 'ref of the source'));
}

type Blob = { id: string; bytes: number; path: string };

/**
 * The texts of a commit, out of our own bare clone: git reads objects, nothing is checked out, and nothing of the
 * repository's own configuration applies. Links and submodules are no files.
 */
export async function* readCommit(
  tools: GitTools,
  { mirror, commit, source }: { mirror: string; commit: string; source: KnowledgeSource },
  skipped: Skipped,
): AsyncGenerator<Document> {
  const git = gitIn(tools, mirror);
  const wanted = await blobsOf(git, commit, source, skipped);
  for (const batch of batches(wanted)) {
    const texts = await readBlobs(git, batch);
    for (const [i, { path }] of batch.entries()) {
      const document = documentOf(path, texts[i] ?? '', commit);
      if (document === undefined) skipped.binary += 1;
      else yield document;
    }
  }
}

async function blobsOf(git: Git, commit: string, { paths, kind }: KnowledgeSource, skipped: Skipped): Promise<Blob[]> {
  const args = ['--literal-pathspecs', 'ls-tree', '-r', '-l', '-z', '--full-tree', commit, '--', ...paths];
  const { exitCode, stdout, stderr } = await git.tryGit(args);
  if (exitCode !== 0) throw new Error(`git ls-tree: ${stderr.trim()}`);
  const found: Blob[] = [];
  let total = 0;
  for (const entry of stdout.split('\0')) {
    const [, mode, id, size, path] = /^(\d+) \w+ ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(entry) ?? [];
    if (mode === '120000') skipped.links += 1;
    if (id === undefined || path === undefined || !/^100(644|755)$/.test(mode ?? '') || !isWanted(kind, path)) continue;
    const bytes = Number(size);
    total += bytes;
    if (bytes > LIMITS.documentBytes) skipped.large += 1;
    else if (found.length >= LIMITS.documents || total > LIMITS.sourceBytes) skipped.beyond += 1;
    else found.push({ id, bytes, path });
  }
  return found;
}

/** One git for many files, and no more of them than fit the memory and a command line. */
function batches(blobs: readonly Blob[]): Blob[][] {
  const all: Blob[][] = [];
  let bytes = 0;
  for (const blob of blobs) {
    const last = all.at(-1);
    if (last === undefined || last.length >= 200 || bytes + blob.bytes > 16 << 20) {
      all.push([blob]);
      bytes = blob.bytes;
    } else {
      last.push(blob);
      bytes += blob.bytes;
    }
  }
  return all;
}

/**
 * git writes them one after another; their sizes tell them apart. A byte that is no UTF-8 changes its length as it is
 * read: then each is asked for by itself, so that one bad file spoils no other.
 */
async function readBlobs(git: Git, blobs: readonly Blob[]): Promise<string[]> {
  const joined = Buffer.from(await show(git, blobs));
  if (joined.length !== blobs.reduce((sum, { bytes }) => sum + bytes, 0)) {
    if (blobs.length === 1) return [joined.toString()];
    const alone: string[] = [];
    for (const blob of blobs) alone.push(...(await readBlobs(git, [blob])));
    return alone;
  }
  let at = 0;
  return blobs.map(({ bytes }) => {
    at += bytes;
    return joined.subarray(at - bytes, at).toString();
  });
}

async function show(git: Git, blobs: readonly Blob[]): Promise<string> {
  const { exitCode, stdout, stderr } = await git.tryGit(['show', '--no-textconv', ...blobs.map(({ id }) => id)]);
  if (exitCode !== 0) throw new Error(`git show: ${stderr.trim()}`);
  return stdout;
}
