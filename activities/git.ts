import { join } from 'node:path';
import type { ForkSettings, Settings } from '../config/schema.ts';
import { type Git, type GitTools, gitIn, UnknownRef, withMirror } from '../git/clone.ts';
import { pickOnto, putOnBase, readStack, sourceOf } from '../git/patch-stack.ts';
import { remoteRefs } from '../git/released-names.ts';
import type { Db } from '../store/database.ts';
import { runEffect } from '../store/journal.ts';
import { newerNamed, takenBack } from '../store/standing-releases.ts';
import type { CutOutcome, Digest, Patch, Source } from '../workflows/types.ts';
import { whyNotApproved } from './approvals.ts';
import { permanent } from './failures.ts';
import { type NameTakenBack, type TakenBack, takeNameBack } from './git-take-back.ts';

export type GitDeps = GitTools & {
  db: Db;
  dataDir: string;
  settings: (digest: Digest) => Promise<Settings>;
};

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
      /** Instead of the configured base. */
      base?: string;
      settings: Digest;
      release: string;
      n: number;
    }): Promise<CutOutcome> {
      const fork = await forkOf(deps, order);
      return inMirror(deps, mirrorOf(order.fork), fork.repository, async (git) => {
        const baseCommit = await git.resolve(order.base ?? fork.base, 'base');
        await fetchOurs(git, fork.repository, order.ref);
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

    /**
     * Some patches of a stack on its base, for the search for a culprit: a commit that never becomes a candidate.
     * Safe to repeat: the same patches give the same commit. Patches that do not fit without the others are an answer.
     */
    async cutPart(order: {
      fork: string;
      settings: Digest;
      /** Names the scratch folder and the reference that keeps the commit. */
      key: string;
      base: string;
      patches: Pick<Patch, 'commit' | 'subject'>[];
    }): Promise<{ kind: 'cut'; source: Source } | { kind: 'conflict'; reasons: string[] }> {
      const fork = await forkOf(deps, order);
      const name = order.key.replace(/[^A-Za-z0-9-]/g, '-');
      return inMirror(deps, mirrorOf(order.fork), fork.repository, async (git) => {
        const picked = await pickOnto(git, order.base, order.patches, join(deps.dataDir, 'git', `part-${name}`));
        if (picked.kind !== 'cut') return { kind: 'conflict', reasons: picked.reasons };
        const commit = picked.commits.at(-1) ?? order.base;
        await git('update-ref', `refs/patchwright/part/${name}`, commit);
        return { kind: 'cut', source: sourceOf(order.fork, fork, commit, order.patches.length) };
      });
    },

    /** The configured base of a fork, as it stands now: what an environment starts with. */
    async resolveBase(order: { fork: string; settings: Digest }): Promise<Source> {
      const fork = await forkOf(deps, order);
      return inMirror(deps, mirrorOf(order.fork), fork.repository, async (git) => {
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
      /**
       * Not where a newer release of the fork has it: one that ends late takes nothing back. Nor where a watch took this
       * one back before it was named.
       */
      unlessNewer?: boolean;
      /** What people had to approve: looked at once more right before the push. */
      approved?: { id: string; binds: Record<string, string> };
    }): Promise<void> {
      const fork = await forkOf(deps, order);
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
            await requireApproval(deps, order);
            if (order.unlessNewer) return pushUnlessNewer(deps, order, fork.repository, mirrorOf(order.fork));
            await git('push', '--quiet', '--force', '--', repository, `${order.commit}:${order.ref}`);
            return { commit: order.commit };
          },
        },
      );
    },

    /** What a watch took back is released no more (git-take-back.ts). Journaled; safe to repeat. */
    takeNameBack: (order: TakenBack): Promise<NameTakenBack> => takeNameBack(deps, mirrorOf(order.fork), order),
  };
}

async function pushUnlessNewer(
  deps: GitDeps,
  { fork, release, ref, commit }: { fork: string; release: string; ref: string; commit: string },
  repository: string,
  dir: string,
): Promise<{ commit: string | undefined }> {
  const remote = remoteRefs({ ...deps, dir, repository });
  const seen = await remote.read(ref);
  if (await takenBack(deps.db, release)) return { commit: seen };
  if (seen !== undefined && (await newerNamed(deps.db, fork, release))) return { commit: seen };
  await remote.move(ref, { seen, to: commit });
  return { commit };
}

export type GitActivities = ReturnType<typeof createGitActivities>;

async function forkOf(deps: GitDeps, order: { fork: string; settings: Digest }): Promise<ForkSettings> {
  const fork = (await deps.settings(order.settings)).forks[order.fork];
  if (fork === undefined) throw permanent('UnknownFork', `no fork "${order.fork}" is configured`);
  return fork;
}

/** A repaired stack lies beside the branches; another host may have pushed it. */
async function fetchOurs(git: Git, repository: string, ref: string): Promise<void> {
  if (/^refs\/patchwright\/[A-Za-z0-9./-]+$/.test(ref))
    await git('fetch', '--quiet', '--force', '--no-tags', '--', repository, `+${ref}:${ref}`);
}

/** @throws a permanent failure where what is about to be pushed is not what was approved, or not any more. */
async function requireApproval(
  { db, settings }: GitDeps,
  order: { key: string; settings: Digest; approved?: { id: string; binds: Record<string, string> } },
): Promise<void> {
  if (order.approved === undefined) return;
  const use = { ...order.approved, settings: await settings(order.settings), use: order.key };
  const reason = await whyNotApproved(db, use);
  if (reason !== undefined) throw permanent('NotApproved', reason);
}

const inMirror: typeof withMirror = async (...args) => {
  try {
    return await withMirror(...args);
  } catch (error) {
    if (error instanceof UnknownRef) throw permanent('UnknownRef', error.message);
    throw error;
  }
};
