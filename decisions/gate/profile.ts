import type { GateProfile } from './types.ts';

/**
 * The defaults of rollout-rules.md for one node: an hour and more after warm-up, twelve blocks of ten minutes where
 * levels are judged. Later waves change `bakeSeconds` alone.
 */
export const FULL_PROFILE: GateProfile = {
  name: 'full',
  warmUpSeconds: 15 * 60,
  bakeSeconds: 60 * 60,
  gapSeconds: 150,
  blockSeconds: 10 * 60,
  minimumBlocks: 12,
  alpha: 0.01,
  countShare: 0.6,
  failRatio: 1.1,
  countRatio: 1.25,
  criticalRatio: 1.5,
  ownWindowRatio: 1.5,
  spreadRatio: 2,
  minimumWork: 10_000,
  smallestErrorShare: 0.001,
  burst: 5,
  minimumPeers: 2,
  lastingSeconds: { underReplicated: 60 },
  probes: { errorShare: 0.01, slowFactor: 3, slowFloorMs: 100, slowSeconds: 120 },
};

/**
 * For a bake of seconds, on a machine that everybody shares: invariants, counts and client probes decide as in the
 * full one; levels would need blocks that such a bake has not, and are left out (`minimumBlocks` 0).
 */
export const COMPRESSED_PROFILE: GateProfile = {
  ...FULL_PROFILE,
  name: 'compressed',
  warmUpSeconds: 5,
  bakeSeconds: 30,
  gapSeconds: 10,
  blockSeconds: 5,
  minimumBlocks: 0,
  // From one minute to the next a node errs as it pleases: only twice as often says something.
  countRatio: 2,
  ownWindowRatio: 2,
  minimumWork: 200,
  smallestErrorShare: 0.05,
  lastingSeconds: { underReplicated: 8 },
  probes: { errorShare: 0.01, slowFactor: 5, slowFloorMs: 500, slowSeconds: 8 },
};

/**
 * α of one wave of a release: 6/π² ÷ k² of the whole for the k-th. However many waves there are, and whether or not
 * one is added, no more than α is spent; the first one, where a fault meets one node only, has most of it.
 */
export function alphaOfWave(alpha: number, index: number): number {
  return (alpha * 6) / (Math.PI * (index + 1)) ** 2;
}

/** Which wave a bake follows: its length is what is known by then, and what the next wave would put at stake. */
export type WaveKind = 'one node' | 'first rack' | 'later rack';

/** As long as each kind bakes after warm-up in the full profile: the first rack sees a daily peak. */
const FULL_BAKE_HOURS: Record<WaveKind, number> = { 'one node': 1, 'first rack': 12, 'later rack': 3 };

/** The profile for one wave. Only the full one tells waves apart; in a compressed one they are as short as the first. */
export function profileOfWave(profile: GateProfile, kind: WaveKind): GateProfile {
  if (profile.name !== FULL_PROFILE.name) return profile;
  return { ...profile, bakeSeconds: Math.max(profile.bakeSeconds, FULL_BAKE_HOURS[kind] * 3600) };
}
