import { offlinePartitions, underMinIsr, underReplicated } from './preflight.ts';
import { isBroker, isController, type KafkaSnapshot, known, type NodeFigures, type NodeSnapshot } from './snapshot.ts';

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
    // A broker that is not fenced has recovered its logs and caught up with the metadata.
    brokerState: isBroker(node) ? 3 : 'unknown',
    underReplicated: led(underReplicated(snapshot)),
    underMinIsr: led(underMinIsr(snapshot)),
    // One on a failed disk is in no ISR: so many at the most.
    offlineReplicas: known(snapshot.partitions).filter(
      ({ replicas, isr }) => replicas.includes(node.id) && !isr.includes(node.id),
    ).length,
    offlinePartitions: offlinePartitions(snapshot).length,
    activeController: quorum !== 'unknown' && quorum.leader === node.id ? 1 : 0,
    logsToRecover: 'unknown',
    version: 'unknown',
    commit: 'unknown',
  };
}
