import {
  type FeatureSnapshot,
  type KafkaSnapshot,
  type NodeSnapshot,
  nameOf,
  type PartitionSnapshot,
  type Reading,
} from '../../decisions/kafka-rules/snapshot.ts';
import { logger } from '../../lib/log.ts';
import type { TargetFacts, TargetInfo } from '../deploy/driver.ts';
import { firstAnswer, soonAnswered } from './first-answer.ts';
import { readFigures } from './jolokia.ts';
import {
  type Address,
  type Connect,
  type Features,
  type Metadata,
  type Quorum,
  type Reassignment,
  readControlledShutdown,
  readFeatures,
  readMetadata,
  readMinIsr,
  readQuorum,
  readReassignments,
  withConnection,
} from './kafka-protocol.ts';

/** Brokers whose word is compared; more would only cost time in a large cluster. */
const BROKERS_ASKED = 3;

const log = logger('kafka-health');

/** What one broker said. */
type BrokerAnswer = {
  metadata: Metadata;
  controlledShutdown: Reading<boolean>;
  features: Features | undefined;
};

/** What of a node does not answer, where it is its agent. */
export const JOLOKIA = 'Jolokia';

/** How a cluster is reached that was laid out elsewhere. */
export type Ways = {
  /** Where Jolokia listens elsewhere than on the target's own port. */
  agents?: ReadonlyMap<string, Address>;
  connect?: Connect;
  /** Is told of each read that failed. */
  onSilence?: OnSilence;
};
type OnSilence = (what: string, error: unknown) => void;

/**
 * One picture of a cluster, from the targets as they were laid out and the facts of their processes. What
 * does not answer within a few seconds is `unknown` (K19); the rules decide what that means.
 *
 * Partitions are told by up to three brokers and merged to the worse: a broker that was cut off goes on
 * telling an old, better ISR. Topic configuration, quorum and reassignments are asked of one after the
 * other until one answers.
 *
 * A node that hangs costs a picture its own time limit, and no more: brokers that answered are asked on beside it. With
 * the active controller hung each question took that long, and what was offline meanwhile was over before it was seen.
 */
export async function readKafka(
  targets: readonly TargetInfo[],
  facts: readonly TargetFacts[],
  { agents, connect = withConnection, onSilence }: Ways = {},
): Promise<KafkaSnapshot> {
  const takenAt = new Date().toISOString();
  const runs = (name: string) => facts.some((fact) => fact.name === name && isUp(fact));
  const brokers = targets.filter(({ name, roles }) => roles.includes('broker') && runs(name));
  const asked = brokers.map((broker) => attempt(broker.name, () => ask(broker, connect, onSilence), onSilence));
  const [answers, figures, others] = await Promise.all([
    Promise.all(asked),
    Promise.all(
      targets.map(async (target) => {
        const agent = agents?.get(target.name);
        return runs(target.name) || agent ? figuresOf(target, agent, onSilence) : 'unknown';
      }),
    ),
    soonAnswered(asked).then((soon) => readOthers(brokers, soon, { connect, onSilence })),
  ]);
  const answered = answers.flatMap((answer, index) => (answer ? [{ broker: brokers[index]!, answer }] : []));
  const told = answered.slice(0, BROKERS_ASKED).map(({ answer }) => answer.metadata);
  const partitions = mergePartitions(told);
  const alive = new Set(told.flatMap(({ brokers }) => brokers.map(({ nodeId }) => nodeId)));
  const { quorum, minIsr, moves } = others;
  return {
    takenAt,
    answeredBy: answered.map(({ broker }) => broker.name),
    nodes: targets.map((target, index): NodeSnapshot => {
      const fact = facts.find(({ name }) => name === target.name);
      const isBroker = target.roles.includes('broker');
      const own = answered.find(({ broker }) => broker === target)?.answer;
      return {
        name: target.name,
        id: target.nodeId ?? -1,
        roles: target.roles,
        ...(target.rack !== undefined && { rack: target.rack }),
        process: fact?.state ?? 'unknown',
        ...(fact?.startedAt !== undefined && { startedAt: fact.startedAt }),
        alive: !isBroker || told.length === 0 ? 'unknown' : alive.has(target.nodeId ?? -1),
        controlledShutdown: own?.controlledShutdown ?? 'unknown',
        figures: figures[index] ?? 'unknown',
      };
    }),
    quorum: quorum ?? 'unknown',
    partitions: partitions === 'unknown' ? partitions : withAdding(partitions, moves ?? []),
    minIsr: minIsr?.values ?? {},
    minIsrFrom: minIsr?.from ?? {},
    features: featuresOf(answered),
    reassigning: moves?.map(nameOf) ?? 'unknown',
  };
}

/** What any broker can tell, asked of those that answered. */
async function readOthers(
  brokers: readonly TargetInfo[],
  answers: readonly (BrokerAnswer | undefined)[],
  ways: Pick<Ways, 'onSilence'> & { connect: Connect },
) {
  const askable = brokers.filter((_, index) => answers[index] !== undefined);
  const topics = answers.flatMap((answer) => answer?.metadata.topics.flatMap(({ name }) => name ?? []) ?? []);
  const first = <T>(what: string, read: Read<T>) => firstOf(askable, what, read, ways);
  const [quorum, minIsr, moves] = await Promise.all([
    first<Quorum>('quorum', readQuorum),
    first('topic configuration', (connection) => readMinIsr(connection, [...new Set(topics)])),
    first('reassignments', readReassignments),
  ]);
  return { quorum, minIsr, moves };
}

const isUp = ({ state }: TargetFacts) => state === 'running' || state === 'starting';

async function ask(broker: TargetInfo, connect: Connect, onSilence?: OnSilence): Promise<BrokerAnswer> {
  return connect(brokerAddress(broker), async (connection) => {
    const metadata = await readMetadata(connection);
    const controlledShutdown = await readControlledShutdown(connection, broker.nodeId ?? -1);
    // Not needed to change a node, so that a broker which does not tell them has answered all the same.
    const features = await attempt(`${broker.name}: features`, () => readFeatures(connection), onSilence);
    return { metadata, controlledShutdown, features };
  });
}

/** The newest finalised levels that any broker tells, and what each of them supports. */
function featuresOf(answered: readonly { broker: TargetInfo; answer: BrokerAnswer }[]): Reading<FeatureSnapshot> {
  const told = answered.flatMap(({ broker, answer: { features } }) =>
    features ? [{ name: broker.name, features }] : [],
  );
  if (told.length === 0) return 'unknown';
  const finalised: Record<string, number> = {};
  for (const [feature, level] of told.flatMap(({ features }) => Object.entries(features.finalised))) {
    finalised[feature] = Math.max(level, finalised[feature] ?? level);
  }
  return { finalised, supported: Object.fromEntries(told.map(({ name, features }) => [name, features.supported])) };
}

export function brokerAddress({ name, host, ports }: TargetInfo): { host: string; port: number } {
  if (ports.broker === undefined) throw new Error(`${name} has no broker port`);
  return { host, port: ports.broker };
}

async function figuresOf({ name, host, ports }: TargetInfo, agent?: Address, onSilence?: OnSilence) {
  const port = ports.jolokia;
  const asked = agent ?? (port === undefined ? undefined : { host, port });
  if (asked === undefined) return 'unknown' as const;
  return (await attempt(`${name}: ${JOLOKIA}`, () => readFigures(asked), onSilence)) ?? ('unknown' as const);
}

/** The answer, or undefined: that something does not answer is a reading, and not an error of ours. */
async function attempt<T>(name: string, read: () => Promise<T>, onSilence?: OnSilence): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    log.debug({ target: name, err: (error as Error).message }, 'did not answer');
    onSilence?.(name, error);
    return undefined;
  }
}

type Read<T> = Parameters<typeof withConnection<T>>[1];

/** The first answer of several brokers, one after the other, and beside one that hangs. */
export async function firstOf<T>(
  brokers: readonly TargetInfo[],
  what: string,
  read: Read<T>,
  { connect = withConnection, onSilence }: Pick<Ways, 'connect' | 'onSilence'> = {},
): Promise<T | undefined> {
  return firstAnswer(
    brokers.map((broker) => () => {
      const ask = () => connect(brokerAddress(broker), read);
      return attempt(`${broker.name}: ${what}`, ask, onSilence);
    }),
  );
}

/**
 * The worse of what several brokers tell: leader and replicas of the newest leader epoch, and only replicas
 * that every one of them believes to be in sync. A topic that one of them does not know (yet, or any more)
 * is taken from those that do.
 */
export function mergePartitions(told: readonly Metadata[]): Reading<PartitionSnapshot[]> {
  if (told.length === 0) return 'unknown';
  const merged = new Map<string, PartitionSnapshot & { epoch: number }>();
  for (const { topics } of told) {
    for (const { name, partitions } of topics) {
      for (const { partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes } of partitions) {
        if (name === null || name === undefined) continue;
        const key = `${name}-${partitionIndex}`;
        const known = merged.get(key);
        const newer = !known || leaderEpoch >= known.epoch;
        merged.set(key, {
          topic: name,
          partition: partitionIndex,
          leader: newer ? leaderId : known.leader,
          replicas: newer ? replicaNodes : known.replicas,
          isr: known ? known.isr.filter((id) => isrNodes.includes(id)) : isrNodes,
          epoch: Math.max(leaderEpoch, known?.epoch ?? leaderEpoch),
        });
      }
    }
  }
  return [...merged.values()].map(({ epoch: _, ...partition }) => partition);
}

function withAdding(partitions: readonly PartitionSnapshot[], moves: readonly Reassignment[]): PartitionSnapshot[] {
  const adding = new Map(moves.map((move) => [nameOf(move), move.adding]));
  return partitions.map((partition) => {
    const brought = adding.get(nameOf(partition)) ?? [];
    return brought.length === 0 ? partition : { ...partition, adding: brought };
  });
}
