import type { Build, Digest } from './types.ts';

export type RehearsalInput = {
  release: string;
  n: number;
  fork: string;
  settings: Digest;
  candidate: Build;
  /** Of the release, in order; those that are no Kafka clusters are left out. */
  environments: string[];
};

export type RanArtifact = { name: string; sha256: Digest };

/** What is to be gone back to, and as which environment's cluster. */
export type RehearsalFrom = {
  environment: string;
  /** For a person: version and commit, or digests. */
  name: string;
  artifacts: RanArtifact[];
  /** Of the environment, by its name; missing where nobody tells: then what the artifact itself begins with. */
  metadataVersion?: string;
};

/** `problems`: of environments about which nobody could say what runs there. */
export type RehearsalPlan = { from: RehearsalFrom[]; problems: { environment: string; reason: string }[] };

/** What was written, and read back as it was after each step. */
export type RehearsalCounts = { records: number; transactional: number; keys: number; offsets: number };

/**
 * `one-way`: what ran before does not come up, or does not give back what the candidate left. `impossible`: it could
 * not be tried to its end, which proves nothing.
 */
export type RehearsalOutcome =
  | { kind: 'reversible'; nodes: number; seconds: number; counts: RehearsalCounts }
  | { kind: 'one-way'; nodes: number; seconds: number; reasons: string[] }
  | { kind: 'impossible'; reasons: string[] };

export type Rehearsed = { environment: string; from: string; outcome: RehearsalOutcome };
