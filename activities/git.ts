import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ForkSettings, Settings } from '../config/schema.ts';
import { type CommitFacts, readPatch } from '../decisions/patch-trailers.ts';
import { withLock } from '../lib/lock.ts';
import type { RunCommand } from '../lib/run.ts';
import type { Db } from '../store/database.ts';
import { runEffect } from '../store/journal.ts';
import type { CutOutcome, Digest, Patch, Source } from '../workflows/types.ts';
import { permanent } from './failures.ts';

export type GitDeps = {
  run: RunCommand;
  db: Db;
  dataDir: string;
  settings: (digest: Digest) => Promise<Settings>;
  /** The variables git may see: PATH, HOME and what its own transports need. */
  environment: Record<string, string>;
};

/**
 * Nothing of a repository's own configuration, hooks or exotic transports ever runs (trust.md, *Sandbox*).
 * Our clones are bare and written by nobody else.
 */
const HARDENED = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'protocol.ext.allow=never',
  'gc.auto=0',
  'core.attributesFile=/dev/null',
];

export function createGitActivities(deps: GitDeps) {
  const mirrorOf = (fork: string) => join(deps.dataDir, 'git', `${fork}.git`);

  return {
    /**
     * Fetches the fork, reads the patch stack and puts it on the configured base.
     * Safe to repeat: the same base and stack give the same commits, whatever a crash left behind.
     */
    async cutCandidate(order: {
      fork: string;
      ref: string;
      settings: Digest;
      release: string;
      n: number;
    }): Promise<CutOutcome> {
      const fork = (await deps.settings(order.settings)).forks[order.fork];
      if (fork === undefined) throw permanent('UnknownFork', `no fork "${order.fork}" is configured`);
      return withMirror(deps, mirrorOf(order.fork), fork.repository, async (git) => {
        const baseCommit = await git.resolve(fork.base, 'base');
        const tip = await git.resolve(order.ref, 'ref');
        const stack = await readStack(git, baseCommit, tip);
        if ('reasons' in stack) return { kind: 'refused', reasons: stack.reasons };

        const picked = await putOnBase(git, {
          ...stack,
          baseCommit,
          tip,
          scratch: join(deps.dataDir, 'git', `${order.release}-${order.n}`),
        });
        if (picked.kind !== 'cut') return picked;
        const source = (commit: string, patches: number) => sourceOf(order.fork, fork, commit, patches);
        const prefixes = picked.patches.map((patch, i) => source(patch.commit, i + 1));
        // Kept by a reference of ours: a fork that is force-pushed in the middle takes nothing away.
        await git('update-ref', `refs/patchwright/${order.release}/${order.n}`, picked.commit);
        await git('update-ref', `refs/patchwright/${order.release}/base`, baseCommit);
        return {
          kind: 'cut',
          base: source(baseCommit, 0),
          candidate: source(picked.commit, picked.patches.length),
          patches: picked.patches,
          prefixes,
        };
      });
    },

    /** The configured base of a fork, as it stands now: what an environment starts with. */
    async resolveBase(order: { fork: string; settings: Digest }): Promise<Source> {
      const fork = (await deps.settings(order.settings)).forks[order.fork];
      if (fork === undefined) throw permanent('UnknownFork', `no fork "${order.fork}" is configured`);
      return withMirror(deps, mirrorOf(order.fork), fork.repository, async (git) => {
        const commit = await git.resolve(fork.base, 'base');
        await git('update-ref', `refs/patchwright/base/${commit}`, commit);
        return sourceOf(order.fork, fork, commit, 0);
      });
    },

    /**
     * Points a reference of ours in the fork's repository at a commit. Journaled; a retry reads the
     * repository before it pushes again.
     */
    async pushRef(order: {
      key: string;
      release: string;
      fork: string;
      settings: Digest;
      ref: string;
      commit: string;
    }): Promise<void> {
      const fork = (await deps.settings(order.settings)).forks[order.fork];
      if (fork === undefined) throw permanent('UnknownFork', `no fork "${order.fork}" is configured`);
      if (!/^refs\/(patchwright|tags)\/[A-Za-z0-9._/-]+$/.test(order.ref)) {
        throw permanent('BadConfiguration', `${order.ref} is not a reference that Patchwright writes`);
      }
      const git = gitIn(deps, mirrorOf(order.fork));
      const { repository } = fork;
      await runEffect(
        deps.db,
        { key: order.key, kind: 'git-ref', release: order.release, intent: { ref: order.ref, commit: order.commit } },
        {
          readBack: async () => {
            const listed = await git('ls-remote', '--', repository, order.ref);
            return listed.split(/\s/)[0] === order.commit ? { commit: order.commit } : undefined;
          },
          perform: async () => {
            await git('push', '--quiet', '--force', '--', repository, `${order.commit}:${order.ref}`);
            return { commit: order.commit };
          },
        },
      );
    },
  };
}

export type GitActivities = ReturnType<typeof createGitActivities>;

/** Runs git in one of our own bare clones; a failure carries git's own words. */
export function gitIn(deps: Pick<GitDeps, 'run' | 'environment'>, mirror: string) {
  const tryGit = (args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}) =>
    deps.run('git', [...HARDENED.flatMap((setting) => ['-c', setting]), ...args], {
      cwd: options.cwd ?? mirror,
      env: { ...deps.environment, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C', ...options.env },
      timeoutMs: 15 * 60_000,
      maxBytes: 256 << 20,
    });
  const git = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await tryGit(args);
    if (exitCode !== 0) throw new Error(`git ${args[0]}: ${stderr.trim() || `exit ${exitCode}`}`);
    return stdout.trim();
  };
  return Object.assign(git, { tryGit, resolve: (ref: string, what: string) => resolveRef(tryGit, ref, what) });
}

type Git = ReturnType<typeof gitIn>;

async function resolveRef(tryGit: Git['tryGit'], ref: string, what: string): Promise<string> {
  if (ref.startsWith('-')) throw permanent('UnknownRef', `"${ref}" cannot be a ${what}`);
  for (const name of [ref, `refs/heads/${ref}`, `refs/tags/${ref}`]) {
    const { exitCode, stdout } = await tryGit([
      'rev-parse',
      '--verify',
      '--quiet',
      '--end-of-options',
      `${name}^{commit}`,
    ]);
    if (exitCode === 0) return stdout.trim();
  }
  throw permanent('UnknownRef', `the fork's repository has no branch, tag or commit "${ref}" (${what})`);
}

/** Brings our bare clone up to date and works in it; one at a time, since two fetches would fight over its locks. */
async function withMirror<T>(
  deps: GitDeps,
  mirror: string,
  repository: string,
  work: (git: Git) => Promise<T>,
): Promise<T> {
  mkdirSync(join(deps.dataDir, 'git'), { recursive: true });
  return withLock(`${mirror}.lock`, { purpose: 'use the clone of the fork', waitMs: 10 * 60_000 }, async () => {
    const git = gitIn(deps, mirror);
    if (!existsSync(join(mirror, 'HEAD'))) {
      await rm(mirror, { recursive: true, force: true });
      mkdirSync(mirror, { recursive: true });
      await git('init', '--quiet', '--bare', '.');
    }
    const { exitCode, stderr } = await git.tryGit([
      'fetch',
      '--quiet',
      '--force',
      '--prune',
      '--no-tags',
      '--',
      repository,
      '+refs/heads/*:refs/heads/*',
      '+refs/tags/*:refs/tags/*',
    ]);
    if (exitCode !== 0) throw new Error(`the fork's repository ${repository} cannot be read: ${stderr.trim()}`);
    return work(git);
  });
}

/** A commit with its version, a function of the commit alone: the same commit is the same build in every release. */
function sourceOf(name: string, fork: ForkSettings, commit: string, patches: number): Source {
  const version = fork.version
    .replaceAll('{base}', fork.baseVersion ?? fork.base.replace(/^.*\//, ''))
    .replaceAll('{patches}', String(patches))
    .replaceAll('{shortCommit}', commit.slice(0, 10))
    .replaceAll('{commit}', commit);
  return { fork: name, commit, version };
}

type Stack = { mergeBase: string; patches: Patch[] };

async function readStack(git: Git, baseCommit: string, tip: string): Promise<Stack | { reasons: string[] }> {
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

/** Puts each patch on the base, in order. A patch is never dropped or skipped to get past it (design.md, *Cut*). */
async function putOnBase(
  git: Git,
  pick: Picking,
): Promise<{ kind: 'cut'; commit: string; patches: Patch[] } | Exclude<CutOutcome, { kind: 'cut' }>> {
  if (pick.mergeBase === pick.baseCommit) return { kind: 'cut', commit: pick.tip, patches: pick.patches };
  await git('worktree', 'prune');
  await rm(pick.scratch, { recursive: true, force: true });
  await git('worktree', 'prune');
  await git('worktree', 'add', '--quiet', '--force', '--detach', pick.scratch, pick.baseCommit);
  const inTree = (...args: string[]) => git.tryGit(args, { cwd: pick.scratch });
  try {
    const patches: Patch[] = [];
    for (const patch of pick.patches) {
      // The committer is fixed, so that cutting twice gives the same commits.
      const date = await git('show', '-s', '--format=%aI', patch.commit);
      const env = {
        GIT_COMMITTER_NAME: 'Patchwright',
        GIT_COMMITTER_EMAIL: 'patchwright@localhost',
        GIT_COMMITTER_DATE: date,
      };
      const picked = await git.tryGit(['cherry-pick', patch.commit], { cwd: pick.scratch, env });
      if (picked.exitCode !== 0) return await explainPick(inTree, patch, picked.stderr);
      patches.push({ ...patch, commit: (await inTree('rev-parse', 'HEAD')).stdout.trim() });
    }
    return { kind: 'cut', commit: patches.at(-1)?.commit ?? pick.baseCommit, patches };
  } finally {
    await rm(pick.scratch, { recursive: true, force: true });
    await git('worktree', 'prune');
  }
}

async function explainPick(
  inTree: (...args: string[]) => Promise<{ exitCode: number; stdout: string }>,
  patch: Patch,
  stderr: string,
): Promise<Exclude<CutOutcome, { kind: 'cut' }>> {
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
