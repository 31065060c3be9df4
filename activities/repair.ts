import { join } from 'node:path';
import type { ForkSettings, Settings } from '../config/schema.ts';
import { changedLines } from '../decisions/approval-risk.ts';
import { changesTogether } from '../decisions/conflict-resolutions.ts';
import { conflictMarks, conflictPlaces } from '../decisions/repair.ts';
import { type Git, type GitTools, gitIn, withMirror } from '../git/clone.ts';
import { type Conflicted, foldFix, pickUntilConflict, remakePatch } from '../git/fix-stack.ts';
import { readStack, sourceOf } from '../git/patch-stack.ts';
import { plainTextSayingCut } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import type { ArtifactStore } from '../store/artifacts.ts';
import type { Proposal } from '../workflows/agent-types.ts';
import type { RepairPolicy } from '../workflows/repair-types.ts';
import type { Digest, Patch, Source } from '../workflows/types.ts';
import type { Review } from './agent/review.ts';
import { permanent } from './failures.ts';

export type RepairDeps = GitTools & {
  dataDir: string;
  artifacts: ArtifactStore;
  settings: (digest: Digest) => Promise<Settings>;
};

type About = { release: string; fork: string; settings: Digest };

/** What a repair does to a stack: in our own clone, so that nothing of it is an effect until it is pushed. */
export function createRepairActivities(deps: RepairDeps) {
  const mirrorOf = (fork: string) => join(deps.dataDir, 'git', `${fork}.git`);
  const scratchOf = (key: string) => join(deps.dataDir, 'git', `repair-${key.replace(/[^A-Za-z0-9-]/g, '-')}`);
  const inClone = <T>(fork: string, { repository }: ForkSettings, work: Parameters<typeof withMirror<T>>[3]) =>
    withMirror(deps, mirrorOf(fork), repository, work);

  return {
    /** What the fork's configuration allows. Reads only. */
    async repairPolicy({ fork, settings }: Pick<About, 'fork' | 'settings'>): Promise<RepairPolicy> {
      const found = await deps.settings(settings);
      const { policy, attempts, proveWhole } = (await forkOf(deps, { fork, settings })).repair;
      return { policy, attempts, proveWhole, model: found.model !== undefined };
    },

    /** Keeps a text beside a repair: a build's words, a conflict. Safe to repeat. */
    async keepText({ text }: { text: string }): Promise<Digest> {
      return (await deps.artifacts.put(text)).sha256;
    },

    /** Puts what was handed in into the guilty patch. Safe to repeat: the same change gives the same commits. */
    async foldRepair(
      order: About & {
        run: string;
        base: string;
        candidate: string;
        patches: Pick<Patch, 'commit' | 'subject'>[];
        into: string;
        tree: string;
        ref: string;
      },
    ): Promise<{ kind: 'folded'; source: Source } | { kind: 'refused'; reason: string }> {
      const fork = await forkOf(deps, order);
      return inClone(order.fork, fork, async (git) => {
        const trailer = `Repaired-By: patchwright ${order.run}`;
        const folded = await foldFix(git, { ...order, trailer, scratch: scratchOf(order.run) });
        if (folded.kind === 'refused') return folded;
        await git('update-ref', order.ref, folded.commit);
        return { kind: 'folded', source: sourceOf(order.fork, fork, folded.commit, order.patches.length) };
      });
    },

    /** The stack of a reference and the configured base, as a cut reads them. Reads only. */
    async readConflict(
      order: About & { ref: string },
    ): Promise<{ kind: 'read'; base: Source; patches: Patch[] } | { kind: 'refused'; reason: string }> {
      const fork = await forkOf(deps, order);
      return inClone(order.fork, fork, async (git) => {
        const base = await git.resolve(fork.base, 'base');
        const stack = await readStack(git, base, await git.resolve(order.ref, 'ref'));
        if ('reasons' in stack) return { kind: 'refused', reason: stack.reasons.join('; ') };
        return { kind: 'read', base: sourceOf(order.fork, fork, base, 0), patches: stack.patches };
      });
    },

    /** Puts patches on a commit until one conflicts. Safe to repeat. */
    async pickPatches(
      order: About & { key: string; onto: string; patches: Pick<Patch, 'commit' | 'subject'>[]; ref: string },
    ): Promise<
      | (Conflicted & { log: Digest; old: { base: string; patched: string } })
      | { kind: 'done'; source: Source }
      | { kind: 'refused'; reason: string }
    > {
      const fork = await forkOf(deps, order);
      return inClone(order.fork, fork, async (git) => {
        const picked = await pickUntilConflict(git, { ...order, scratch: scratchOf(order.key) });
        if (picked.kind === 'refused') return picked;
        await git('update-ref', order.ref, picked.commit);
        if (picked.kind === 'done') {
          return { kind: 'done', source: sourceOf(order.fork, fork, picked.commit, order.patches.length) };
        }
        const old = { base: await git('rev-parse', `${picked.patch}^`), patched: picked.patch };
        return { ...picked, old, log: (await deps.artifacts.put(await conflictText(git, picked))).sha256 };
      });
    },

    /**
     * A conflicting patch as it was resolved. Refused where marks are left or nothing of it is. `whole`: its change after
     * those of the patches that were resolved `before` it, for whoever reads all of them. `paths`: what it changes, so
     * that it is known by its files. Safe to repeat.
     */
    async resolvePatch(
      order: About & { run: string; onto: string; patch: string; tree: string; files: string[] } & Partial<{
          subject: string;
          before: { subject: string; change: Digest }[];
        }>,
    ): Promise<
      | { kind: 'resolved'; commit: string; change: Digest; paths: string[]; whole?: Digest }
      | { kind: 'refused'; reason: string }
    > {
      const git = gitIn(deps, mirrorOf(order.fork));
      if ((await git('rev-parse', `${order.onto}^{tree}`)) === order.tree) {
        return { kind: 'refused', reason: 'nothing of the patch is left: a patch is never dropped' };
      }
      for (const file of order.files) {
        const { stdout, exitCode } = await git.tryGit(['cat-file', 'blob', `${order.tree}:${file}`]);
        const mark = exitCode === 0 ? conflictMarks(stdout) : undefined;
        if (mark !== undefined) return { kind: 'refused', reason: `${file} still has the mark ${mark}` };
      }
      const trailer = `Repaired-By: patchwright ${order.run}`;
      const { patch, tree, onto: parent } = order;
      const commit = await remakePatch(git, { patch, tree, parent, trailer });
      const options = ['-p', '--binary', '--full-index', '--no-ext-diff', '--no-textconv', '--no-renames'];
      const change = await git('diff-tree', ...options, parent, commit);
      const { sha256 } = await deps.artifacts.put(`${change}\n`);
      const paths = await pathsOf(git, parent, commit);
      const resolved = { kind: 'resolved', commit, change: sha256, paths: paths.slice(0, MOST_PATHS) } as const;
      const { subject = patch, before = [] } = order;
      if (before.length === 0) return resolved;
      const earlier = before.map(async (one) => ({
        ...{ subject: one.subject, change: (await deps.artifacts.read(one.change)).toString('utf8') },
      }));
      const all = changesTogether([...(await Promise.all(earlier)), { subject, change }]);
      return { ...resolved, whole: (await deps.artifacts.put(all)).sha256 };
    },

    /** The files that a stack touches, as JSON in the artifact store: there may be many. Safe to repeat. */
    async touchedPaths(order: About & { base: string; commit: string }): Promise<Digest> {
      const git = gitIn(deps, mirrorOf(order.fork));
      const paths = await pathsOf(git, order.base, order.commit);
      return (await deps.artifacts.put(JSON.stringify(paths))).sha256;
    },

    /** What an agent handed in. Reads only. */
    async readProposal({ answer }: { answer: Digest }): Promise<Proposal> {
      return JSON.parse((await deps.artifacts.read(answer)).toString('utf8')) as Proposal;
    },

    /** What a reviewer found. Reads only. */
    async readReview({ answer }: { answer: Digest }): Promise<Review> {
      return JSON.parse((await deps.artifacts.read(answer)).toString('utf8'));
    },

    /** A change and all that is known of it, for whoever decides: a short form, and the whole. Safe to repeat. */
    async describeRepair(order: {
      patch: Digest;
      facts: string[];
    }): Promise<{ summary: string; details: Digest; changed?: number }> {
      const patch = (await deps.artifacts.read(order.patch)).toString('utf8');
      const facts = plainTextSayingCut(redact(order.facts.join('\n')), 1_600);
      const details = (await deps.artifacts.put(`${redact(order.facts.join('\n'))}\n\n${patch}`)).sha256;
      const summary = `${facts}\n${plainTextSayingCut(redact(patch), 1_300)}`;
      return { summary, details, changed: changedLines(patch) };
    },
  };
}

export type RepairActivities = ReturnType<typeof createRepairActivities>;

/** A payload stays small; a patch of more files is named by its subject. */
const MOST_PATHS = 100;

async function pathsOf(git: Git, from: string, to: string): Promise<string[]> {
  const names = await git('diff-tree', '-r', '-z', '--name-only', '--no-renames', from, to);
  return names.split('\0').filter((path) => path !== '');
}

/** What git left: each place that conflicts, with its marks. */
async function conflictText(git: Git, { commit, subject, files }: Conflicted): Promise<string> {
  const places: string[] = [];
  for (const file of files) {
    const { stdout, exitCode } = await git.tryGit(['cat-file', 'blob', `${commit}:${file}`]);
    const found = exitCode === 0 ? conflictPlaces(file, stdout) : [];
    places.push(...(found.length > 0 ? found : [`${file}: it has no marks, since one side deleted or moved it`]));
  }
  return [`"${subject}" conflicts in ${files.join(', ')}.`, ...places].join('\n\n');
}

async function forkOf(deps: RepairDeps, order: { fork: string; settings: Digest }): Promise<ForkSettings> {
  const fork = (await deps.settings(order.settings)).forks[order.fork];
  if (fork === undefined) throw permanent('UnknownFork', `no fork "${order.fork}" is configured`);
  return fork;
}
