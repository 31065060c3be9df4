import { leastVersion } from './outside.ts';
import type { KafkaSnapshot, NodeSnapshot } from './snapshot.ts';

/** What nobody can see of a cluster whose hosts are reached by commands. */
export const UNSEEN_ON_HOSTS = ['what lies on its disks but the artifacts: how much is free, what the logs hold'];

/** A node's process, as the commands of its host tell it. `said`: why they did not tell it. */
export type HostFacts = {
  name: string;
  state: NodeSnapshot['process'];
  startedAt?: string;
  version?: string;
  said: readonly string[];
};

/**
 * A cluster that is seen from outside, with what is told on the hosts of some of its nodes: of a process these know
 * better than brokers, which go on listing one for seconds after it was killed. A host that does not answer is not seen
 * (K19), whatever brokers say of its node.
 */
export function withHosts(snapshot: KafkaSnapshot, hosts: readonly HostFacts[]): KafkaSnapshot {
  const nodes = snapshot.nodes.map((node): NodeSnapshot => {
    const host = hosts.find(({ name }) => name === node.name);
    if (!host) return node;
    const { state, startedAt, version, said } = host;
    const silent = state === 'unknown' ? [`its process (${said.join('; ') || 'never laid out'})`] : [];
    return {
      ...node,
      process: state,
      ...(startedAt !== undefined && { startedAt }),
      ...(silent.length > 0 && { unread: silent }),
      figures: withVersion(node.figures, version, leastVersion(snapshot)),
    };
  });
  return { ...snapshot, nodes };
}

/** An agent tells what runs; a command is asked before what the cluster's level only lets one conclude. */
function withVersion(figures: NodeSnapshot['figures'], told: string | undefined, least: string) {
  if (figures === 'unknown' || told === undefined) return figures;
  return figures.version === 'unknown' || figures.version === least ? { ...figures, version: told } : figures;
}

/** No broker can be asked at all: every rule that needs to see blocks, with the reason. */
export function blindSnapshot(
  nodes: readonly Pick<NodeSnapshot, 'name' | 'id' | 'roles'>[],
  { takenAt, why }: { takenAt: string; why: string },
): KafkaSnapshot {
  return {
    ...{ takenAt, answeredBy: [], unread: [why], minIsr: {} },
    ...{ quorum: 'unknown', partitions: 'unknown', reassigning: 'unknown', features: 'unknown' },
    nodes: nodes.map(({ name, id, roles }) => ({
      ...{ name, id, roles: [...roles], process: 'unknown', alive: 'unknown' },
      ...{ controlledShutdown: 'unknown', figures: 'unknown' },
    })),
  };
}

/** Racks that brokers tell of themselves, by node. */
export const racksOf = ({ nodes }: KafkaSnapshot): Record<string, string> =>
  Object.fromEntries(nodes.flatMap(({ name, rack }) => (rack === undefined ? [] : [[name, rack]])));
