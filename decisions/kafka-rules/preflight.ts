import {
  type Finding,
  few,
  isController,
  isUnderReplicated,
  type KafkaSnapshot,
  known,
  nameOf,
  type PartitionSnapshot,
} from './snapshot.ts';

const isOffline = ({ leader }: PartitionSnapshot) => leader < 0;

export const offlinePartitions = (snapshot: KafkaSnapshot) => known(snapshot.partitions).filter(isOffline);

export const underMinIsr = (snapshot: KafkaSnapshot) =>
  known(snapshot.partitions).filter((partition) => {
    const min = snapshot.minIsr[partition.topic];
    // A topic with fewer replicas than its min ISR is K8's: it is that way for ever, not for the moment.
    return min !== undefined && partition.isr.length < Math.min(min, partition.replicas.length);
  });

export const underReplicated = (snapshot: KafkaSnapshot) => known(snapshot.partitions).filter(isUnderReplicated);

/**
 * K1: a roll-out starts only on a whole cluster: no partition offline, under its min ISR or
 * under-replicated, exactly one active controller, no reassignment running. (Kafka ops metrics; CFK
 * "resolve URPs".) A roll-back of the suspect does not ask this.
 */
export function k1StartsWhole(snapshot: KafkaSnapshot): Finding[] {
  const describe = (partition: PartitionSnapshot) =>
    `${nameOf(partition)} (ISR [${partition.isr}] of [${partition.replicas}], min ISR ${snapshot.minIsr[partition.topic] ?? 'unknown'})`;
  const offline = offlinePartitions(snapshot);
  const low = underMinIsr(snapshot).filter((partition) => !isOffline(partition));
  const thin = underReplicated(snapshot).filter((partition) => !isOffline(partition) && !low.includes(partition));
  const say = (partitions: PartitionSnapshot[], what: string): Finding[] =>
    partitions.length ? [{ rule: 'K1', reason: `${partitions.length} ${what}: ${few(partitions.map(describe))}` }] : [];
  const moving = known(snapshot.reassigning);
  return [
    ...say(offline, 'partitions are offline'),
    ...say(low, 'partitions are under min.insync.replicas'),
    ...say(thin, 'partitions are under-replicated'),
    ...activeControllers(snapshot),
    ...(moving.length ? [{ rule: 'K1', reason: `a reassignment is running: ${few(moving)}` }] : []),
  ];
}

/** A reassignment alone, which also stops a roll-out in its middle. */
export function k1NothingMoves(snapshot: KafkaSnapshot): Finding[] {
  const moving = known(snapshot.reassigning);
  return moving.length ? [{ rule: 'K1', reason: `a reassignment is running: ${few(moving)}` }] : [];
}

function activeControllers(snapshot: KafkaSnapshot): Finding[] {
  const counts = snapshot.nodes
    .filter(isController)
    .map(({ name, figures }) => ({ name, active: figures === 'unknown' ? 'unknown' : figures.activeController }));
  // A figure that is not known is K19's.
  if (counts.some(({ active }) => active === 'unknown')) return [];
  const active = counts.filter(({ active }) => active !== 0).map(({ name }) => name);
  if (active.length === 1) return [];
  return [
    {
      rule: 'K1',
      reason: `${active.length} active controllers${active.length ? `: ${active.join(', ')}` : ''}; exactly one is needed`,
    },
  ];
}
