import type { ClusterSettings } from '../../config/clusters.ts';
import { seenFromOutside } from '../../decisions/kafka-rules/outside.ts';
import type { KafkaSnapshot } from '../../decisions/kafka-rules/snapshot.ts';
import type { TargetFacts, TargetInfo } from '../deploy/driver.ts';
import { readKafka } from './kafka.ts';
import { type Address, type Metadata, readMetadata, withConnection } from './kafka-protocol.ts';

/**
 * A cluster that was not laid out here, as its brokers tell it over the admin protocol, and Jolokia where a node names an
 * agent. Reads only. What has no agent gets the figures that the protocol has (decisions/kafka-rules/outside.ts).
 *
 * @throws where no bootstrap server answers, with what each of them said
 */
export async function readOutside(settings: ClusterSettings): Promise<KafkaSnapshot> {
  const { brokers } = await firstMetadata(settings.bootstrap.map(addressOf));
  const targets = targetsOf(settings, brokers);
  const facts = targets.map(({ name, nodeId }): TargetFacts => {
    const answers = brokers.some((broker) => broker.nodeId === nodeId);
    return { name, state: answers ? 'running' : 'unknown', artifacts: [], strangers: [] };
  });
  const agents = new Map(
    settings.nodes.flatMap(({ name, jolokia }) => (jolokia === undefined ? [] : [[name, addressOf(jolokia)] as const])),
  );
  return seenFromOutside(await readKafka(targets, facts, agents), [...agents.keys()]);
}

/** What was named, and every other broker that the cluster lists. */
function targetsOf({ nodes }: ClusterSettings, brokers: Metadata['brokers']): TargetInfo[] {
  const named = nodes.map((node): TargetInfo => {
    const told = brokers.find(({ nodeId }) => nodeId === node.id);
    const rack = node.rack ?? told?.rack ?? undefined;
    return {
      ...{ name: node.name, nodeId: node.id, roles: node.roles, dir: '' },
      ...(rack !== undefined && { rack }),
      host: told?.host ?? '',
      ports: told ? { broker: told.port } : ({} as Record<string, number>),
    };
  });
  const others = brokers
    .filter(({ nodeId }) => nodes.every(({ id }) => id !== nodeId))
    .map(({ nodeId, host, port, rack }) => ({
      ...{ name: `broker-${nodeId}`, nodeId, roles: ['broker'], host, ports: { broker: port }, dir: '' },
      ...(rack && { rack }),
    }));
  return [...named, ...others];
}

async function firstMetadata(addresses: readonly Address[]): Promise<Metadata> {
  const said: string[] = [];
  for (const address of addresses) {
    try {
      return await withConnection(address, readMetadata);
    } catch (error) {
      said.push(`${address.host}:${address.port}: ${(error as Error).message}`);
    }
  }
  throw new Error(`no bootstrap server answers (${said.join('; ')}); is it a listener without TLS and SASL?`);
}

function addressOf(text: string): Address {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(at + 1)) };
}
