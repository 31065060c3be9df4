import {
  type Finding,
  few,
  isBroker,
  isUnderReplicated,
  type KafkaSnapshot,
  known,
  missingReplicas,
  type NodeSnapshot,
  nameOf,
  nodeName,
  nodesNamed,
  type PartitionSnapshot,
} from './snapshot.ts';

/** Brokers that are to be down at the same time. A partition is judged by what they leave of it together. */
export type Wave = readonly string[];

const idsOf = (nodes: readonly NodeSnapshot[]) => new Set(nodes.filter(isBroker).map((node) => node.id));

/** The partitions that the wave holds a replica of. */
function touched(snapshot: KafkaSnapshot, ids: ReadonlySet<number>): PartitionSnapshot[] {
  return known(snapshot.partitions).filter(({ replicas }) => replicas.some((id) => ids.has(id)));
}

const without = (partition: PartitionSnapshot, ids: ReadonlySet<number>) => partition.isr.filter((id) => !ids.has(id));

/** Findings of one rule, one a topic (a waiver names a topic), in order of topic. */
function perTopic(rule: string, hits: { partition: PartitionSnapshot; why: string }[]): Finding[] {
  const byTopic = Map.groupBy(hits, ({ partition }) => partition.topic);
  return [...byTopic]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([topic, [first, ...more]]) => ({
      rule,
      topic,
      reason: `${first!.why}${more.length ? ` (and ${more.length} more partitions of ${topic})` : ''}`,
    }));
}

/**
 * K6: no partition may be left with fewer in-sync replicas than its `min.insync.replicas`: for each one that
 * the wave holds a replica of, |ISR without the wave| ≥ min ISR. Partitions whose replication cannot
 * exceed it are K8's. Source: KafkaAvailability (Strimzi), in the set form of the corrections.
 */
export function k6KeepsMinIsr(snapshot: KafkaSnapshot, wave: Wave): Finding[] {
  const ids = idsOf(nodesNamed(snapshot, wave));
  const hits = touched(snapshot, ids).flatMap((partition) => {
    const min = snapshot.minIsr[partition.topic];
    if (min === undefined || partition.replicas.length <= min) return [];
    const left = without(partition, ids).length;
    if (left >= min) return [];
    const why = `${nameOf(partition)} would have ${left} in-sync replicas without ${wave.join(', ')}; min.insync.replicas is ${min} (ISR now [${partition.isr}])`;
    return [{ partition, why }];
  });
  return perTopic('K6', hits);
}

/**
 * K7, stricter than K6: |ISR without the wave| ≥ min ISR + margin. Where replication leaves no room for the
 * margin (3 replicas, min ISR 2), every partition of the cluster must be fully replicated instead; a
 * replica that is missing because it lies on the wave itself does not count.
 */
export function k7KeepsMargin(snapshot: KafkaSnapshot, wave: Wave, margin: number): Finding[] {
  const ids = idsOf(nodesNamed(snapshot, wave));
  if (ids.size === 0) return [];
  let noRoom = margin === 0;
  const hits = touched(snapshot, ids).flatMap((partition) => {
    const min = snapshot.minIsr[partition.topic];
    if (min === undefined || partition.replicas.length <= min) return [];
    const most = partition.replicas.filter((id) => !ids.has(id)).length;
    const possible = Math.max(0, Math.min(margin, most - min));
    if (possible === 0) noRoom = true;
    const left = without(partition, ids).length;
    // Below min ISR is K6's finding; it would only be said twice.
    if (left < min || left >= min + possible) return [];
    const why = `${nameOf(partition)} would have ${left} in-sync replicas without ${wave.join(', ')}; the margin of ${possible} above min.insync.replicas ${min} asks for ${min + possible}`;
    return [{ partition, why }];
  });
  return perTopic('K7', noRoom ? [...hits, ...missingElsewhere(snapshot, ids)] : hits);
}

function missingElsewhere(snapshot: KafkaSnapshot, ids: ReadonlySet<number>) {
  return known(snapshot.partitions)
    .filter(isUnderReplicated)
    .flatMap((partition) => {
      const missing = missingReplicas(partition).filter((id) => !ids.has(id));
      if (missing.length === 0) return [];
      const names = missing.map((id) => nodeName(snapshot, id)).join(', ');
      const why = `${nameOf(partition)} is under-replicated: ISR [${partition.isr}] of replicas [${partition.replicas}], ${names} missing; with no margin above min.insync.replicas every partition must be in sync`;
      return [{ partition, why }];
    });
}

/**
 * K8: a partition with no more replicas than its `min.insync.replicas` (replication 1 included) cannot be
 * written while its broker restarts. Strimzi rolls anyway; we block and name the topics.
 */
export function k8CanSpareAReplica(snapshot: KafkaSnapshot, wave: Wave): Finding[] {
  const ids = idsOf(nodesNamed(snapshot, wave));
  const hits = touched(snapshot, ids).flatMap((partition) => {
    const min = snapshot.minIsr[partition.topic];
    const replicas = partition.replicas.length;
    if (min === undefined || replicas > min) return [];
    const why = `${nameOf(partition)} has ${replicas} ${replicas === 1 ? 'replica' : 'replicas'} and min.insync.replicas ${min}: it cannot be written while ${wave.join(', ')} restarts`;
    return [{ partition, why }];
  });
  return perTopic('K8', hits);
}

/**
 * K10: only a graceful stop, which needs `controlled.shutdown.enable` and, for every partition that the
 * wave leads, another in-sync replica to take over. (Kafka ops, graceful shutdown.)
 */
export function k10StopsGracefully(snapshot: KafkaSnapshot, wave: Wave): Finding[] {
  const nodes = nodesNamed(snapshot, wave).filter(isBroker);
  const ids = idsOf(nodes);
  const off: Finding[] = nodes
    .filter(({ controlledShutdown }) => controlledShutdown === false)
    .map(({ name }) => ({ rule: 'K10', node: name, reason: `${name} has controlled.shutdown.enable=false` }));
  const alone = touched(snapshot, ids).flatMap((partition) => {
    const leads = ids.has(partition.leader) && partition.replicas.length > 1;
    if (!leads || without(partition, ids).length > 0) return [];
    const why = `${nameOf(partition)} is led by ${nodeName(snapshot, partition.leader)} and no other replica is in sync to take over (ISR [${partition.isr}] of [${partition.replicas}])`;
    return [{ partition, why }];
  });
  return [...off, ...perTopic('K10', alone)];
}

/**
 * K10 as corrected: a node that cannot exit is killed in a roll-back once it is fenced and leads nothing.
 * Why it may not be killed yet, or undefined.
 */
export function k10KeepsFromKilling(snapshot: KafkaSnapshot, name: string): string | undefined {
  const [node] = nodesNamed(snapshot, [name]);
  if (!node || !isBroker(node)) return undefined;
  if (snapshot.partitions === 'unknown' || node.alive === 'unknown') return `no broker says whether ${name} is fenced`;
  if (node.alive) return `${name} is not fenced yet`;
  const led = snapshot.partitions.filter(({ leader }) => leader === node.id).map(nameOf);
  return led.length ? `${name} still leads ${few(led)}` : undefined;
}

/**
 * K14: brokers go down together only inside one rack, and only while no broker elsewhere is down. A broker
 * without `broker.rack` is a rack of its own. (koperator #1001)
 */
export function k14StaysInOneRack(snapshot: KafkaSnapshot, wave: Wave): Finding[] {
  if (wave.length < 2) return [];
  const nodes = nodesNamed(snapshot, wave).filter(isBroker);
  const rackOf = ({ rack, name }: NodeSnapshot) => rack ?? `(${name} alone)`;
  const racks = new Set(nodes.map(rackOf));
  const findings: Finding[] = [];
  if (racks.size > 1) {
    findings.push({ rule: 'K14', reason: `${wave.join(', ')} lie in ${racks.size} racks: ${[...racks].join(', ')}` });
  }
  const down = snapshot.nodes.filter((node) => isBroker(node) && node.alive === false && !racks.has(rackOf(node)));
  for (const { name } of down) {
    findings.push({ rule: 'K14', node: name, reason: `${name}, in another rack, is down; no two racks at once` });
  }
  return findings;
}
