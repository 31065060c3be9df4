/** A figure that was read, or `unknown`. Missing is never zero: what is unknown blocks (rule K19). */
export type Reading<T> = T | 'unknown';

/** JMX of one node. Figures that its roles do not have are `unknown`. */
export type NodeFigures = {
  /** 3 = running, 2 = recovering its logs, 6 and 7 = shutting down. Brokers only. */
  brokerState: Reading<number>;
  underReplicated: Reading<number>;
  underMinIsr: Reading<number>;
  offlineReplicas: Reading<number>;
  /** Of the cluster, as this controller counts them. Controllers only. */
  offlinePartitions: Reading<number>;
  /** 1 on the active controller, 0 on the others. Controllers only. */
  activeController: Reading<number>;
  /** Logs that a starting broker still has to recover; 0 when it is done. */
  logsToRecover: Reading<number>;
  version: Reading<string>;
  commit: Reading<string>;
};

export type NodeSnapshot = {
  name: string;
  id: number;
  /** `controller`, `broker`, or both on a combined node. */
  roles: string[];
  rack?: string;
  process: 'running' | 'starting' | 'stopped' | 'unknown';
  startedAt?: string;
  /** The cluster lists this broker: registered and not fenced. `unknown` where no broker answered. */
  alive: Reading<boolean>;
  /** `controlled.shutdown.enable` in effect, asked of the broker itself. */
  controlledShutdown: Reading<boolean>;
  figures: Reading<NodeFigures>;
  /** What else of it could not be read, in words: it blocks (K19). Absent where there is nothing. */
  unread?: string[];
};

/** `leader` is -1 where there is none. `adding`: replicas that a reassignment brings, and which are not there yet. */
export type PartitionSnapshot = {
  topic: string;
  partition: number;
  leader: number;
  replicas: number[];
  isr: number[];
  adding?: number[];
};

/** `behindMs`: last caught up, against the leader's own; `unknown` for a voter that never fetched. */
export type QuorumSnapshot = { leader: number; voters: { id: number; behindMs: Reading<number> }[] };

/** Feature levels as the controllers finalised them, and the ranges that each broker supports, by node and feature. */
export type FeatureSnapshot = {
  finalised: Record<string, number>;
  supported: Record<string, Record<string, { min: number; max: number }>>;
};

/** Which configuration decides a topic's value: its own, a broker's, the cluster's, or Kafka's default. */
export type ConfigSource = 'topic' | 'broker' | 'cluster' | 'default';

/** One plain picture of a cluster, which every rule is applied to. */
export type KafkaSnapshot = {
  takenAt: string;
  /** Nodes whose answers the partitions are from. */
  answeredBy: string[];
  nodes: NodeSnapshot[];
  quorum: Reading<QuorumSnapshot>;
  /** Of all topics, internal ones included. */
  partitions: Reading<PartitionSnapshot[]>;
  /** Effective `min.insync.replicas` by topic; a topic that is missing is unknown. */
  minIsr: Record<string, number>;
  /** `topic-partition` of every reassignment that runs. */
  reassigning: Reading<string[]>;
  /** Absent in snapshots that were kept before features were read. */
  features?: Reading<FeatureSnapshot>;
  /** Where each effective min ISR comes from; a topic that is missing is unknown. */
  minIsrFrom?: Record<string, ConfigSource>;
  /** Topics that brokers hold and do not list to whoever asks; absent where that was not looked at. */
  unlisted?: Reading<string[]>;
  /** Why it could not be asked, where that is known: it blocks (K19). */
  unread?: string[];
};

/** What a rule found, with what a waiver may be scoped to. */
export type Finding = {
  rule: string;
  reason: string;
  topic?: string;
  node?: string;
  /** The dead broker that is why it was found, where it is apart from what is to roll (dead-broker.ts). */
  dead?: string;
};

export const nameOf = ({ topic, partition }: { topic: string; partition: number }) => `${topic}-${partition}`;

export const isBroker = (node: { roles: string[] }) => node.roles.includes('broker');
export const isController = (node: { roles: string[] }) => node.roles.includes('controller');

/** The nodes of these names. An unknown name is our own mistake, not the cluster's. */
export function nodesNamed(snapshot: KafkaSnapshot, names: readonly string[]): NodeSnapshot[] {
  return names.map((name) => {
    const node = snapshot.nodes.find((node) => node.name === name);
    if (!node) throw new Error(`no node ${name} in the snapshot: ${snapshot.nodes.map((n) => n.name).join(', ')}`);
    return node;
  });
}

export const nodeName = (snapshot: KafkaSnapshot, id: number): string =>
  snapshot.nodes.find((node) => node.id === id)?.name ?? `node ${id}`;

/**
 * Replicas that are to be in sync and are not. One that a reassignment brings is not missed before it has ended: somebody
 * moves it, and no candidate did (Kafka's own count of under-replicated partitions leaves them out as well).
 */
export const missingReplicas = ({ isr, replicas, adding = [] }: PartitionSnapshot) =>
  replicas.filter((id) => !isr.includes(id) && !adding.includes(id));

export const isUnderReplicated = (partition: PartitionSnapshot) => missingReplicas(partition).length > 0;

/** The first few and how many more, since a person reads it and a history keeps it. */
export function few(names: readonly string[], shown = 5): string {
  const head = names.slice(0, shown).join(', ');
  return names.length > shown ? `${head} and ${names.length - shown} more` : head;
}

/** The partitions, where they are known; what is not is K19's to block. */
export const known = <T>(reading: Reading<T[]>): T[] => (reading === 'unknown' ? [] : reading);
