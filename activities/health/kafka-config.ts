import {
  type Connection,
  describeConfigsV4,
  incrementalAlterConfigsV1,
  protocolErrorsCodesById,
  ResponseError,
} from '@platformatic/kafka';
import { fieldWords, isRefusal } from '../../decisions/kafka-config.ts';
import type { ConfigFields } from '../../workflows/fix-types.ts';
import type { TargetInfo } from '../deploy/driver.ts';
import { brokerAddress } from './kafka.ts';
import { readMetadata, withConnection } from './kafka-protocol.ts';

type Resource = ConfigFields['resource'];

const TOPIC = 2 as const;
const BROKER = 4 as const;
/** Kafka's numbers for a value that the resource has of its own: set on the topic, or on this broker while it runs. */
const OWN: Readonly<Record<Resource['type'], number>> = { topic: 1, broker: 2 };
const SET = 0 as const;
const DELETE = 1 as const;

export type ConfigValue = { name: string; own: string | null; effective: string | null };

/** A broker is told by its node's name in the configuration; Kafka knows it by a number. */
function resourceOf(targets: readonly TargetInfo[], { type, name }: Resource) {
  if (type === 'topic') return { resourceType: TOPIC, resourceName: name };
  const id = targets.find((target) => target.name === name)?.nodeId;
  return id === undefined ? undefined : { resourceType: BROKER, resourceName: String(id) };
}

/** A broker's own values are known by itself alone, and only it can check them. */
function toAsk(targets: readonly TargetInfo[], { type, name }: Resource): TargetInfo[] {
  const brokers = targets.filter(({ roles }) => roles.includes('broker'));
  return type === 'broker' ? brokers.filter((broker) => broker.name === name) : brokers;
}

/** @throws the last answer where no broker gave another one. */
async function askOne<T>(
  targets: readonly TargetInfo[],
  resource: Resource,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  let last: unknown = new Error(`no broker of ${resource.type} ${resource.name} is laid out`);
  for (const broker of toAsk(targets, resource)) {
    try {
      return await withConnection(brokerAddress(broker), use);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** Asks whichever broker answers. */
export const askAny = <T>(targets: readonly TargetInfo[], use: (connection: Connection) => Promise<T>): Promise<T> =>
  askOne(targets, { type: 'topic', name: '' }, use);

/** The values of a resource, without those that are secret; `undefined` where there is no such resource. */
export async function readConfigs(
  targets: readonly TargetInfo[],
  resource: Resource,
  keys: readonly string[],
): Promise<ConfigValue[] | undefined> {
  const asked = resourceOf(targets, resource);
  if (asked === undefined) return undefined;
  if (resource.type === 'topic' && (await readTopic(targets, resource.name)) === undefined) return undefined;
  const wanted = { ...asked, configurationKeys: [...keys] };
  const { results } = await askOne(targets, resource, (connection) =>
    describeConfigsV4.api.async(connection, [wanted], false, false),
  );
  const configs = results[0]?.configs.filter(({ isSensitive }) => !isSensitive) ?? [];
  return configs.map(({ name, value, configSource }) => ({
    name,
    effective: value ?? null,
    own: configSource === OWN[resource.type] ? (value ?? null) : null,
  }));
}

/** `leader`: a node's id, or -1 where there is none. */
export type TopicPartition = { topic: string; partition: number; leader: number; replicas: number; inSync: number };

/** Every partition, as one broker tells it. */
export async function readPartitions(targets: readonly TargetInfo[]): Promise<TopicPartition[]> {
  const { topics } = await askAny(targets, readMetadata);
  return topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, leaderId, replicaNodes, isrNodes }) => ({
      ...{ topic: name ?? '', partition: partitionIndex, leader: leaderId },
      ...{ replicas: replicaNodes.length, inSync: isrNodes.length },
    })),
  );
}

export type TopicCopies = { partitions: number; replicas: number; inSync: number };

/** The fewest replicas, and in-sync ones, that any partition of a topic has. */
export async function readTopic(targets: readonly TargetInfo[], name: string): Promise<TopicCopies | undefined> {
  const partitions = (await readPartitions(targets)).filter(({ topic }) => topic === name);
  if (partitions.length === 0) return undefined;
  return {
    partitions: partitions.length,
    replicas: Math.min(...partitions.map(({ replicas }) => replicas)),
    inSync: Math.min(...partitions.map(({ inSync }) => inSync)),
  };
}

/**
 * Sets one value, or takes it away; `check` has Kafka look at it without doing it. What Kafka has against it in its
 * words; undefined where it agreed.
 * @throws any answer after which it may be set all the same, or which is another one the next time.
 */
export async function alterConfig(
  targets: readonly TargetInfo[],
  fields: ConfigFields,
  { check }: { check: boolean },
): Promise<string | undefined> {
  const resource = resourceOf(targets, fields.resource);
  if (resource === undefined) return `there is no ${fieldWords(fields)}`;
  const { key: name, value } = fields;
  const config = value === null ? { name, configOperation: DELETE } : { name, configOperation: SET, value };
  const answer = await askOne(targets, fields.resource, async (connection) => {
    try {
      await incrementalAlterConfigsV1.api.async(connection, [{ ...resource, configs: [config] }], check);
      return undefined;
    } catch (error) {
      // An answer, whatever it says: no other broker is asked for the same again.
      if (error instanceof ResponseError) return error;
      throw error;
    }
  });
  if (answer === undefined) return undefined;
  const { responses } = answer.response as Awaited<ReturnType<typeof incrementalAlterConfigsV1.api.async>>;
  const { errorCode = -1, errorMessage } = responses.find((one) => one.errorCode !== 0) ?? {};
  const words = errorMessage ?? protocolErrorsCodesById[errorCode] ?? answer.message;
  if (isRefusal(errorCode)) return words;
  throw new Error(`Kafka answers ${fieldWords(fields)} with error ${errorCode}: ${words}`, { cause: answer });
}
