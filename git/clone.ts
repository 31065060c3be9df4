import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withLock } from '../lib/lock.ts';
import type { RunCommand } from '../lib/run.ts';
import { refuseWorkspaces } from './not-theirs.ts';

/** A ref that is not in the repository: no retry changes it, a person must. */
export class UnknownRef extends Error {
  override name = 'UnknownRef';
}

export type GitTools = {
  run: RunCommand;
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

/** How git is started by us, whoever starts it. */
export function hardened({ environment }: Pick<GitTools, 'environment'>, args: readonly string[]) {
  return {
    args: [...HARDENED.flatMap((setting) => ['-c', setting]), ...args],
    env: { ...environment, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' },
  };
}

/** Runs git in one of our own bare clones; a failure carries git's own words. */
export function gitIn(deps: GitTools, mirror: string) {
  const tryGit = async (args: readonly string[], options: GitOptions = {}) => {
    const git = hardened(deps, args);
    refuseWorkspaces(mirror, options.cwd ?? mirror);
    return deps.run('git', git.args, {
      cwd: options.cwd ?? mirror,
      env: { ...git.env, ...options.env },
      timeoutMs: options.timeoutMs ?? 15 * 60_000,
      maxBytes: options.maxBytes ?? 256 << 20,
    });
  };
  const git = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await tryGit(args);
    if (exitCode !== 0) throw new Error(`git ${args[0]}: ${stderr.trim() || `exit ${exitCode}`}`);
    return stdout.trim();
  };
  return Object.assign(git, { tryGit, resolve: (ref: string, what: string) => resolveRef(tryGit, ref, what) });
}

export type Git = ReturnType<typeof gitIn>;
type GitOptions = { cwd?: string; env?: Record<string, string>; maxBytes?: number; timeoutMs?: number };

async function resolveRef(tryGit: Git['tryGit'], ref: string, what: string): Promise<string> {
  if (ref.startsWith('-')) throw new UnknownRef(`"${ref}" cannot be a ${what}`);
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
  throw new UnknownRef(`the fork's repository has no branch, tag or commit "${ref}" (${what})`);
}

/**
 * The commit that a branch or tag of a repository names now, or a whole commit id itself; undefined where it cannot be
 * told. Nothing is cloned. The first that answers is what a cut would take.
 */
export async function tipOf(tools: GitTools, repository: string, ref: string): Promise<string | undefined> {
  if (/^[0-9a-f]{40}$/.test(ref)) return ref;
  if (ref.startsWith('-')) return undefined;
  const names = [ref, `refs/heads/${ref}`, `refs/tags/${ref}`];
  // A tag with words of its own is an object of its own: `^{}` is what it stands on.
  const patterns = names.flatMap((name) => [name, `${name}^{}`]);
  // In no repository of anybody's: its settings would count.
  const git = gitIn(tools, '/');
  const { exitCode, stdout } = await git.tryGit(['ls-remote', '--', repository, ...patterns], { timeoutMs: 30_000 });
  if (exitCode !== 0) return undefined;
  const found = new Map(stdout.split('\n').map((line) => line.split('\t').reverse() as [string, string]));
  return names.map((name) => found.get(`${name}^{}`) ?? found.get(name)).find((commit) => commit !== undefined);
}

/** Brings our bare clone up to date and works in it; one at a time, since two fetches would fight over its locks. */
export async function withMirror<T>(
  deps: GitTools,
  mirror: string,
  repository: string,
  work: (git: Git) => Promise<T>,
): Promise<T> {
  mkdirSync(dirname(mirror), { recursive: true });
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

/** What we push into a fork's repository: candidates, by release. */
const OUR_REFS = '+refs/patchwright/*:refs/patchwright/*';

/** Brings a commit into our clone on a host that has not cut it itself. At once where it is there. */
export async function ensureCommit(tools: GitTools, mirror: string, repository: string, commit: string): Promise<void> {
  const has = async (git: Git) => (await git.tryGit(['cat-file', '-e', `${commit}^{commit}`])).exitCode === 0;
  if (existsSync(join(mirror, 'HEAD')) && (await has(gitIn(tools, mirror)))) return;
  await withMirror(tools, mirror, repository, async (git) => {
    if (await has(git)) return;
    await git('fetch', '--quiet', '--force', '--no-tags', '--', repository, OUR_REFS);
    if (!(await has(git))) throw new Error(`the fork's repository has no commit ${commit}: was its reference deleted?`);
  });
}

/** The same for whoever asks again and again: a commit that was found stays, as long as the clone does. */
export function commitEnsurer(tools: GitTools) {
  const found = new Set<string>();
  return async (mirror: string, repository: string, commit: string): Promise<void> => {
    const name = `${mirror}\0${commit}`;
    if (found.has(name) && existsSync(join(mirror, 'HEAD'))) return;
    await ensureCommit(tools, mirror, repository, commit);
    found.add(name);
  };
}

/** A commit's files and nothing else: no .git, nothing of an earlier checkout. `dir` must not exist or be empty. */
export async function checkoutFiles(tools: GitTools, mirror: string, commit: string, dir: string): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const git = gitIn(tools, mirror);
  const index = `${dir}.index`;
  try {
    const steps = [
      ['read-tree', commit],
      ['checkout-index', '--all', '--force'],
    ];
    for (const args of steps) {
      const { exitCode, stderr } = await git.tryGit(args, {
        cwd: dir,
        env: { GIT_DIR: mirror, GIT_WORK_TREE: dir, GIT_INDEX_FILE: index },
      });
      if (exitCode !== 0) throw new Error(`git ${args[0]}: ${stderr.trim()}`);
    }
  } finally {
    await rm(index, { force: true });
  }
}
