import type { ClusterSettings } from '../../config/clusters.ts';
import type { SecretRef } from '../../config/env.ts';
import { type Silence, seenFromOutside, silenceWords, unlistedOf } from '../../decisions/kafka-rules/outside.ts';
import type { KafkaSnapshot } from '../../decisions/kafka-rules/snapshot.ts';
import type { TargetFacts, TargetInfo } from '../deploy/driver.ts';
import { firstOf, JOLOKIA, readKafka, type Ways } from './kafka.ts';
import {
  type Address,
  type Connect,
  type Metadata,
  readHeldTopics,
  readMetadata,
  securedConnect,
  withConnection,
} from './kafka-protocol.ts';
import { innermost, whyRefused } from './kafka-refusal.ts';
import { openSecurity } from './kafka-security.ts';

/** What was seen, where its nodes were asked, and, in words, why some of it was not seen. */
export type Outside = { snapshot: KafkaSnapshot; targets: TargetInfo[]; silent: string[] };

/** How to connect to a cluster. @throws where what `security` refers to is not there, or does not fit together */
export function connectTo(
  name: string,
  { security }: ClusterSettings,
  readSecret: (ref: SecretRef, what: string) => string,
): Connect {
  return security ? securedConnect(openSecurity(`clusters.${name}.security`, security, readSecret)) : withConnection;
}

/**
 * A cluster that was not laid out here, as its brokers tell it over the admin protocol, and Jolokia where a node names an
 * agent. Reads only. What has no agent gets the figures that the protocol has (decisions/kafka-rules/outside.ts).
 *
 * @throws where no bootstrap server answers, with what each of them said
 */
export async function readOutside(settings: ClusterSettings, connect: Connect): Promise<Outside> {
  const { brokers } = await firstMetadata(settings, connect);
  const targets = targetsOf(settings, brokers);
  const silences: Silence[] = [];
  const onSilence = (said: string, error: unknown) => {
    const [name = '', what] = said.split(': ');
    const host = targets.find((target) => target.name === name)?.host ?? '';
    const { security } = settings;
    silences.push({ name, what, why: what === JOLOKIA ? innermost(error) : whyRefused(error, { host, security }) });
  };
  const facts = targets.map(({ name, nodeId }): TargetFacts => {
    const answers = brokers.some((broker) => broker.nodeId === nodeId);
    return { name, state: answers ? 'running' : 'unknown', artifacts: [], strangers: [] };
  });
  const agents = agentsOf(settings);
  const held = await heldTopics(targets, { connect, onSilence });
  const snapshot = seenFromOutside(await readKafka(targets, facts, { agents, connect, onSilence }), [...agents.keys()]);
  return { snapshot: { ...snapshot, unlisted: unlistedOf(snapshot, held) }, targets, silent: silenceWords(silences) };
}

/** Where the agents listen that nodes name. */
export const agentsOf = ({ nodes }: Pick<ClusterSettings, 'nodes'>): Map<string, Address> =>
  new Map(nodes.flatMap(({ name, jolokia }) => (jolokia === undefined ? [] : [[name, addressOf(jolokia)] as const])));

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

async function firstMetadata({ bootstrap, security }: ClusterSettings, connect: Connect): Promise<Metadata> {
  const said: string[] = [];
  for (const address of bootstrap.map(addressOf)) {
    try {
      return await connect(address, readMetadata);
    } catch (error) {
      said.push(`${address.host}:${address.port}: ${whyRefused(error, { host: address.host, security })}`);
    }
  }
  throw new Error(`no bootstrap server answers (${said.join('; ')})`);
}

/**
 * The topics of which brokers hold replicas, read before the topics that they list: a broker lists to a user only what
 * that one may describe, and tells of the rest nothing, not even that it is there.
 */
async function heldTopics(
  targets: readonly TargetInfo[],
  { connect, onSilence }: Required<Pick<Ways, 'connect' | 'onSilence'>>,
): Promise<(string[] | undefined)[]> {
  const brokers = targets.filter(({ ports }) => ports.broker !== undefined);
  return Promise.all(
    brokers.map((broker) => firstOf([broker], 'which topics it holds', readHeldTopics, { connect, onSilence })),
  );
}

function addressOf(text: string): Address {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(at + 1)) };
}
