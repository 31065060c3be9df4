import type { Progress } from './progress.ts';

/**
 * What a look at the machine found. `get` is what to type, or do, to have it. A part that is
 * `missing` but can be fetched by `ensure` is fetched by `patchwright up` itself.
 */
export type Finding =
  | { kind: 'found'; version: string; where: string }
  | { kind: 'missing'; why: string; get: string; byItself: boolean };

/** One tool that Patchwright needs: looked for by `doctor`, fetched by `up` where it can be. */
export interface Part {
  name: string;
  /** Which features need it, in the user's words. */
  neededBy: string;
  /** False: its absence is told and is no error. */
  required: boolean;
  /** Looks; fetches nothing, changes nothing. */
  probe: () => Promise<Finding>;
  /** Gets it, or throws what to do. Safe to repeat; quick where it is there. */
  ensure: (progress: Progress) => Promise<void>;
}
