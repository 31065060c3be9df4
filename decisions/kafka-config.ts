import type { Broken, ConfigChange, ConfigFields } from '../workflows/fix-types.ts';

type Values = { is: 'number'; least: number; most: number } | { is: 'one of'; words: readonly string[] };

/** `loses`: when the old value does not bring back what the new one has taken. */
type Key = { values: Values; risk: string; loses?: 'a lower value' | 'any change' };

const DAYS_MS = 86_400_000;
const DELETES = 'Records that the new limit does not cover are deleted for good.';
const long = (least: number, most: number): Values => ({ is: 'number', least, most });
const COMPRESSION = ['none', 'gzip', 'snappy', 'lz4', 'zstd', 'producer', 'uncompressed'];

/** The only keys that a fix may change. What weakens durability (unclean elections) is not among them. */
const TOPIC: Readonly<Record<string, Key>> = {
  'retention.ms': { values: long(-1, 3_650 * DAYS_MS), risk: DELETES, loses: 'a lower value' },
  'retention.bytes': { values: long(-1, 2 ** 50), risk: DELETES, loses: 'a lower value' },
  'delete.retention.ms': {
    values: long(0, 365 * DAYS_MS),
    risk: 'Tombstones go earlier or later: a slow consumer may miss deletions.',
    loses: 'a lower value',
  },
  'cleanup.policy': {
    values: { is: 'one of', words: ['delete', 'compact', 'compact,delete'] },
    risk: 'Compaction and deletion remove records for good.',
    loses: 'any change',
  },
  'min.insync.replicas': {
    values: long(1, 9),
    risk: 'Higher: writes are refused sooner. Lower: fewer copies are waited for.',
  },
  'max.message.bytes': { values: long(1_024, 100 << 20), risk: 'Producers and consumers have limits of their own.' },
  'segment.bytes': { values: long(1 << 20, 2 ** 31 - 1), risk: 'Small segments mean many open files.' },
  'segment.ms': { values: long(60_000, 365 * DAYS_MS), risk: 'Retention works by whole segments.' },
  'compression.type': {
    values: { is: 'one of', words: COMPRESSION },
    risk: 'Brokers compress anew what arrives otherwise.',
  },
  'max.compaction.lag.ms': { values: long(1, 3_650 * DAYS_MS), risk: 'Lower: compaction runs more often.' },
};

const THREADS = 'More threads want more cores; Kafka takes half to twice of what there is.';
const BROKER: Readonly<Record<string, Key>> = {
  'num.io.threads': { values: long(1, 256), risk: THREADS },
  'num.network.threads': { values: long(1, 256), risk: THREADS },
  'num.replica.fetchers': { values: long(1, 64), risk: THREADS },
  'log.cleaner.threads': { values: long(1, 64), risk: THREADS },
  'message.max.bytes': {
    values: long(1_024, 100 << 20),
    risk: 'Producers, consumers and replicas have limits of their own.',
  },
  'max.connections.per.ip': { values: long(1, 2 ** 31 - 1), risk: 'Lower: clients of one address are refused.' },
};

const keysOf = (type: ConfigFields['resource']['type']) => (type === 'topic' ? TOPIC : BROKER);

export const configKeys = (type: ConfigFields['resource']['type']): string[] => Object.keys(keysOf(type));

/** For the agent that has to fill the fields in. */
export function configKeysText(): string {
  const lines = (type: 'topic' | 'broker') =>
    Object.entries(keysOf(type)).map(([name, { values }]) => `${type} ${name}: ${valuesText(values)}`);
  return [...lines('topic'), ...lines('broker')].join('\n');
}

const valuesText = (values: Values) =>
  values.is === 'number' ? `${values.least} to ${values.most}` : values.words.join(' | ');

/** What is wrong with typed fields, whatever cluster they are for. */
export function fieldProblems({ resource, key, value }: ConfigFields): string[] {
  const known = keysOf(resource.type);
  const found = Object.hasOwn(known, key) ? known[key] : undefined;
  if (found === undefined)
    return [`${key} of a ${resource.type} is none that a fix may change; those are: ${Object.keys(known).join(', ')}`];
  if (resource.type === 'topic' && resource.name.startsWith('__')) return [`${resource.name} is Kafka's own topic`];
  return value === null || isValue(value, found.values)
    ? []
    : [`${key}=${value} is not allowed: ${valuesText(found.values)}`];
}

function isValue(value: string, values: Values): boolean {
  if (values.is === 'one of') return values.words.includes(value);
  return /^-?\d{1,16}$/.test(value) && Number(value) >= values.least && Number(value) <= values.most;
}

/** What the cluster shows of the topic of a change; nothing of a broker. */
export type TopicNow = { replicas: number; inSync: number };

/** What speaks against a value in this very cluster. */
export function clusterProblems({ key, value, before }: ConfigChange, topic: TopicNow | undefined): string[] {
  if (value === before.own) return [`${key} is ${value ?? 'the default'} already: nothing would change`];
  if (key !== 'min.insync.replicas' || topic === undefined || value === null) return [];
  const wanted = Number(value);
  if (wanted > topic.replicas)
    return [`min.insync.replicas=${value} with ${topic.replicas} replicas: nobody could write with acks=all any more`];
  if (wanted > topic.inSync)
    return [
      `min.insync.replicas=${value} and only ${topic.inSync} replicas are in sync now: writes would be refused at once`,
    ];
  return [];
}

/** Whether the inverse brings everything back: a cut retention cannot be taken back. */
export function losesNothing({ resource, key, value, before }: ConfigChange): boolean {
  const loses = keysOf(resource.type)[key]?.loses;
  if (loses === undefined) return true;
  if (loses === 'any change' || value === null) return false;
  return limitOf(value) >= limitOf(before.effective ?? '-1');
}

/** -1 is no limit. */
const limitOf = (value: string) => (Number(value) < 0 ? Number.POSITIVE_INFINITY : Number(value));

export const riskOf = ({ resource, key }: ConfigFields): string => keysOf(resource.type)[key]?.risk ?? '';

export const fieldWords = ({ resource, key, value }: ConfigFields): string =>
  `${resource.type} ${resource.name}: ${value === null ? `${key} back to its default` : `${key}=${value}`}`;

/** Kafka's error codes that say no before anything is done, and say so again; its other ones may come of what was done. */
const REFUSALS: Readonly<Record<number, string>> = {
  3: 'UNKNOWN_TOPIC_OR_PARTITION',
  17: 'INVALID_TOPIC_EXCEPTION',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  31: 'CLUSTER_AUTHORIZATION_FAILED',
  35: 'UNSUPPORTED_VERSION',
  40: 'INVALID_CONFIG',
  42: 'INVALID_REQUEST',
  44: 'POLICY_VIOLATION',
};

export const isRefusal = (errorCode: number): boolean => Object.hasOwn(REFUSALS, errorCode);

/** What is there, as far as this change goes: the value of its own, and the one that holds. */
export const beforeWords = ({ key, before }: ConfigChange): string =>
  `${key}=${before.effective ?? 'nothing'} (${before.own === null ? 'not its own' : 'its own'})`;

/**
 * What is broken of a change's topic, or anywhere where it is a broker's: since the change, before it, or (where nobody
 * looked before) nobody knows since when. What had no leader and has one again is no worse than it was.
 */
export function brokenSince(
  { resource }: Pick<ConfigChange, 'resource'>,
  before: Broken | undefined,
  now: Broken,
): { newly: string[]; already: string[] } {
  const own = (name: string) => resource.type === 'broker' || isOf(resource.name, name);
  const was = (name: string) =>
    before === undefined ||
    before.offline.includes(name) ||
    (!now.offline.includes(name) && before.underMinIsr.includes(name));
  const broken = [...new Set([...now.offline, ...now.underMinIsr])].filter(own);
  return { newly: broken.filter((name) => !was(name)), already: broken.filter(was) };
}

/** A partition is named by its topic and its number; a topic's name may go on with a hyphen itself. */
const isOf = (topic: string, partition: string) => partition.replace(/-\d+$/, '') === topic;
