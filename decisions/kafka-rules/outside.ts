import { finalisedLevel } from './features.ts';
import { leastKafkaOf } from './metadata-versions.ts';
import { offlinePartitions, underMinIsr, underReplicated } from './preflight.ts';
import {
  few,
  isBroker,
  isController,
  type KafkaSnapshot,
  known,
  type NodeFigures,
  type NodeSnapshot,
  type Reading,
} from './snapshot.ts';

/** What nobody can see of a cluster that was not laid out here, whoever answers. */
export const UNSEEN = [
  'what lies on its disks: how much is free, which jars, what the logs hold',
  'its processes: whether somebody has just restarted one, or will',
];

/**
 * A snapshot of a cluster that is seen over the admin protocol alone. A node without an agent gets those figures that
 * brokers and quorum tell for it, by the same definitions that its own would follow; one that they do not list, or that
 * never fetched, has none, and blocks (K19). A node whose agent was named, and does not answer, has none either.
 */
export function seenFromOutside(snapshot: KafkaSnapshot, agents: readonly string[]): KafkaSnapshot {
  const nodes = withVoters(snapshot).map((node) => {
    if (agents.includes(node.name) || snapshot.partitions === 'unknown') return node;
    const figures = figuresOf(snapshot, node);
    return figures ? { ...node, figures } : node;
  });
  return { ...snapshot, nodes };
}

/** Whose figures are not its own. */
export function byProtocolWords({ nodes }: KafkaSnapshot, agents: readonly string[]): string[] {
  const names = nodes.map(({ name }) => name).filter((name) => !agents.includes(name));
  if (names.length === 0) return [];
  return [`figures of ${few(names)}: no agent is named, so that they are what brokers and quorum tell`];
}

/** What a node did not answer, and why; without `what` nothing of it could be asked. */
export type Silence = { name: string; what: string | undefined; why: string };

/** A line a reason, since all brokers of a cluster tend to have the same. */
export function silenceWords(silences: readonly Silence[]): string[] {
  return [...Map.groupBy(silences, ({ why }) => why)].map(([why, alike]) => {
    const names = few([...new Set(alike.map(({ name }) => name))]);
    const whats = alike.every(({ what }) => what) ? ` (${[...new Set(alike.map(({ what }) => what))].join(', ')})` : '';
    return `${names}${whats}: ${why}`;
  });
}

/** The metadata log is no topic that anybody lists. */
const METADATA = '__cluster_metadata';

/**
 * Topics that brokers hold and do not list: whoever asks may not describe them. `held`: of each broker, or undefined where
 * it does not tell; one that tells of none that is not listed says nothing for the others.
 */
export function unlistedOf(
  { partitions }: KafkaSnapshot,
  held: readonly (readonly string[] | undefined)[],
): Reading<string[]> {
  if (partitions === 'unknown') return [];
  const listed = new Set(partitions.map(({ topic }) => topic));
  const topics = new Set(held.flatMap((of) => of ?? []));
  const unlisted = [...topics].filter((topic) => topic !== METADATA && !listed.has(topic)).sort();
  return unlisted.length === 0 && held.includes(undefined) ? 'unknown' : unlisted;
}

/** Who votes is a controller, whatever it was said to be, and there, though nobody named it: K4 asks of each. */
function withVoters({ nodes, quorum }: KafkaSnapshot): NodeSnapshot[] {
  const voters = quorum === 'unknown' ? [] : quorum.voters.map(({ id }) => id);
  const roled = nodes.map((node) => {
    const missing = voters.includes(node.id) && !isController(node);
    return missing ? { ...node, roles: ['controller', ...node.roles] } : node;
  });
  const unnamed = voters
    .filter((id) => nodes.every((node) => node.id !== id))
    .map((id) => ({
      ...{ name: `controller-${id}`, id, roles: ['controller'], process: 'unknown' as const },
      ...{ alive: 'unknown' as const, controlledShutdown: 'unknown' as const, figures: 'unknown' as const },
    }));
  return [...roled, ...unnamed];
}

function figuresOf(snapshot: KafkaSnapshot, node: NodeSnapshot): NodeFigures | undefined {
  const { quorum } = snapshot;
  if (isBroker(node) && node.alive !== true) return undefined;
  const voter = quorum === 'unknown' ? undefined : quorum.voters.find(({ id }) => id === node.id);
  if (isController(node) && (voter === undefined || voter.behindMs === 'unknown')) return undefined;
  const led = (partitions: { leader: number }[]) => partitions.filter(({ leader }) => leader === node.id).length;
  return {
    // A broker that is not fenced has recovered its logs and caught up with the metadata. It has to answer for itself: one
    // that was killed is listed by the others until its session is over, though it may be starting anew.
    brokerState: isBroker(node) && snapshot.answeredBy.includes(node.name) ? 3 : 'unknown',
    underReplicated: led(underReplicated(snapshot)),
    underMinIsr: led(underMinIsr(snapshot)),
    // One on a failed disk is in no ISR: so many at the most.
    offlineReplicas: known(snapshot.partitions).filter(
      ({ replicas, isr }) => replicas.includes(node.id) && !isr.includes(node.id),
    ).length,
    offlinePartitions: offlinePartitions(snapshot).length,
    activeController: quorum !== 'unknown' && quorum.leader === node.id ? 1 : 0,
    logsToRecover: 'unknown',
    version: leastVersion(snapshot),
    commit: 'unknown',
  };
}

/** No node that is older than the finalised level is let into the cluster, so that it tells of each what it runs at least. */
export function leastVersion(snapshot: KafkaSnapshot): Reading<string> {
  const level = finalisedLevel(snapshot);
  const least = level === undefined ? undefined : leastKafkaOf(level);
  return least === undefined ? 'unknown' : `${least} or later`;
}
