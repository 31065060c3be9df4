import type { Explained, Finding } from './agent-types.ts';
import type { FailureLog, TestKey } from './proof-types.ts';
import type { Build, Digest, Patch, RunCounts, Source } from './types.ts';

/** What is to be mended; all of it is known when a candidate is held. `explained`: by an agent, before. */
export type RepairTarget = { explained?: Explained | undefined } & (
  | {
      kind: 'regression';
      base: Source;
      candidate: Build;
      patches: Patch[];
      suite: string;
      suiteRun: string;
      /** The failure that the others are like, and its counts on the candidate. */
      first: TestKey;
      counts: RunCounts;
      tests: TestKey[];
      /** Where the change belongs. `isKnown: false`: no patch is known to have caused it, and this is the last one. */
      guilty: string;
      isKnown?: boolean;
    }
  | {
      kind: 'build';
      base: Source;
      candidate: Source;
      patches: Patch[];
      prefixes: Source[];
      reasons: string[];
      /** The whole of what the build said. */
      log?: Digest | undefined;
    }
  | { kind: 'conflict'; ref: string; reasons: string[] }
);

export type RepairPolicy = {
  policy: 'off' | 'suggest' | 'apply-reviewed';
  attempts: number;
  proveWhole: boolean;
  /** False: no model is configured. */
  model: boolean;
};

/** `repair` names it: kafka-2/1/repair. */
export type RepairOrder = {
  repair: string;
  release: string;
  n: number;
  fork: string;
  settings: Digest;
  requestedBy: string;
  policy: RepairPolicy;
  target: RepairTarget;
  /** Of the release; none in an order of before they were run in a proof. */
  suites?: string[];
  /** Whoever asked for changes of what is in the stack already: the repairs of the candidates before. */
  steered?: readonly string[];
};

/**
 * `ref`: where the repaired stack lies in the fork's repository; the next candidate is cut from it. `steered`: whoever
 * asked for changes of it, or of what was in it before.
 */
export type RepairOutcome =
  | { kind: 'repaired'; ref: string; steered?: string[] }
  | { kind: 'handed-over'; reason: string };

/**
 * With what a change goes back to its author: what code has against it, what reviewers object to, and in `wishes` what
 * people asked for who were to decide. `logs`: of a proof that failed. `earlier`: the change, and `words` what its author
 * said of it.
 */
export type SentBack = NotTaken & { findings: Finding[]; wishes?: string[]; earlier?: Digest; words?: string };

/** Why a change is not taken. */
export type NotTaken = { reasons: string[]; logs?: FailureLog[] };

/** One change that was made, put into its patch. `also`: of a conflict, the patches that were resolved before it. */
export type FoldedFix = { source: Source; ref: string; patch: Digest; guilty: string; also?: readonly string[] };
