import type { Build, Digest, RunCounts, Source, TestsApart } from './types.ts';

export type TestKey = { unit: string; test: string };

/** What a change is tried against: what was held, and the tests that held it. Without `held` it only has to build. */
export type TrialOf = {
  release: string;
  fork: string;
  settings: Digest;
  held?: { build: Build; suite: string; suiteRun: string; tests: TestKey[] };
};

/** `before`, `after`: runs of each test on what was held, and with the change. */
export type ProofOrder = TrialOf & {
  /** Names its runs, and is never used twice: kafka-2/1/repair-1/proof. */
  proof: string;
  fix: Source;
  before: number;
  after: number;
  /** Files of tests that the change adds or touches: what they say is counted apart. */
  touched?: string[];
  /** A test by its name, class#method, where no suite run has seen it fail: it is looked for with the change. */
  named?: string;
  /** Also everything else of the suite: what passed before has to pass. */
  whole: boolean;
  /** Of the suite only what these files touch: a list of paths in the artifact store. */
  limitedTo?: Digest;
};

export type ProvenTest = TestKey & {
  before: RunCounts;
  after: RunCounts;
  /** Of a failure with the change: its message, and its log in the artifact store. */
  message?: string;
  log?: Digest;
};

/** What a failure said, for whoever is to mend it: its log, or what of it the other side's logs do not say. */
export type FailureLog = { name: string; message?: string; log: Digest };

export type ProofOutcome =
  | { kind: 'does-not-build'; reasons: string[]; log?: Digest }
  /** Ours or the machine's fault: it says nothing about the change. */
  | { kind: 'not-run'; reason: string }
  | {
      kind: 'ran';
      build: Build;
      tests: ProvenTest[];
      /** The whole suite with the change, beside what was held. */
      whole?: {
        suiteRun: string;
        passed: number;
        failed: number;
        broke: string[];
        /** Of the first of these. */
        logs?: FailureLog[];
        /** Tests that whoever made the change touched, or that use those, which are not among those that passed. */
        touched?: { passed: number; failed: number };
        /** Of these the ones that only use them. */
        apart?: TestsApart;
        /** Units that were run, where it was not the whole suite but what is touched. */
        units?: number;
      };
      /** Logs of the runs, by digest. */
      logs: Digest[];
    };
