import {
  k6KeepsMinIsr,
  k7KeepsMargin,
  k8CanSpareAReplica,
  k10StopsGracefully,
  k14StaysInOneRack,
} from './availability.ts';
import { judgeApart } from './dead-broker.ts';
import { finalisedLevel, k2MayGoTo4, k9MinIsrStaysInEffect, k15MetadataIsPinned } from './features.ts';
import { metadataLevel } from './metadata-versions.ts';
import { k19SeesEverything } from './observe.ts';
import { k1NothingMoves, k1StartsWhole } from './preflight.ts';
import { k17MayPutBack, type MetadataBefore } from './put-back.ts';
import { k4KeepsQuorum, k5GatesOf } from './quorum.ts';
import { type Finding, type KafkaSnapshot, nodesNamed } from './snapshot.ts';
import { applyWaivers, type Judgement, type RuleWaiver } from './waivers.ts';

export type RuleSettings = {
  isrMargin: number;
  quorumFetchTimeoutMs: number;
  waivers: readonly RuleWaiver[];
  /** The name of the level at which `metadata.version` is pinned (K15), for example 3.6-IV2. */
  metadataVersion?: string | undefined;
  /** The oldest client that connects, as somebody looked (K2). */
  oldestClient?: string | undefined;
};

/**
 * Before anything is touched: the cluster is whole (K1), is ready for the candidate's major version (K2), keeps its min
 * ISR (K9) and its metadata version (K15), and can spare each of the nodes (K4, K6–K8, K10).
 */
export function preflight(
  snapshot: KafkaSnapshot,
  targets: readonly string[],
  settings: RuleSettings,
  toVersion?: string,
): Judgement {
  const find = (seen: KafkaSnapshot) => [
    ...k19SeesEverything(seen),
    ...k1StartsWhole(seen),
    ...(toVersion === undefined ? [] : k2MayGoTo4(seen, toVersion, settings.oldestClient ?? 'unknown')),
    ...k9MinIsrStaysInEffect(seen),
    ...pinned(seen, settings),
    // One at a time: each alone must be spared.
    ...targets.flatMap((target) => gates(seen, [target], settings)),
  ];
  return judgeApart(snapshot, targets, (seen) => unique(find(seen)), settings.waivers);
}

function pinned(snapshot: KafkaSnapshot, { metadataVersion }: RuleSettings): Finding[] {
  const level = metadataVersion === undefined ? undefined : metadataLevel(metadataVersion);
  return k15MetadataIsPinned(snapshot, { pinned: level, raisesByItself: false });
}

/**
 * Right before nodes are stopped, read again: whether the cluster can spare this wave now, and whether somebody has
 * finalised another level since (K15). A level that nobody tells now, and that was told before the first node, is K19's.
 */
export function canRoll(snapshot: KafkaSnapshot, wave: readonly string[], settings: RuleSettings): Judgement {
  const find = (seen: KafkaSnapshot) => [
    ...k19SeesEverything(seen),
    ...k1NothingMoves(seen),
    ...(finalisedLevel(seen) === undefined ? [] : pinned(seen, settings)),
    ...gates(seen, wave, settings),
  ];
  return judgeApart(snapshot, wave, (seen) => unique(find(seen)), settings.waivers);
}

/**
 * The same for a roll-back of the suspect artifact: no K1, and K6, K7, K8 and K10's leadership are waived
 * for the nodes that carry it, since it may itself keep the ISR at its minimum (strimzi #6052, #9654). K4
 * stays, and K17: an artifact that would not start is not put back. `wave` are suspects.
 */
export function canRollBack(
  snapshot: KafkaSnapshot,
  wave: readonly string[],
  suspects: readonly string[],
  settings: RuleSettings,
  before?: MetadataBefore,
): Judgement {
  const find = (seen: KafkaSnapshot) => [
    ...k19SeesEverything(seen, suspects),
    ...k17MayPutBack(seen, before),
    ...k4KeepsQuorum(seen, wave, settings.quorumFetchTimeoutMs),
    ...k14StaysInOneRack(seen, wave),
  ];
  return judgeApart(snapshot, wave, (seen) => unique(find(seen)), settings.waivers);
}

/** The one of them that also holds for a node which is down already: what would not start is not put on it (K17). */
export function mayPutBack(snapshot: KafkaSnapshot, settings: RuleSettings, before?: MetadataBefore): Judgement {
  return applyWaivers(k17MayPutBack(snapshot, before), settings.waivers, snapshot.takenAt);
}

function gates(snapshot: KafkaSnapshot, wave: readonly string[], settings: RuleSettings): Finding[] {
  // K5: a combined node passes both.
  const roles = new Set(nodesNamed(snapshot, wave).flatMap(k5GatesOf));
  return [
    ...(roles.has('controller') ? k4KeepsQuorum(snapshot, wave, settings.quorumFetchTimeoutMs) : []),
    ...(roles.has('broker')
      ? [
          ...k6KeepsMinIsr(snapshot, wave),
          ...k7KeepsMargin(snapshot, wave, settings.isrMargin),
          ...k8CanSpareAReplica(snapshot, wave),
          ...k10StopsGracefully(snapshot, wave),
          ...k14StaysInOneRack(snapshot, wave),
        ]
      : []),
  ];
}

/** A finding that several nodes share (K7 cluster-wide, K8 of one topic) is said once a rule and topic. */
function unique(findings: Finding[]): Finding[] {
  const seen = new Set<string>();
  return findings.filter(({ rule, topic, node, reason }) => {
    const key = `${rule} ${topic ?? node ?? reason}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
