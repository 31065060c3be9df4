import {
  apiVersionsV3,
  Connection,
  type ConnectionOptions,
  createAPI,
  describeConfigsV4,
  describeLogDirsV4,
  listPartitionReassignmentsV0,
  metadataV12,
  type Reader,
  ResponseError,
  updateFeaturesV1,
  Writer,
} from '@platformatic/kafka';
import type { ConfigSource } from '../../decisions/kafka-rules/snapshot.ts';
import type { Security } from './kafka-security.ts';

/** Time-outs are short: a picture that takes long is of no moment, and a broker that hangs is news in itself. */
const CONNECT_MS = 1_500;
/** With handshake and login, to a cluster that may be far away. */
const SECURED_CONNECT_MS = 5_000;
const REQUEST_MS = 4_000;

export type Address = { host: string; port: number };

type Replica = { id: number; logEndOffset: bigint; lastFetch: bigint; lastCaughtUp: bigint };

const replica = (r: Reader): Replica => ({
  id: r.readInt32(),
  logEndOffset: r.readInt64(),
  lastFetch: r.readInt64(),
  lastCaughtUp: r.readInt64(),
});

/** Version 1: the library ships 2, on which brokers below 3.9 close the connection. */
const describeQuorumV1 = createAPI<
  [],
  { errorCode: number; topics: { partitions: { errorCode: number; leaderId: number; voters: Replica[] }[] }[] }
>(
  55,
  1,
  () =>
    Writer.create()
      .appendArray([{ topic: '__cluster_metadata', partitions: [0] }], (w, t) =>
        w.appendString(t.topic).appendArray(t.partitions, (w, p) => w.appendInt32(p)),
      )
      .appendTaggedFields(),
  (_correlation, _key, _version, r) => ({
    errorCode: r.readInt16(),
    topics: r.readArray((r) => ({
      name: r.readString(),
      partitions: r.readArray((r) => ({
        index: r.readInt32(),
        errorCode: r.readInt16(),
        leaderId: r.readInt32(),
        leaderEpoch: r.readInt32(),
        highWatermark: r.readInt64(),
        voters: r.readArray(replica),
        observers: r.readArray(replica),
      })),
    })),
  }),
);

type LeaderElection = {
  errorCode: number;
  results: { topic: string; partitions: { id: number; errorCode: number }[] }[];
};

/** Not in the library. `type` 0 elects preferred leaders; 1, unclean, is never asked for. */
const electLeadersV2 = createAPI<[{ topic: string; partitions: number[] }[], number], LeaderElection>(
  43,
  2,
  (topics: { topic: string; partitions: number[] }[], timeoutMs: number) =>
    Writer.create()
      .appendInt8(0)
      .appendArray(topics, (w, t) =>
        w.appendString(t.topic).appendArray(t.partitions, (w, p) => w.appendInt32(p), true, false),
      )
      .appendInt32(timeoutMs)
      .appendTaggedFields(),
  (_correlation, _key, _version, r) => ({
    throttle: r.readInt32(),
    errorCode: r.readInt16(),
    results: r.readArray((r) => ({
      topic: r.readString(),
      partitions: r.readArray((r) => ({
        id: r.readInt32(),
        errorCode: r.readInt16(),
        message: r.readNullableString(),
      })),
    })),
  }),
);

/** Opens one connection, uses it, and closes it whatever happened. */
export type Connect = <T>(address: Address, use: (connection: Connection) => Promise<T>) => Promise<T>;

/** To listeners without TLS and SASL. */
export const withConnection: Connect = (address, use) => connected(address, {}, use);

/** To those of a cluster that is secured. */
export const securedConnect =
  (security: Security): Connect =>
  (address, use) =>
    connected(address, { connectTimeout: SECURED_CONNECT_MS, ...security(address.host) }, use);

async function connected<T>(
  { host, port }: Address,
  options: ConnectionOptions,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const limits = { connectTimeout: CONNECT_MS, requestTimeout: REQUEST_MS };
  const connection = new Connection('patchwright-health', { ...limits, ...options });
  let broken: Error | undefined;
  // Without a listener a connection that breaks takes the process down; the request in flight fails by itself.
  connection.on('error', (error) => {
    broken = error;
  });
  try {
    await connection.connect(host, port);
    return await use(connection);
  } catch (error) {
    throw broken ?? error;
  } finally {
    await connection.close().catch(() => undefined);
    // After a login that was refused the client leaves it half open, for as long as the other side likes.
    connection.socket?.destroy();
  }
}

export type Metadata = Awaited<ReturnType<typeof metadataV12.api.async>>;

/** Every topic, internal ones included, and the brokers that are registered and not fenced. */
export async function readMetadata(connection: Connection): Promise<Metadata> {
  return metadataV12.api.async(connection, null, false, false).catch(toldInSpite);
}

/**
 * What is told in an answer for which the client library throws: one partition without a leader has an error of its own,
 * and then what is offline would be what nobody can see.
 *
 * @throws the error, where a whole topic has one, or nothing was told
 */
export function toldInSpite(error: unknown): Metadata {
  const told = error instanceof ResponseError ? (error.response as Metadata) : undefined;
  if (told === undefined || told.topics.some(({ errorCode }) => errorCode !== 0)) throw error;
  return told;
}

type LogDirs = Awaited<ReturnType<typeof describeLogDirsV4.api.async>>;

/** The topics of which this broker holds a replica, on a disk that works, also those that it does not list to this user. */
export async function readHeldTopics(connection: Connection): Promise<string[]> {
  const { results } = await describeLogDirsV4.api.async(connection, null).catch((error: unknown) => {
    const told = error instanceof ResponseError ? (error.response as LogDirs) : undefined;
    if (told?.errorCode !== 0) throw error;
    return told;
  });
  return [...new Set(results.flatMap(({ topics }) => topics.map(({ name }) => name)))];
}

const RESOURCE_TOPIC = 2 as const;
const RESOURCE_BROKER = 4 as const;
const TOPICS_AT_A_TIME = 500;

/** Kafka's numbers for where a value comes from: a topic's own, a broker's (dynamic, static), the cluster's. */
const SOURCES: Readonly<Record<number, ConfigSource>> = { 1: 'topic', 2: 'broker', 3: 'cluster', 4: 'broker' };

export type MinIsr = { values: Record<string, number>; from: Record<string, ConfigSource> };

/** Effective `min.insync.replicas` by topic, and where it comes from; topics that could not be read are left out. */
export async function readMinIsr(connection: Connection, topics: readonly string[]): Promise<MinIsr> {
  const minIsr: MinIsr = { values: {}, from: {} };
  for (let from = 0; from < topics.length; from += TOPICS_AT_A_TIME) {
    const resources = topics.slice(from, from + TOPICS_AT_A_TIME).map((topic) => ({
      resourceType: RESOURCE_TOPIC,
      resourceName: topic,
      configurationKeys: ['min.insync.replicas'],
    }));
    const { results } = await describeConfigsV4.api.async(connection, resources, false, false);
    for (const { errorCode, resourceName, configs } of results) {
      const config = configs.find(({ name }) => name === 'min.insync.replicas');
      const value = Number(config?.value ?? Number.NaN);
      if (!config || errorCode !== 0 || !Number.isInteger(value) || value <= 0) continue;
      minIsr.values[resourceName] = value;
      minIsr.from[resourceName] = SOURCES[config.configSource] ?? 'default';
    }
  }
  return minIsr;
}

/** A broker's own `controlled.shutdown.enable`; must be asked of that broker itself. */
export async function readControlledShutdown(connection: Connection, nodeId: number): Promise<boolean | 'unknown'> {
  const { results } = await describeConfigsV4.api.async(
    connection,
    [
      {
        resourceType: RESOURCE_BROKER,
        resourceName: String(nodeId),
        configurationKeys: ['controlled.shutdown.enable'],
      },
    ],
    false,
    false,
  );
  const value = results[0]?.configs.find(({ name }) => name === 'controlled.shutdown.enable')?.value;
  return value === 'true' ? true : value === 'false' ? false : 'unknown';
}

export type Features = { finalised: Record<string, number>; supported: Record<string, { min: number; max: number }> };

/** Feature levels of the cluster, and those that this broker supports (K2, K9, K15, K16). */
export async function readFeatures(connection: Connection): Promise<Features> {
  const answer = await apiVersionsV3.api.async(connection, 'patchwright', '1');
  return {
    finalised: Object.fromEntries(
      (answer.finalizedFeatures ?? []).map(({ name, maxVersionLevel }) => [name, maxVersionLevel]),
    ),
    supported: Object.fromEntries(
      (answer.supportedFeatures ?? []).map(({ name, minVersion, maxVersion }) => [
        name,
        { min: minVersion, max: maxVersion },
      ]),
    ),
  };
}

/** `adding`: the brokers that it brings replicas to. */
export type Reassignment = { topic: string; partition: number; adding: number[] };

/** Every reassignment that runs. */
export async function readReassignments(connection: Connection): Promise<Reassignment[]> {
  const { topics } = await listPartitionReassignmentsV0.api.async(connection, REQUEST_MS, null);
  return topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ addingReplicas, removingReplicas }) => addingReplicas.length + removingReplicas.length > 0)
      .map(({ partitionIndex, addingReplicas }) => ({
        topic: name,
        partition: partitionIndex,
        adding: addingReplicas,
      })),
  );
}

export type Quorum = { leader: number; voters: { id: number; behindMs: number | 'unknown' }[] };

/**
 * Leader and voters of the metadata quorum; `behindMs` is when a voter was last caught up, against the
 * leader's own clock (K4, as KafkaQuorumCheck computes it). Any broker answers, by asking the controller.
 */
export async function readQuorum(connection: Connection): Promise<Quorum> {
  const { errorCode, topics } = await describeQuorumV1.async(connection);
  const partition = topics[0]?.partitions[0];
  if (errorCode !== 0 || !partition || partition.errorCode !== 0) {
    throw new Error(`DescribeQuorum answered with error ${errorCode || (partition?.errorCode ?? 'no partition')}`);
  }
  const leader = partition.voters.find(({ id }) => id === partition.leaderId);
  const now = leader?.lastCaughtUp ?? -1n;
  return {
    leader: partition.leaderId,
    voters: partition.voters.map(({ id, lastCaughtUp }) => ({
      id,
      // -1: it has not fetched since this leader was elected.
      behindMs: lastCaughtUp < 0n || now < 0n ? 'unknown' : Math.max(0, Number(now - lastCaughtUp)),
    })),
  };
}

const ELECTION_NOT_NEEDED = 84;

/**
 * Elects the preferred leader of these partitions, and of no others. Any broker passes it on to the
 * controller. Returns the partitions that refused, with Kafka's error code.
 */
export async function electPreferred(
  connection: Connection,
  partitions: readonly { topic: string; partition: number }[],
): Promise<{ partition: string; errorCode: number }[]> {
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
  const topics = [...byTopic].map(([topic, list]) => ({ topic, partitions: list.map(({ partition }) => partition) }));
  const { errorCode, results } = await electLeadersV2.async(connection, topics, REQUEST_MS - 500);
  if (errorCode !== 0) throw Object.assign(new Error(`ElectLeaders answered with error ${errorCode}`), { errorCode });
  return results.flatMap(({ topic, partitions }) =>
    partitions
      .filter(({ errorCode }) => errorCode !== 0 && errorCode !== ELECTION_NOT_NEEDED)
      .map(({ id, errorCode }) => ({ partition: `${topic}-${id}`, errorCode })),
  );
}

/** Kafka's upgrade types: a raise; 2 and 3 are downgrades, which are never asked for. */
const UPGRADE = 1 as const;

/**
 * Raises one feature to a level, as `kafka-features.sh upgrade --feature` does. Any broker passes it on to the active
 * controller, which asks every node whether it knows the level. Its refusal in its words; undefined where it agreed.
 */
export async function raiseLevel(connection: Connection, feature: string, level: number): Promise<string | undefined> {
  const update = { feature, maxVersionLevel: level, upgradeType: UPGRADE };
  try {
    await updateFeaturesV1.api.async(connection, REQUEST_MS - 500, [update], false);
    return undefined;
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    const { errorMessage, results } = error.response as Awaited<ReturnType<typeof updateFeaturesV1.api.async>>;
    const refused = results.find(({ errorCode }) => errorCode !== 0);
    return refused?.errorMessage ?? errorMessage ?? error.message;
  }
}
