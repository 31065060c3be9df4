import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir as userCacheDir } from '../../config/env.ts';
import type { Progress } from '../../setup/progress.ts';
import { type BareGit, bareGit, type Signature } from './git.ts';
import { type PatchFile, readPatches } from './patch-file.ts';
import { KAFKA_VERSION, readKafkaSources, type SourceFile } from './sources.ts';

export type MakeForkOptions = {
  /** Where the bare repository is to be; made on first use, left alone when it is there. */
  dir: string;
  /** Where the source jars are kept: by default the user's cache folder. */
  cacheDir?: string;
  progress: Progress;
};

/** `base` is the branch that names the upstream base (a push may move it), `branch` the tip of the patch stack. */
export type Fork = { repository: string; base: string; branch: string };

export const BASE_REF = 'refs/heads/upstream';
export const BRANCH_REF = 'refs/heads/main';
export const TAG_REF = `refs/tags/${KAFKA_VERSION}`;
/** The tip of the stack as it was made: what pushes start from until something was released. */
export const STACK_REF = 'refs/patchwright/stack';

const HERE = dirname(fileURLToPath(import.meta.url));
const UPSTREAM: Signature = {
  name: 'Apache Kafka',
  email: 'dev@kafka.apache.org',
  seconds: Date.UTC(2024, 3, 4) / 1000,
};

/**
 * Makes the example's fork: Kafka 3.6.2 from its published source jars, and our patch stack on it. The same
 * jars and patches make the same commits, anywhere and any time. Safe to repeat; an interrupted one starts anew.
 * Throws where Maven cannot get the sources, their digest is not the pinned one, or a patch does not apply.
 */
export async function makeFork({ dir, cacheDir = userCacheDir(), progress }: MakeForkOptions): Promise<Fork> {
  const repository = resolve(dir);
  const fork = { repository, base: 'upstream', branch: 'main' };
  if (existsSync(repository)) {
    const isRepository = existsSync(join(repository, 'objects')) && existsSync(join(repository, 'HEAD'));
    const stack = isRepository ? await bareGit(repository).commitOf(STACK_REF) : undefined;
    if (stack === undefined) throw new Error(`${repository} is there, but is not the example's fork: move it away`);
    return fork;
  }
  const sources = await readKafkaSources(cacheDir, progress);
  const partial = `${repository}.partial-${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(dirname(repository), { recursive: true });
  try {
    await build(bareGit(partial), sources, progress);
    // Under its name only once it is whole.
    renameSync(partial, repository);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return fork;
}

async function build(git: BareGit, sources: SourceFile[], progress: Progress): Promise<void> {
  await git.init();
  progress('Kafka fork', `importing ${sources.length} files of Kafka ${KAFKA_VERSION}`);
  const base = await importBase(git, [...sources, ...licences(sources), ...templateFiles()]);
  let tip = base;
  for (const patch of readPatches(join(HERE, 'patches'))) {
    progress('Kafka fork', `applying ${patch.subject}`);
    tip = await applyPatch(git, tip, patch);
  }
  await git.updateRefs({ [BASE_REF]: base, [TAG_REF]: base, [STACK_REF]: tip, [BRANCH_REF]: tip });
}

/**
 * Puts one patch on a commit and returns the new commit; `replaced` is taken off first, for a patch that corrects it.
 * Throws, naming the patch, where it does not apply.
 */
export async function applyPatch(
  git: BareGit,
  parent: string,
  patch: PatchFile,
  replaced?: PatchFile,
): Promise<string> {
  const steps = [...(replaced ? [{ diff: replaced.diff, reverse: true }] : []), { diff: patch.diff, reverse: false }];
  const tree = await git.applyToTree(parent, steps).catch((error: Error) => {
    throw new Error(`${patch.file} does not apply on ${parent}: ${error.message}`);
  });
  return git.writeCommit({ tree, parents: [parent], author: patch.author, message: patch.message });
}

/** One root commit by `git fast-import`: no working tree, and thousands of files in about a second. */
async function importBase(git: BareGit, files: SourceFile[]): Promise<string> {
  const ref = 'refs/patchwright/import';
  const message = `Import Apache Kafka ${KAFKA_VERSION}\n\nFrom the published source jars of kafka-clients and kafka-server-common, with a Maven build.\n`;
  const signed = `${UPSTREAM.name} <${UPSTREAM.email}> ${UPSTREAM.seconds} +0000`;
  await git.git(['fast-import', '--quiet', '--done'], { input: stream() });
  const commit = await git.commitOf(ref);
  if (commit === undefined) throw new Error('git fast-import made no commit');
  await git.git(['update-ref', '-d', ref]);
  return commit;

  function* stream(): Generator<string | Buffer> {
    yield `commit ${ref}\nauthor ${signed}\ncommitter ${signed}\ndata ${Buffer.byteLength(message)}\n${message}\n`;
    for (const { path, content } of files) {
      yield `M 100644 inline ${path}\ndata ${content.length}\n`;
      yield content;
      yield '\n';
    }
    yield '\ndone\n';
  }
}

/** Upstream's licence and notice also stand at the top of the repository. */
function licences(sources: SourceFile[]): SourceFile[] {
  return ['LICENSE', 'NOTICE'].map((name) => {
    const found = sources.find(({ path }) => path === `clients/src/main/resources/${name}`);
    if (!found) throw new Error(`the sources of kafka-clients have no ${name}`);
    return { path: name, content: found.content };
  });
}

/** The Maven build that the published sources lack. */
export function templateFiles(): SourceFile[] {
  const folder = join(HERE, 'template');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: relative(folder, file).split(sep).join('/'), content: readFileSync(file) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
