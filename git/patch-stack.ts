import { rm } from 'node:fs/promises';
import type { ForkSettings } from '../config/schema.ts';
import { type CommitFacts, readPatch } from '../decisions/patch-trailers.ts';
import type { CutOutcome, Patch, Source } from '../workflows/types.ts';
import type { Git } from './clone.ts';

/** A commit with its version, a function of the commit alone: the same commit is the same build in every release. */
export function sourceOf(name: string, fork: ForkSettings, commit: string, patches: number): Source {
  const version = fork.version
    .replaceAll('{base}', fork.baseVersion ?? fork.base.replace(/^.*\//, ''))
    .replaceAll('{patches}', String(patches))
    .replaceAll('{shortCommit}', commit.slice(0, 10))
    .replaceAll('{commit}', commit);
  return { fork: name, commit, version };
}

export type Stack = { mergeBase: string; patches: Patch[] };

export async function readStack(git: Git, baseCommit: string, tip: string): Promise<Stack | { reasons: string[] }> {
  const found = await git.tryGit(['merge-base', baseCommit, tip]);
  const mergeBase = found.stdout.trim();
  if (found.exitCode !== 0)
    return { reasons: [`${tip.slice(0, 12)} and the base ${baseCommit.slice(0, 12)} share no history`] };
  const format = ['%H', '%P', '%an <%ae>', '%s', '%(trailers:only=true,unfold=true)'].join('%x00');
  const log = await git('log', '--reverse', '--topo-order', `--format=${format}%x01`, `${mergeBase}..${tip}`);
  const commits = log
    .split('\x01')
    .map((entry) => entry.replace(/^\n/, ''))
    .filter((entry) => entry !== '');
  if (commits.length === 0) return { reasons: ['the patch stack is empty: the branch holds nothing beyond its base'] };
  const read = commits.map((entry) => readPatch(commitFacts(entry)));
  const reasons = read.flatMap((result) => ('problems' in result ? result.problems : []));
  if (reasons.length > 0) return { reasons };
  return { mergeBase, patches: read.flatMap((result) => ('patch' in result ? [result.patch] : [])) };
}

function commitFacts(entry: string): CommitFacts {
  const [commit = '', parents = '', author = '', subject = '', trailers = ''] = entry.split('\0');
  return {
    commit,
    parents: parents.split(' ').filter((parent) => parent !== '').length,
    author,
    subject,
    trailers: trailers.split('\n').flatMap((line) => {
      const at = line.indexOf(':');
      return at > 0 ? [{ key: line.slice(0, at), value: line.slice(at + 1) }] : [];
    }),
  };
}

type Picking = { mergeBase: string; patches: Patch[]; baseCommit: string; tip: string; scratch: string };
type NotPicked = Exclude<CutOutcome, { kind: 'cut' }>;

/** Puts each patch on the base, in order. A patch is never dropped or skipped to get past it (design.md, *Cut*). */
export async function putOnBase(
  git: Git,
  pick: Picking,
): Promise<{ kind: 'cut'; commit: string; patches: Patch[] } | NotPicked> {
  if (pick.mergeBase === pick.baseCommit) return { kind: 'cut', commit: pick.tip, patches: pick.patches };
  const picked = await pickOnto(git, pick.baseCommit, pick.patches, pick.scratch);
  if (picked.kind !== 'cut') return picked;
  const patches = pick.patches.map((patch, i) => ({ ...patch, commit: picked.commits[i] ?? patch.commit }));
  return { kind: 'cut', commit: picked.commits.at(-1) ?? pick.baseCommit, patches };
}

/** Picks commits onto a base, in order. The committer is fixed, so that doing it twice gives the same commits. */
export async function pickOnto(
  git: Git,
  baseCommit: string,
  patches: readonly Pick<Patch, 'commit' | 'subject'>[],
  scratch: string,
): Promise<{ kind: 'cut'; commits: string[] } | NotPicked> {
  await git('worktree', 'prune');
  await rm(scratch, { recursive: true, force: true });
  await git('worktree', 'prune');
  await git('worktree', 'add', '--quiet', '--force', '--detach', scratch, baseCommit);
  const inTree = (...args: string[]) => git.tryGit(args, { cwd: scratch });
  try {
    const commits: string[] = [];
    for (const patch of patches) {
      const date = await git('show', '-s', '--format=%aI', patch.commit);
      const env = {
        GIT_COMMITTER_NAME: 'Patchwright',
        GIT_COMMITTER_EMAIL: 'patchwright@localhost',
        GIT_COMMITTER_DATE: date,
      };
      const picked = await git.tryGit(['cherry-pick', patch.commit], { cwd: scratch, env });
      if (picked.exitCode !== 0) return await explainPick(inTree, patch, picked.stderr);
      commits.push((await inTree('rev-parse', 'HEAD')).stdout.trim());
    }
    return { kind: 'cut', commits };
  } finally {
    await rm(scratch, { recursive: true, force: true });
    await git('worktree', 'prune');
  }
}

async function explainPick(
  inTree: (...args: string[]) => Promise<{ exitCode: number; stdout: string }>,
  patch: Pick<Patch, 'commit' | 'subject'>,
  stderr: string,
): Promise<NotPicked> {
  const where = { patch: patch.commit, subject: patch.subject };
  const files = (await inTree('diff', '--name-only', '--diff-filter=U')).stdout
    .split('\n')
    .filter((file) => file !== '');
  if (files.length > 0) {
    const reason = `patch ${patch.commit.slice(0, 12)} "${patch.subject}" does not apply on the base: conflict in ${files.join(', ')}`;
    return { kind: 'conflict', ...where, files, reasons: [reason] };
  }
  if ((await inTree('diff', '--cached', '--quiet')).exitCode === 0) {
    const reason = `patch ${patch.commit.slice(0, 12)} "${patch.subject}" is already in the base; drop it from the stack`;
    return { kind: 'empty-patch', ...where, reasons: [reason] };
  }
  throw new Error(`git cherry-pick ${patch.commit}: ${stderr.trim()}`);
}
