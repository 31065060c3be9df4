import { type Connection, findCoordinatorV4, listOffsetsV7, offsetFetchV8 } from '@platformatic/kafka';
import type { TargetInfo } from '../deploy/driver.ts';
import { brokerAddress } from './kafka.ts';
import { askAny, readPartitions } from './kafka-config.ts';
import { withConnection } from './kafka-protocol.ts';

const GROUP = 0;
/** Kafka's time for the next offset that will be written. */
const LATEST = -1n;

type Committed = { topic: string; partition: number; offset: bigint };

/**
 * Records that a group has still to read, over all partitions where it has committed anything (of one topic, where one
 * is named). Undefined where it has committed nothing there: then nothing says that it reads it.
 *
 * @throws where the coordinator or a leader does not answer.
 */
export async function readLag(
  targets: readonly TargetInfo[],
  group: string,
  topic?: string,
): Promise<number | undefined> {
  const committed = (await committedOf(targets, group)).filter((one) => topic === undefined || one.topic === topic);
  if (committed.length === 0) return undefined;
  const partitions = await readPartitions(targets);
  const leaders = new Map(partitions.map((one) => [`${one.topic}-${one.partition}`, one.leader]));
  const byLeader = Map.groupBy(committed, ({ topic: name, partition }) => leaders.get(`${name}-${partition}`) ?? -1);
  let lag = 0n;
  for (const [leader, own] of byLeader) {
    const ends = await withConnection(brokerAddress(nodeOf(targets, leader)), (connection) => endsOf(connection, own));
    for (const { topic: name, partition, offset } of own) {
      const end = ends.get(`${name}-${partition}`);
      if (end === undefined) throw new Error(`the end of ${name}-${partition} is not told`);
      if (end > offset) lag += end - offset;
    }
  }
  return Number(lag);
}

async function committedOf(targets: readonly TargetInfo[], group: string): Promise<Committed[]> {
  const { coordinators } = await askAny(targets, (connection) =>
    findCoordinatorV4.api.async(connection, GROUP, [group]),
  );
  const id = coordinators[0]?.nodeId ?? -1;
  const asked = [{ groupId: group, memberEpoch: -1, topics: null }];
  const { groups } = await withConnection(brokerAddress(nodeOf(targets, id)), (connection) =>
    offsetFetchV8.api.async(connection, asked, false),
  );
  return (groups[0]?.topics ?? []).flatMap(({ name, partitions }) =>
    partitions.flatMap(({ partitionIndex, committedOffset, errorCode }) =>
      errorCode !== 0 || committedOffset < 0n
        ? []
        : [{ topic: name, partition: partitionIndex, offset: committedOffset }],
    ),
  );
}

async function endsOf(connection: Connection, partitions: readonly Committed[]): Promise<Map<string, bigint>> {
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
  const asked = [...byTopic].map(([name, own]) => ({
    name,
    partitions: own.map(({ partition }) => ({ partitionIndex: partition, currentLeaderEpoch: -1, timestamp: LATEST })),
  }));
  const { topics } = await listOffsetsV7.api.async(connection, -1, 0, asked);
  return new Map(
    topics.flatMap(({ name, partitions: told }) =>
      told.map(({ partitionIndex, offset }) => [`${name}-${partitionIndex}`, offset] as const),
    ),
  );
}

function nodeOf(targets: readonly TargetInfo[], id: number): TargetInfo {
  const found = targets.find(({ nodeId, roles }) => nodeId === id && roles.includes('broker'));
  if (found === undefined) throw new Error(`no broker with the id ${id} is laid out`);
  return found;
}
