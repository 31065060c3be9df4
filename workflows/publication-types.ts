import type { Artifact, Digest } from './types.ts';

export type PublicationOrder = {
  release: string;
  /** Of the candidate that was released. */
  n: number;
  fork: string;
  settings: Digest;
  version: string;
  commit: string;
  artifacts: Artifact[];
  environments: string[];
};

/** `wait`: a watch can still take it back, or the release has not said its last word. */
export type PublicationLook =
  | { kind: 'wait'; ms: number }
  | { kind: 'not'; reason: string }
  | { kind: 'go'; artifacts: Artifact[] };

export type PublicationOutcome =
  | { kind: 'published'; where: string[] }
  /** Its release was taken back, or names nothing to publish. */
  | { kind: 'not'; reason: string }
  | { kind: 'failed'; reasons: string[] };
