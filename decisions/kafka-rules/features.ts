import { FIRST_3_3, metadataChangesBetween, metadataName } from './metadata-versions.ts';
import { type Finding, few, isBroker, type KafkaSnapshot } from './snapshot.ts';

export const METADATA = 'metadata.version';
const ELR = 'eligible.leader.replicas.version';

/**
 * K2: a 4.x node runs KRaft only, beside software and metadata of 3.3 or later, and talks to clients of 2.1 or
 * later. What is not known blocks. (Kafka upgrade.md.) A cluster that runs 4.x is there already.
 *
 * @param oldestClient the oldest client that is known to connect; `unknown` where nobody looked
 */
export function k2MayGoTo4(snapshot: KafkaSnapshot, toVersion: string, oldestClient: string | 'unknown'): Finding[] {
  const findings: Finding[] = [];
  const say = (reason: string, node?: string) => findings.push({ rule: 'K2', reason, ...(node && { node }) });
  const major = majorOf(toVersion);
  if (major === undefined) {
    say(`"${toVersion}" does not tell Kafka's version: name it in the fork's version or baseVersion`);
    return findings;
  }
  if (major < 4 || snapshot.nodes.every(runs4)) return [];
  if (snapshot.quorum === 'unknown') say(`${toVersion} runs on KRaft alone, and no quorum answers`);
  for (const { name, figures } of snapshot.nodes) {
    const version = figures === 'unknown' ? 'unknown' : figures.version;
    if (version === 'unknown') say(`the version that ${name} runs is unknown; ${toVersion} needs 3.3 or later`, name);
    else if (isBelow(version, [3, 3])) say(`${name} runs ${version}; it has to run 3.3 or later first`, name);
  }
  const level = finalisedLevel(snapshot);
  if (level === undefined) say(`the finalised ${METADATA} is unknown; ${toVersion} needs 3.3-IV3 or later`);
  else if (level < FIRST_3_3) say(`${METADATA} is ${metadataName(level)}; finalise 3.3-IV3 or later first`);
  if (oldestClient === 'unknown') say('nobody looked which clients connect; they have to be 2.1 or later');
  else if (isBelow(oldestClient, [2, 1])) say(`clients of ${oldestClient} connect; they have to be 2.1 or later`);
  return findings;
}

/**
 * K9: min ISR is the *effective* one, of internal topics too. With eligible leader replicas finalised a value that a
 * broker sets for itself is removed: a topic that has its min ISR from there will not keep it. (Kafka 4.1 notes.)
 */
export function k9MinIsrStaysInEffect(snapshot: KafkaSnapshot): Finding[] {
  const { features, minIsrFrom = {} } = snapshot;
  if (features === undefined || features === 'unknown' || (features.finalised[ELR] ?? 0) < 1) return [];
  const fromBroker = Object.entries(minIsrFrom).filter(([, source]) => source === 'broker');
  if (fromBroker.length === 0) return [];
  const topics = few(fromBroker.map(([topic]) => `${topic} (${snapshot.minIsr[topic] ?? 'unknown'})`));
  const reason = `min.insync.replicas of ${topics} comes from a broker's own configuration, which eligible leader replicas remove: set it for the cluster, or for the topic`;
  return [{ rule: 'K9', reason }];
}

/**
 * K15: `metadata.version` is pinned before the image changes, and stays where it is pinned while nodes change. Left
 * unset, an operator like Strimzi raises it by itself after the roll, which closes the way back.
 */
export function k15MetadataIsPinned(
  snapshot: KafkaSnapshot,
  { pinned, raisesByItself }: { pinned: number | undefined; raisesByItself: boolean },
): Finding[] {
  const level = finalisedLevel(snapshot);
  if (pinned === undefined) {
    if (!raisesByItself) return [];
    const reason = `${METADATA} is not pinned, and what manages this cluster raises it by itself after the roll: pin it${level === undefined ? '' : ` at ${metadataName(level)}`} first`;
    return [{ rule: 'K15', reason }];
  }
  if (level === undefined)
    return [{ rule: 'K15', reason: `unknown: the finalised ${METADATA}, pinned at ${metadataName(pinned)}` }];
  if (level === pinned) return [];
  return [
    {
      rule: 'K15',
      reason: `${METADATA} is ${metadataName(level)} and pinned at ${metadataName(pinned)}: somebody finalised another`,
    },
  ];
}

export type Finalisation = {
  level: number;
  digest: string;
  /** What each node was read back to run. */
  runs: Readonly<Record<string, string>>;
  bake: 'passed' | 'running' | 'failed';
  /** The digest and level that people approved, where they did. */
  approved?: { digest: string; level: number };
};

/**
 * K16: finalising comes last, as its own step that nobody can take back: every node runs the candidate, every broker
 * supports the level, the bake has passed, and people approved exactly this. Never lower than what is finalised.
 */
export function k16MayFinalise(snapshot: KafkaSnapshot, wanted: Finalisation): Finding[] {
  const findings: Finding[] = [];
  const say = (reason: string, node?: string) => findings.push({ rule: 'K16', reason, ...(node && { node }) });
  const name = metadataName(wanted.level);
  const supported =
    snapshot.features === undefined || snapshot.features === 'unknown' ? {} : snapshot.features.supported;
  for (const node of snapshot.nodes) {
    const runs = wanted.runs[node.name];
    if (runs !== wanted.digest) {
      say(
        `${node.name} runs ${runs?.slice(0, 12) ?? 'what nobody read'}, not ${wanted.digest.slice(0, 12)}`,
        node.name,
      );
    }
    // Dedicated controllers answer no client; they refuse a level by themselves that one of them does not know.
    if (!isBroker(node)) continue;
    const range = supported[node.name]?.[METADATA];
    if (!range) say(`${node.name} does not tell which ${METADATA} it supports`, node.name);
    else if (wanted.level > range.max)
      say(`${node.name} supports ${METADATA} up to ${metadataName(range.max)}`, node.name);
  }
  const level = finalisedLevel(snapshot);
  if (level === undefined) say(`unknown: the finalised ${METADATA}`);
  else if (wanted.level <= level) say(`${METADATA} is ${metadataName(level)} already; ${name} is not higher`);
  if (wanted.bake !== 'passed') say(`the bake of the last wave is ${wanted.bake}; finalising comes after it`);
  if (wanted.approved?.digest !== wanted.digest || wanted.approved.level !== wanted.level) {
    say(`nobody approved to finalise ${name} on ${wanted.digest.slice(0, 12)}; it cannot be taken back`);
  }
  return findings;
}

/**
 * K17: a downgrade of `metadata.version` only where no level in between changed metadata; in practice unsupported
 * (KAFKA-15537). A level that is not known counts as a change.
 */
export function k17MayDowngrade(from: number, to: number): Finding[] {
  if (to >= from) return [];
  const way = `${METADATA} cannot go back from ${metadataName(from)} to ${metadataName(to)}`;
  const changes = metadataChangesBetween(to, from);
  if (changes === undefined) return [{ rule: 'K17', reason: `${way}: what lies in between is not known here` }];
  return changes.length === 0 ? [] : [{ rule: 'K17', reason: `${way}: ${changes.join(', ')} changed metadata` }];
}

const runs4 = ({ figures }: KafkaSnapshot['nodes'][number]) =>
  figures !== 'unknown' && figures.version !== 'unknown' && (majorOf(figures.version) ?? 0) >= 4;

export function finalisedLevel({ features }: KafkaSnapshot): number | undefined {
  return features === undefined || features === 'unknown' ? undefined : features.finalised[METADATA];
}

/** Versions like `3.6.2-fork.1`, `v3.6.2` and `kafka-3.6.2`: the first two numbers. */
const NUMBERS = /(\d+)\.(\d+)/;

const majorOf = (version: string): number | undefined => {
  const match = NUMBERS.exec(version);
  return match ? Number(match[1]) : undefined;
};

/** What has no two numbers is below everything. */
function isBelow(version: string, [major, minor]: readonly [number, number]): boolean {
  const match = NUMBERS.exec(version);
  if (!match) return true;
  const [a, b] = [Number(match[1]), Number(match[2])];
  return a < major || (a === major && b < minor);
}
