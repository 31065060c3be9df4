import { expect } from 'vitest';
import type { Finding, KafkaSnapshot, NodeFigures, NodeSnapshot } from '../../decisions/kafka-rules/snapshot.ts';

/** Plain snapshots for tables: whole clusters, which a row then hurts in one place. */

export const figures = (over: Partial<NodeFigures> = {}): NodeFigures => ({
  brokerState: 3,
  underReplicated: 0,
  underMinIsr: 0,
  offlineReplicas: 0,
  offlinePartitions: 0,
  activeController: 0,
  logsToRecover: 0,
  version: '3.6.2',
  commit: 'abcdef0123456789',
  ...over,
});

export function node(name: string, id: number, roles: string[], over: Partial<NodeSnapshot> = {}): NodeSnapshot {
  return {
    name,
    id,
    roles,
    process: 'running',
    alive: true,
    controlledShutdown: true,
    figures: figures({ activeController: id === 1 ? 1 : 0 }),
    ...over,
  };
}

/** Three combined nodes, `n1` the active controller; topic `t` and an internal one, 3 replicas, min ISR 2. */
export function combined(over: Partial<KafkaSnapshot> = {}): KafkaSnapshot {
  const topic = (name: string) =>
    [0, 1, 2].map((partition) => ({
      topic: name,
      partition,
      leader: partition + 1,
      replicas: [partition + 1, ((partition + 1) % 3) + 1, ((partition + 2) % 3) + 1],
      isr: [1, 2, 3],
    }));
  return {
    takenAt: '2026-01-10T12:00:00.000Z',
    answeredBy: ['n1', 'n2', 'n3'],
    nodes: [1, 2, 3].map((id) => node(`n${id}`, id, ['controller', 'broker'])),
    quorum: { leader: 1, voters: [1, 2, 3].map((id) => ({ id, behindMs: 0 })) },
    partitions: [...topic('t'), ...topic('__consumer_offsets')],
    minIsr: { t: 2, __consumer_offsets: 2 },
    reassigning: [],
    ...over,
  };
}

/** Three controllers `c1`–`c3` (`c1` active) and three brokers `b4`–`b6`. */
export function dedicated(over: Partial<KafkaSnapshot> = {}): KafkaSnapshot {
  const whole = combined();
  const shift = (ids: number[]) => ids.map((id) => id + 3);
  return {
    ...whole,
    answeredBy: ['b4', 'b5', 'b6'],
    nodes: [
      ...[1, 2, 3].map((id) => node(`c${id}`, id, ['controller'], { alive: 'unknown', controlledShutdown: 'unknown' })),
      ...[4, 5, 6].map((id) => node(`b${id}`, id, ['broker'])),
    ],
    partitions: (whole.partitions === 'unknown' ? [] : whole.partitions).map((partition) => ({
      ...partition,
      leader: partition.leader + 3,
      replicas: shift(partition.replicas),
      isr: shift(partition.isr),
    })),
    ...over,
  };
}

type Partitions = Exclude<KafkaSnapshot['partitions'], 'unknown'>;

/** The same snapshot with one partition changed. */
export function withPartition(
  snapshot: KafkaSnapshot,
  name: string,
  change: Partial<Partitions[number]>,
): KafkaSnapshot {
  if (snapshot.partitions === 'unknown') throw new Error('this snapshot knows no partitions');
  const hit = snapshot.partitions.some((p) => `${p.topic}-${p.partition}` === name);
  if (!hit) throw new Error(`no partition ${name} in the snapshot`);
  return {
    ...snapshot,
    partitions: snapshot.partitions.map((p) => (`${p.topic}-${p.partition}` === name ? { ...p, ...change } : p)),
  };
}

export function withNode(snapshot: KafkaSnapshot, name: string, change: Partial<NodeSnapshot>): KafkaSnapshot {
  return { ...snapshot, nodes: snapshot.nodes.map((n) => (n.name === name ? { ...n, ...change } : n)) };
}

export const rulesOf = (findings: readonly { rule: string }[]) => findings.map(({ rule }) => rule);

/** Each row says which words a person needs to find in the block; no words: it passes. */
export function expectFinding(findings: readonly Finding[], rule: string, words: readonly string[] | undefined) {
  if (words === undefined) return expect(findings).toEqual([]);
  expect(findings.length).toBeGreaterThan(0);
  expect(new Set(rulesOf(findings))).toEqual(new Set([rule]));
  const text = findings.map(({ reason }) => reason).join('\n');
  for (const word of words) expect(text).toContain(word);
}
