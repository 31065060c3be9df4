/**
 * The shared nouns. This file imports nothing and nothing here runs: payloads are pointers, counts and
 * words, since everything that is passed is kept in a history (design.md, *Layout*).
 */

/** SHA-256 of some bytes, in lower-case hexadecimal. */
export type Digest = string;

/** A file that a build made, named by the digest of its bytes. */
export type Artifact = { name: string; sha256: Digest; bytes: number };

/** One commit of the patch stack, with the trailers that explain it. */
export type Patch = {
  commit: string;
  subject: string;
  author: string;
  reason: string;
  upstreamStatus: string;
  dropWhen: string;
  check?: string;
};

/** What a build starts from: one commit of one fork and the version it is to carry. */
export type Source = { fork: string; commit: string; version: string };

/** A built source. `digest` = SHA-256 over the sorted list of artifact names and their SHA-256. */
export type Build = Source & { digest: Digest; artifacts: Artifact[]; buildKey: string };

/** The nth attempt of a release; a repaired candidate is the next one of the same release. */
export type Candidate = Build & { n: number };

/** What starts a release. `number` is given by the store, so that ids are short and never used twice. */
export type ReleaseOrder = {
  release: string;
  fork: string;
  ref: string;
  requestedBy: string;
  suites: string[];
  environments: string[];
  expedite: boolean;
};

export type ReleaseOutcome =
  | { kind: 'released' }
  | { kind: 'held'; at: string; reasons: string[] }
  | { kind: 'rolled-back'; at: string; reasons: string[] }
  | { kind: 'frozen'; at: string; reasons: string[] }
  | { kind: 'refused'; at: string; reasons: string[] }
  | { kind: 'superseded'; at: string; reasons: string[] }
  | { kind: 'aborted'; at: string; reasons: string[] }
  | { kind: 'failed'; at: string; reasons: string[] };

export type CutOutcome =
  | {
      kind: 'cut';
      base: Source;
      candidate: Source;
      patches: Patch[];
      /** What stands after each patch, oldest first; the last is the candidate. A culprit search builds these. */
      prefixes: Source[];
    }
  | { kind: 'refused'; reasons: string[] }
  | { kind: 'conflict'; patch: string; subject: string; files: string[]; reasons: string[] }
  | { kind: 'empty-patch'; patch: string; subject: string; reasons: string[] };

export type BuildOutcome =
  | { kind: 'built'; build: Build; reused: boolean }
  /** `log`: the whole of what the build said; nothing where it ended with an older version. */
  | { kind: 'broken'; reasons: string[]; log?: Digest };

/** The last released candidate, which is compared with where the base does not build; `reason`: why that does not. */
export type StandIn = { version: string; commit: string; reason: string };

/** Which side of a comparison a run belongs to; both differ only in the patches. */
export type Arm = 'candidate' | 'base';

/** How one test ended in one execution. */
export type TestStatus = 'passed' | 'failed' | 'skipped';

export type TestCounts = { passed: number; failed: number; skipped: number };

/**
 * Tests that only use what a change has touched: how many, of how many classes, some of these by name. `untold`: why that
 * cannot be told; then all of a suite are.
 */
export type TestsApart = { using: number; classes: number; named: string[]; untold?: string };

/** Pass and fail counts of one test on one arm: the evidence of a verdict. */
export type RunCounts = { pass: number; fail: number };

export type VerdictKind =
  | 'regression'
  | 'destabilised'
  | 'flaky'
  | 'pre-existing'
  | 'infrastructure'
  | 'untestable'
  | 'undecided';

/** A test that is known to be bad: it runs and is reported, and does not gate while the entry holds (until that day's end). */
export type Quarantine = { ticket: string; until: string; expired?: boolean };

/** People let a verdict through that holds a release: under which approval, and who. */
export type Waiver = { approval: string; by: string[] };

export type Verdict = {
  unit: string;
  test: string;
  kind: VerdictKind;
  candidate: RunCounts;
  base: RunCounts;
  /** The first line of the failure, redacted and cut to 300 characters. */
  message: string;
  /** The patch that did it, oldest first where there are several that do it together (or cannot be told apart). */
  culprit?: string[];
  /** How the culprit is known, or why there is none: a sentence. */
  culpritReason?: string;
  /** It passes alone and fails in the order and process of its batch: the counts are those of the batch. */
  orderDependent?: boolean;
  /** It was counted after so many units that ran just before it, and not after all of them. */
  countedAfter?: number;
  power?: number;
  /** Why: a sentence with the counts. */
  reason?: string;
  /** What the message looked like; it decided the first step alone. */
  signature?: string;
  /** The test of the same cause whose counts these are: this one was not run again. */
  representative?: string;
  /** Counted instead of new runs: failures on the very same base build, in this suite run of an earlier release. */
  remembered?: { failures: number; suiteRun: string };
  /** What stood for the base, which lacks the test or does not build: a version. */
  against?: string;
  /** Why the base does not build, where that is why something stood for it. */
  baseBroken?: string;
  /** It never ran again, on any host: somebody must look at the machines. */
  human?: boolean;
  /** Seconds of test processes. */
  cost?: { rerunSeconds: number; culpritSeconds: number };
  /** What the failing log says and the base's logs do not: a digest in the artifact store. */
  logDifference?: string;
  /** The entry of the configuration that this test falls under; one that has ended gates again. */
  quarantine?: Quarantine;
  /** It did not hold its release, since people said so. */
  waiver?: Waiver;
  /** Where the log and the runs lie: a digest in the artifact store, or the suite run's id. */
  evidence: string;
};

export type SuiteOutcome = {
  suite: string;
  suiteRun: string;
  units: number;
  slots: number;
  seconds: number;
  boundSeconds: number;
  tests: TestCounts;
  /** Of these the tests that lie in files which a proven change has touched, or use such a file: no proof of it. */
  touched?: TestCounts;
  apart?: TestsApart;
  executions: number;
  repeated: number;
  /** Of test processes, for verdicts; the search for culprits is counted apart. */
  rerunSeconds: number;
  culpritSeconds?: number;
  /** All failures by what they were judged to be. */
  verdicts?: Partial<Record<VerdictKind, number>>;
  /** The verdicts that hold a release; the store has them all. */
  holding: Verdict[];
  /** How many would, were they not in quarantine. */
  quarantined?: number;
  /** Why the run itself cannot count, e.g. that nothing was executed. */
  problem?: string;
  /** True where the machines are why: what was to be run never ran, on any host. */
  machines?: boolean;
};

export type RolloutOutcome =
  | { kind: 'promoted' }
  | { kind: 'held'; reasons: string[] }
  | { kind: 'rolled-back'; reasons: string[] }
  | { kind: 'frozen'; reasons: string[] }
  | { kind: 'aborted'; reasons: string[] }
  /** It never started: a newer candidate came first. */
  | { kind: 'superseded'; reasons: string[] };

/** One candidate on its way through one environment. */
export type RolloutOrder = {
  rollout: string;
  release: string;
  candidateNumber: number;
  environment: string;
  candidate: Build;
  requestedBy: string;
  /** The old artifact may not read what this one writes. `approval`: where people had to be asked, by its id. */
  oneWay?: { reasons: string[]; approval?: string };
};

/** A gate or a rule: pass, or no with reasons a person can act on. */
export type GateVerdict =
  | { kind: 'pass' }
  | { kind: 'fail'; reasons: string[] }
  | { kind: 'inconclusive'; reasons: string[] };

/** A rule's answer about a cluster. A block names the rule, the thing and the numbers, and how to waive it. */
export type RuleFinding = { rule: string; reason: string };

/** What one target's change left behind, read back from its disk and its running process. */
export type ReadBack = { artifacts: { name: string; sha256: Digest }[]; commit: string };

export type TrafficAccount = {
  acknowledged: number;
  read: number;
  lost: number;
  offsetsMovedBack: number;
  longestUnwritableMs: number;
  stuckConsumers: number;
};

/** Somebody has to look, now. `id`: of the roll-out; `about`: the environment. */
export type PageOrder = { id: string; release: string; about: string; summary: string; settings: Digest };

/** A feature level that is raised for good. `rollout`: the one that was promoted; `approval`: the id of the question. */
export type FinaliseOrder = {
  environment: string;
  rollout: string;
  /** Of `metadata.version`, by its name: 3.6-IV2. */
  level: string;
  settings: Digest;
  by: string;
  approval: string;
};

export type FinaliseOutcome =
  | { kind: 'finalised'; release: string; level: string }
  | { kind: 'refused'; release: string; reasons: string[] };
