/**
 * A release's activities without git, builds, tests, nodes or traffic: what those write to the store, the ledger and
 * the journal is written, by the same statements in the same order; of the rest it is known that it went well at once.
 * Records, story and requests to environments are the real activities.
 */

import { createHash } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { type BuildActivities, digestOver } from '../../activities/build.ts';
import type { CheckActivities } from '../../activities/checks.ts';
import {
  createEnvironmentRequestActivities,
  type EnvironmentRequestActivities,
} from '../../activities/environment-request.ts';
import type { GitActivities } from '../../activities/git.ts';
import type { PublishActivities } from '../../activities/publish.ts';
import { createRecordActivities, type RecordActivities } from '../../activities/release-records.ts';
import type { ReversibilityActivities } from '../../activities/reversibility.ts';
import type { RolloutActivities } from '../../activities/rollout.ts';
import { createStoryActivities, type StoryActivities } from '../../activities/story.ts';
import type { Settings } from '../../config/schema.ts';
import { sourceOf } from '../../git/patch-stack.ts';
import { findBuild, recordBuild } from '../../store/builds.ts';
import type { Db } from '../../store/database.ts';
import { runEffect } from '../../store/journal.ts';
import type { Digest, Patch } from '../../workflows/types.ts';
import { noOpRollout } from './no-op-rollout.ts';

/** How large the release is: from the configuration and from what was recorded of a real one. */
export type Size = {
  patches: number;
  /** How many of them carry a check. */
  checks: number;
  /** Batches by suite. */
  batches: Record<string, number>;
  /** Nodes by environment. */
  targets: Record<string, string[]>;
};

export type NoOpDeps = {
  db: Db;
  client: Client;
  settings: (digest: Digest) => Promise<Settings>;
  size: Size;
};

/** Everything that a release asks of the queue of activities: one that is new is missed by the compiler. */
type NoOpActivities = RecordActivities &
  StoryActivities &
  EnvironmentRequestActivities &
  Omit<GitActivities, 'resolveBase' | 'cutPart' | 'takeNameBack'> &
  BuildActivities &
  CheckActivities &
  ReversibilityActivities &
  Pick<PublishActivities, 'publishes'> &
  RolloutActivities;

export function createNoOpActivities({ db, client, settings, size }: NoOpDeps): NoOpActivities {
  return {
    ...createRecordActivities({ db, settings, sandboxUse: () => ({ off: NOTHING_RUNS }) }),
    ...createStoryActivities({ db }),
    ...createEnvironmentRequestActivities({ temporal: client, db, settings }),
    ...noOpGit(db, settings, size),
    ...noOpBuild(db, settings),
    checkPatches: async () => [],
    judgeReversibility: async () => ({ kind: 'reversible' }),
    differenceSinceApproved: async () => [],
    publishes: async () => false,
    ...noOpRollout(db, settings, size.targets),
  };
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

function noOpGit(
  db: Db,
  settings: NoOpDeps['settings'],
  { patches, checks }: Size,
): Omit<GitActivities, 'resolveBase' | 'cutPart' | 'takeNameBack'> {
  return {
    async cutCandidate(order) {
      const fork = (await settings(order.settings)).forks[order.fork];
      if (!fork) throw new Error(`no fork ${order.fork}`);
      const commit = (n: number) => sha256(n === 0 ? order.fork : `${order.release} ${n}`).slice(0, 40);
      const source = (n: number) => sourceOf(order.fork, fork, commit(n), n);
      const stack = Array.from(
        { length: patches },
        (_, i): Patch => ({
          commit: commit(i + 1),
          subject: `Patch ${i + 1} of a release in which nothing is done`,
          author: 'ada@example.org',
          reason: 'measure what the orchestration costs',
          upstreamStatus: 'Inappropriate [benchmark]',
          dropWhen: 'nothing is measured any more',
          ...(i < checks && { check: 'true' }),
        }),
      );
      const prefixes = stack.map((_, i) => source(i + 1));
      return { kind: 'cut', base: source(0), candidate: source(patches), patches: stack, prefixes };
    },

    async pushRef({ key, release, ref, commit }) {
      const order = { key, kind: 'git-ref', release, intent: { ref, commit } };
      await runEffect(db, order, { readBack: async () => undefined, perform: async () => ({ commit }) });
    },
  };
}

const NOTHING_RUNS = 'nothing is built or tested';

function noOpBuild(db: Db, settings: NoOpDeps['settings']): BuildActivities {
  return {
    async buildSource({ fork, commit, version, ...order }) {
      const build = (await settings(order.settings)).forks[fork]?.build;
      if (!build) throw new Error(`no fork ${fork}`);
      const buildKey = sha256(`${fork} ${commit} ${version}`);
      const known = await findBuild(db, buildKey);
      if (known) return { kind: 'built', build: known, reused: true };
      const artifacts = build.artifacts.map(({ name }) => ({ name, sha256: sha256(`${name} ${commit}`), bytes: 1 }));
      const built = { fork, commit, version, digest: digestOver(artifacts), artifacts, buildKey };
      const { command } = build;
      const sandbox = { off: NOTHING_RUNS };
      await recordBuild(db, { ...built, command, toolchain: {}, seconds: 0, log: sha256(commit), sandbox });
      return { kind: 'built', build: built, reused: false };
    },
  };
}
