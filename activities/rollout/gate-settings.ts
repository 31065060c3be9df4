import type { EnvironmentSettings } from '../../config/environment.ts';
import type { GatesConfiguration } from '../../config/gates.ts';
import type { RolloutSettings } from '../../config/rollout.ts';
import { COMPRESSED_PROFILE, FULL_PROFILE, profileOfWave } from '../../decisions/gate/profile.ts';
import type { GateProfile } from '../../decisions/gate/types.ts';
import { MOST_OF_CAPACITY } from '../../decisions/wave-plan.ts';
import type { WaveShape } from '../../store/rollout-tables.ts';

type Overrides = Exclude<GatesConfiguration, string>;

/** How an environment's waves are cut and judged, with every default filled in. */
export type GateSettings = {
  profile: GateProfile;
  laterBakeSeconds?: number;
  beatSeconds: number;
  windowSeconds: number;
  firstOne: boolean;
  share: number;
  watchSeconds: number;
};

const COMPRESSED_WINDOW_SECONDS = 10;

/** Settings as they were kept with a release; those from before there were gates say `soakSeconds` instead. */
export function gateSettingsOf({ gates, rollout }: Pick<EnvironmentSettings, 'gates' | 'rollout'>): GateSettings {
  const given = gates === undefined ? fromSoak(rollout) : typeof gates === 'string' ? plain(gates) : gates;
  const profile = overridden(given.profile === 'full' ? FULL_PROFILE : COMPRESSED_PROFILE, given);
  const blocksSeconds = profile.minimumBlocks * profile.blockSeconds;
  return {
    profile,
    ...(given.laterBakeSeconds !== undefined && { laterBakeSeconds: given.laterBakeSeconds }),
    beatSeconds: given.beatSeconds ?? profile.gapSeconds / 5,
    windowSeconds: given.windowSeconds ?? rollout.windowSeconds ?? Math.max(COMPRESSED_WINDOW_SECONDS, blocksSeconds),
    firstOne: given.firstOne,
    share: given.share,
    watchSeconds: given.watchSeconds,
  };
}

const plain = (profile: 'full' | 'compressed'): Overrides => ({
  profile,
  firstOne: true,
  share: MOST_OF_CAPACITY,
  watchSeconds: 0,
});

function fromSoak(rollout: RolloutSettings): Overrides {
  if (rollout.soakSeconds === undefined) return plain('full');
  const { warmUpSeconds, underReplicatedSeconds, errorShare, slowFactor, slowFloorMs, slowSeconds } = rollout;
  const kept = { warmUpSeconds, underReplicatedSeconds, errorShare, slowFactor, slowFloorMs, slowSeconds };
  return { ...plain('compressed'), ...defined(kept), bakeSeconds: rollout.soakSeconds };
}

function overridden(base: GateProfile, given: Overrides): GateProfile {
  const { warmUpSeconds, bakeSeconds, gapSeconds, blockSeconds, minimumBlocks, alpha, minimumWork } = given;
  const { smallestErrorShare, countRatio, failRatio, criticalRatio, underReplicatedSeconds } = given;
  const { errorShare, slowFactor, slowFloorMs, slowSeconds } = given;
  const times = { warmUpSeconds, gapSeconds, blockSeconds, minimumBlocks };
  return {
    ...(bakeSeconds === undefined ? base : lasting(base, bakeSeconds)),
    // Its own length of bake: then it is not the one that knows kinds of waves.
    ...(bakeSeconds !== undefined && { name: `${base.name}, changed` }),
    ...defined({ ...times, alpha, minimumWork, smallestErrorShare, countRatio, failRatio, criticalRatio }),
    lastingSeconds: { ...base.lastingSeconds, ...defined({ underReplicated: underReplicatedSeconds }) },
    probes: { ...base.probes, ...defined({ errorShare, slowFactor, slowFloorMs, slowSeconds }) },
  };
}

/** A shorter bake sees less: it is asked for as much less work, and for as much larger an error share. */
function lasting(profile: GateProfile, bakeSeconds: number): GateProfile {
  const part = Math.min(1, bakeSeconds / profile.bakeSeconds);
  return {
    ...profile,
    bakeSeconds,
    minimumWork: Math.ceil(profile.minimumWork * part),
    smallestErrorShare: Math.min(LARGEST_SHARE, profile.smallestErrorShare / part),
  };
}

/** What errs in every other request is seen in any bake. */
const LARGEST_SHARE = 0.5;

/**
 * The watch after the last wave: whoever runs the environment has gone on with the day, and the canary traffic is a
 * trickle. It looks for harm, and does not ask for enough work to have seen every one.
 */
function watchProfile({ profile, watchSeconds }: GateSettings): GateProfile {
  const levels = watchSeconds >= profile.minimumBlocks * profile.blockSeconds;
  return {
    ...profile,
    name: `${profile.name}, watch`,
    warmUpSeconds: 0,
    bakeSeconds: watchSeconds,
    minimumBlocks: levels ? profile.minimumBlocks : 0,
    minimumWork: 0,
    smallestErrorShare: 1,
  };
}

function defined<T extends Record<string, unknown>>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

export function profileFor(settings: GateSettings, { kind, firstServing }: WaveShape): GateProfile {
  if (kind === 'watch') return watchProfile(settings);
  const { profile, laterBakeSeconds } = settings;
  const ofKind = profileOfWave(profile, kind);
  if (laterBakeSeconds === undefined || firstServing) return ofKind;
  return lasting(ofKind, laterBakeSeconds);
}
