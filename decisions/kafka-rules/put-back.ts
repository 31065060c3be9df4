import { leftOutOf } from './dead-broker.ts';
import { finalisedLevel, k17MayDowngrade, METADATA } from './features.ts';
import { metadataName } from './metadata-versions.ts';
import { type Finding, isBroker, type KafkaSnapshot } from './snapshot.ts';
import type { RuleWaiver } from './waivers.ts';

/** Before the first node: the finalised level, and the highest that every broker knew with the artifact of then. */
export type MetadataBefore = { level: number; knows: number };

/**
 * Undefined where not every broker tells: then nothing can be held against going back. Of one that a roll-out leaves
 * out as dead nobody asks: it never tells, and it is not put back either.
 */
export function metadataBefore(
  snapshot: KafkaSnapshot,
  waivers: readonly RuleWaiver[] = [],
): MetadataBefore | undefined {
  const { features } = snapshot;
  const leftOut = leftOutOf(snapshot, waivers);
  const nodes = snapshot.nodes.filter(({ name }) => !leftOut.includes(name));
  const level = finalisedLevel(snapshot);
  if (level === undefined || features === undefined || features === 'unknown') return undefined;
  const known = nodes.filter(isBroker).map(({ name }) => features.supported[name]?.[METADATA]?.max);
  const knows = known.filter((max) => max !== undefined);
  return knows.length > 0 && knows.length === known.length ? { level, knows: Math.min(...knows) } : undefined;
}

/**
 * K17 before a node is put back: an artifact that does not know the level which somebody finalised since would not
 * start. A level that nobody tells keeps nothing from going back: the suspect may be what hides it (G4).
 */
export function k17MayPutBack(snapshot: KafkaSnapshot, before: MetadataBefore | undefined): Finding[] {
  const level = finalisedLevel(snapshot);
  if (before === undefined || level === undefined || level <= before.knows) return [];
  const [from, to] = [metadataName(level), metadataName(before.knows)];
  const since = `the artifact before knows ${METADATA} up to ${to}, and ${from} was finalised since`;
  const [never] = k17MayDowngrade(level, before.knows);
  const way = never?.reason ?? `take it back first: kafka-features.sh downgrade --metadata ${to}`;
  return [{ rule: 'K17', reason: `${since}; ${way}` }];
}
