import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Patch } from '../workflows/types.ts';
import type { Git } from './clone.ts';
import { pickOnto } from './patch-stack.ts';

/** Whoever commits for us; a fixed one, so that doing it twice gives the same commit. */
const committer = (date: string) => ({
  GIT_COMMITTER_NAME: 'Patchwright',
  GIT_COMMITTER_EMAIL: 'patchwright@localhost',
  GIT_COMMITTER_DATE: date,
});

/** A commit of a tree, for a build: on top of its parent, by us, at its parent's time. */
export async function commitTree(git: Git, order: { tree: string; parent: string; message: string }): Promise<string> {
  const date = await git('show', '-s', '--format=%cI', order.parent);
  const env = {
    ...committer(date),
    GIT_AUTHOR_NAME: 'Patchwright',
    GIT_AUTHOR_EMAIL: 'patchwright@localhost',
    GIT_AUTHOR_DATE: date,
  };
  return made(await git.tryGit(['commit-tree', order.tree, '-p', order.parent, '-m', order.message], { env }));
}

/** A patch as it was, author, time and message, with another tree and parent; `trailer` says who changed it. */
export async function remakePatch(
  git: Git,
  order: { patch: string; tree: string; parent: string; trailer: string },
): Promise<string> {
  const shown = await git('show', '-s', '--format=%an%x00%ae%x00%aI%x00%B', order.patch);
  const [name = '', email = '', date = '', message = ''] = shown.split('\0');
  const env = { ...committer(date), GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_AUTHOR_DATE: date };
  const words = `${message.trimEnd()}\n${order.trailer}\n`;
  return made(await git.tryGit(['commit-tree', order.tree, '-p', order.parent, '-m', words], { env }));
}

function made({ exitCode, stdout, stderr }: { exitCode: number; stdout: string; stderr: string }): string {
  if (exitCode !== 0) throw new Error(`git commit-tree: ${stderr.trim()}`);
  return stdout.trim();
}

export type Fold = {
  base: string;
  candidate: string;
  /** What the repaired files are: a tree that is in this clone. */
  tree: string;
  patches: readonly Pick<Patch, 'commit' | 'subject'>[];
  /** The patch that the change goes into. */
  into: string;
  trailer: string;
  scratch: string;
};

export type Folded = { kind: 'folded'; commit: string } | { kind: 'refused'; reason: string };

/**
 * Puts a change that was made on the candidate into one patch of its stack; the patches after it follow. Every patch
 * stays, in its order, with its author and message, and all of them together make exactly the tree that was handed in:
 * otherwise it is refused. Safe to repeat: the same change gives the same commits.
 */
export async function foldFix(git: Git, fold: Fold): Promise<Folded> {
  const at = fold.patches.findIndex(({ commit }) => commit === fold.into);
  if (at < 0) return { kind: 'refused', reason: `${fold.into.slice(0, 12)} is no patch of this stack` };
  const tree = await treeWithin(git, fold, at);
  if ('reason' in tree) return { kind: 'refused', reason: tree.reason };
  const parent = await git('rev-parse', `${fold.into}^`);
  if ((await git('rev-parse', `${parent}^{tree}`)) === tree.tree) {
    return { kind: 'refused', reason: `the change takes everything away that "${fold.patches[at]?.subject}" does` };
  }
  const { into: patch, trailer } = fold;
  const remade = await remakePatch(git, { patch, tree: tree.tree, parent, trailer });
  const picked = await pickOnto(git, remade, fold.patches.slice(at + 1), fold.scratch);
  if (picked.kind !== 'cut') {
    const reason = `with the change in it, a later patch does not apply any more: ${picked.reasons.join('; ')}`;
    return { kind: 'refused', reason };
  }
  const commit = picked.commits.at(-1) ?? remade;
  const whole = await git('rev-parse', `${commit}^{tree}`);
  if (whole === fold.tree) return { kind: 'folded', commit };
  return { kind: 'refused', reason: `put into that patch, the stack makes other files than those that were handed in` };
}

/** The tree of that patch with the change in it. */
async function treeWithin(git: Git, fold: Fold, at: number): Promise<{ tree: string } | { reason: string }> {
  const { candidate, tree, into, scratch, patches } = fold;
  if (at === patches.length - 1) return { tree };
  const name = createHash('sha256').update(`${into} ${tree}`).digest('hex').slice(0, 16);
  const [index, file] = [`${scratch}-${name}.index`, `${scratch}-${name}.patch`];
  const env = { GIT_INDEX_FILE: index };
  try {
    const options = ['--binary', '--full-index', '--no-ext-diff', '--no-textconv', '--no-renames'];
    const { stdout } = await git.tryGit(['diff-tree', '-p', ...options, candidate, tree]);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, stdout);
    await git.tryGit(['read-tree', into], { env });
    const applied = await git.tryGit(['apply', '--cached', '--3way', '--whitespace=nowarn', file], { env });
    if (applied.exitCode !== 0) {
      const said = applied.stderr.trim().slice(-300);
      return { reason: `the change does not fit into "${patches[at]?.subject}", where later patches are not: ${said}` };
    }
    const written = await git.tryGit(['write-tree'], { env });
    if (written.exitCode !== 0) return { reason: `the change conflicts with "${patches[at]?.subject}"` };
    return { tree: written.stdout.trim() };
  } finally {
    await Promise.all([index, file, `${index}.lock`].map((one) => rm(one, { force: true })));
  }
}

export type Conflicted = {
  kind: 'conflict';
  /** Its tree has the conflict's marks in it. */
  commit: string;
  /** What the patch is to be put on. */
  onto: string;
  patch: string;
  subject: string;
  files: string[];
};

/**
 * Puts patches on a commit, in order, until one conflicts; that one is left with its marks as a commit of its own, to
 * be resolved. Safe to repeat.
 */
export async function pickUntilConflict(
  git: Git,
  order: { onto: string; patches: readonly Pick<Patch, 'commit' | 'subject'>[]; scratch: string },
): Promise<Conflicted | { kind: 'done'; commit: string } | { kind: 'refused'; reason: string }> {
  let onto = order.onto;
  for (const patch of order.patches) {
    const picked = await pickOnto(git, onto, [patch], order.scratch);
    if (picked.kind === 'cut') {
      onto = picked.commits[0] ?? onto;
      continue;
    }
    if (picked.kind !== 'conflict') return { kind: 'refused', reason: picked.reasons.join('; ') };
    const { commit, subject } = patch;
    const marked = await markedTree(git, { onto, patch: commit, scratch: order.scratch });
    const at = await commitTree(git, { tree: marked, parent: onto, message: `Conflict of ${subject}` });
    return { kind: 'conflict', commit: at, onto, patch: commit, subject, files: picked.files };
  }
  return { kind: 'done', commit: onto };
}

async function markedTree(git: Git, order: { onto: string; patch: string; scratch: string }): Promise<string> {
  const { onto, patch, scratch } = order;
  await rm(scratch, { recursive: true, force: true });
  await git('worktree', 'prune');
  await git('worktree', 'add', '--quiet', '--force', '--detach', scratch, onto);
  try {
    await git.tryGit(['-c', 'merge.conflictStyle=diff3', 'cherry-pick', '--no-commit', patch], { cwd: scratch });
    await git.tryGit(['add', '--all'], { cwd: scratch });
    return (await git.tryGit(['write-tree'], { cwd: scratch })).stdout.trim();
  } finally {
    await rm(scratch, { recursive: true, force: true });
    await git('worktree', 'prune');
  }
}
