import type { EffectRecord } from '../store/journal.ts';
import type { SandboxUse } from '../store/releases.ts';
import type { Tone } from '../store/thread.ts';
import type { Rehearsed } from '../workflows/rehearsal-types.ts';
import type { Artifact, TestCounts, TrafficAccount, Verdict } from '../workflows/types.ts';

/**
 * The evidence of one release, as `report --json` prints it (design.md, *Interfaces that hold*): fields are
 * added, never changed. Times are ISO 8601 in UTC. What has not happened yet is null or an empty list, so
 * that a release that runs, was held early or was refused has the same shape as one that went through.
 */
export type Report = {
  release: string;
  fork: string;
  /** The base's version; null until it is cut. */
  base: string | null;
  baseCommit: string | null;
  ref: string;
  requestedBy: string;
  startedAt: string;
  endedAt: string | null;
  outcome: ReportOutcome | null;
  patches: ReportPatch[];
  candidates: ReportCandidate[];
  effects: EffectRecord[];
  approvals: { id: string; digest: string; decision: string; by: string }[];
  agent: {
    runs: number;
    running: number;
    turns: number;
    tokens: number;
    money: number;
    seconds: number;
    /** Tests that changes of agents add or touch: no proof of those changes. */
    tests: { run: string; path: string }[];
  };
  thread: { at: string; text: string; key: string; tone: Tone }[];
  /** Where the wall-clock time went; the values add up to the whole, `other` is what no step accounts for. */
  seconds: Record<string, number>;
};

/** `at` names the step or the environment; it is missing where all of it went through. */
export type ReportOutcome = { kind: string; at?: string; reasons: string[] };

export type ReportPatch = {
  commit: string;
  subject: string;
  author: string;
  reason: string;
  upstreamStatus: string;
  dropWhen: string;
  check?: string;
};

export type ReportCandidate = {
  n: number;
  commit: string;
  version: string;
  /** Null until it is built. */
  digest: string | null;
  sandbox: SandboxUse;
  artifacts: Artifact[];
  /** `log`: where it lies in the data folder's `artifacts/`, by its SHA-256. */
  build: { seconds: number; command: string[]; toolchain: Record<string, string>; log: string | null } | null;
  suites: ReportSuite[];
  rollouts: ReportRollout[];
  /** Whether going back was tried, to what, and how that ended; none where it was not. */
  rehearsals: Rehearsed[];
  outcome: ReportOutcome | null;
};

export type ReportSuite = {
  name: string;
  units: number;
  slots: number;
  seconds: number;
  /** Below this no schedule can be: everything spread evenly over the slots, or the longest unit alone. */
  boundSeconds: number;
  /** Bound ÷ seconds; null before anything ran. */
  efficiency: number | null;
  tests: TestCounts;
  /** Unit runs of the suite proper, and those of a unit that had already finished (must be 0). */
  executions: number;
  repeated: number;
  /** Of test processes, for verdicts; the search for culprits is counted apart. */
  rerunSeconds: number;
  culpritSeconds: number;
  /** What the release may spend on reruns, over all its suites; null before anything was judged. */
  rerunBudgetSeconds: number | null;
  verdicts: ReportVerdict[];
  problem?: string;
};

/** A verdict as the store has it (workflows/types.ts): counts of both arms, power, culprit, cost and evidence. */
export type ReportVerdict = Verdict;

export type ReportRollout = {
  environment: string;
  /** promoted, held, rolled-back, frozen or aborted; null while it runs. */
  outcome: string | null;
  reasons: string[];
  startedAt: string;
  endedAt: string | null;
  waves: {
    targets: string[];
    /** Why these go together. */
    why?: string;
    /** Where everything lies that the verdict was computed from: a digest in the artifact store. */
    record?: string;
    gate: { kind: string; reasons: string[]; figures: Record<string, unknown> } | null;
  }[];
  targets: ReportTarget[];
  rolledBack: ReportTarget[];
  traffic: TrafficAccount | null;
};

export type ReportTarget = {
  name: string;
  from: string;
  to: string;
  state: string;
  readBack: { artifacts: { name: string; sha256: string }[]; commit: string } | null;
  /** All of this target's change, and where its seconds went. */
  seconds: number;
  secondsBy: Record<string, number>;
  failure?: string;
};
