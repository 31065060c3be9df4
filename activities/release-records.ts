import type { ForkSettings, Settings } from '../config/schema.ts';
import type { Db } from '../store/database.ts';
import {
  beginStep,
  closeCandidate,
  closeRelease,
  endStep,
  recordCandidate,
  recordCandidateBuilds,
  recordCut,
  type SandboxUse,
} from '../store/releases.ts';
import { lastReleasedBut } from '../store/suite-verdicts.ts';
import type { Build, Digest, Patch, ReleaseOutcome, Source } from '../workflows/types.ts';
import { permanent } from './failures.ts';

export type RecordDeps = {
  db: Db;
  settings: (digest: Digest) => Promise<Settings>;
  /** Whether the programs of this fork will run in a sandbox here. */
  sandboxUse: (fork: ForkSettings) => SandboxUse;
};

/** What happened in a release, written to the store as it happens. All are safe to repeat. */
export function createRecordActivities({ db, settings, sandboxUse }: RecordDeps) {
  return {
    /** Ends one step and begins the next, so that the report says where each second went. */
    async enterStep({ release, leave, enter }: { release: string; leave?: string; enter?: string }): Promise<void> {
      if (leave !== undefined) await endStep(db, release, leave);
      if (enter !== undefined) await beginStep(db, release, enter);
    },

    /** `before`: how the candidate ended whose repair this one is. */
    async recordCandidateCut(cut: {
      release: string;
      n: number;
      settings: Digest;
      base: Source;
      candidate: Source;
      patches: Patch[];
      before?: ReleaseOutcome;
    }): Promise<void> {
      const { release, n, base, candidate, patches, before } = cut;
      if (before !== undefined) await closeCandidate(db, { release, n: n - 1, outcome: before });
      await recordCut(db, release, { baseCommit: base.commit, baseVersion: base.version, patches });
      const fork = (await settings(cut.settings)).forks[candidate.fork];
      if (fork === undefined) throw permanent('UnknownFork', `no fork "${candidate.fork}" is configured`);
      const sandbox = sandboxUse(fork);
      await recordCandidate(db, { release, n, commit: candidate.commit, version: candidate.version, sandbox });
    },

    async recordBuilt(built: { release: string; n: number; buildKey: string; baseBuildKey: string }): Promise<void> {
      await recordCandidateBuilds(db, built);
    },

    /** What could stand for a base that does not build. Reads only: safe to repeat. */
    async lastReleasedBuild(order: { fork: string; candidate: Digest }): Promise<Build | undefined> {
      return lastReleasedBut(db, order.fork, order.candidate);
    },

    /** Answers with what is recorded: a watch may have taken back what was just released. */
    async recordOutcome(ended: { release: string; outcome: ReleaseOutcome }): Promise<ReleaseOutcome> {
      return closeRelease(db, ended.release, ended.outcome);
    },
  };
}

export type RecordActivities = ReturnType<typeof createRecordActivities>;
