import { caughtUpVoters } from './quorum.ts';
import {
  few,
  isBroker,
  isController,
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

const RUNNING = 3;
const RECOVERING = 2;

export type SettledOptions = {
  fetchTimeoutMs: number;
  /** Nodes that still carry an artifact which is rolled back: what they hold down is not waited for. */
  suspects?: readonly string[];
};

/**
 * K11: what a node that was restarted still has to reach before another may be touched: ready, not
 * recovering its logs, back in the ISR of all its partitions, nothing under-replicated in the whole cluster;
 * a controller has caught up with its quorum. Empty: settled. That the leaders it led are its again
 * is asked of `k11LeadersToGiveBack`. Kubernetes' Ready is not enough (KafkaRoller #12649).
 */
export function k11WaitsFor(snapshot: KafkaSnapshot, name: string, options: SettledOptions): string[] {
  const node = nodesNamed(snapshot, [name])[0]!;
  if (node.process !== 'running') return [`${name} is ${node.process}`];
  return [
    ...(isController(node) ? controllerWaitsFor(snapshot, node, options) : []),
    ...(isBroker(node) ? brokerWaitsFor(snapshot, node, options) : []),
  ];
}

function controllerWaitsFor(
  { quorum }: KafkaSnapshot,
  node: NodeSnapshot,
  { fetchTimeoutMs }: SettledOptions,
): string[] {
  if (quorum === 'unknown') return ['the quorum does not answer'];
  if (quorum.leader < 0) return ['the quorum has no leader'];
  if (caughtUpVoters(quorum, fetchTimeoutMs).includes(node.id)) return [];
  const behindMs = quorum.voters.find(({ id }) => id === node.id)?.behindMs;
  return [`${node.name} has not caught up with the quorum (behind by ${behindMs ?? 'unknown'} ms)`];
}

function brokerWaitsFor(snapshot: KafkaSnapshot, node: NodeSnapshot, { suspects = [] }: SettledOptions): string[] {
  if (snapshot.partitions === 'unknown') return ['no broker tells the partitions'];
  const waiting: string[] = [];
  if (node.alive !== true) waiting.push(`${node.name} is fenced`);
  const state = node.figures === 'unknown' ? 'unknown' : node.figures.brokerState;
  if (state === RECOVERING) {
    const logs = node.figures === 'unknown' ? 'unknown' : node.figures.logsToRecover;
    waiting.push(`${node.name} is recovering its logs (${logs} to go)`);
  } else if (state !== RUNNING) {
    waiting.push(`${node.name} reports broker state ${state}, not 3 (running)`);
  }
  const heldDown = new Set(nodesNamed(snapshot, suspects).map(({ id }) => id));
  const thin = snapshot.partitions.filter(isUnderReplicated);
  const own = thin.filter(
    (partition) => missingReplicas(partition).includes(node.id) && !heldDown.has(partition.leader),
  );
  if (own.length) waiting.push(`${node.name} is not in sync for ${few(own.map(nameOf))}`);
  const others = thin.filter((partition) => !own.includes(partition) && !explained(partition, heldDown));
  if (others.length) {
    const names = others.map((partition) => {
      const missing = missingReplicas(partition).map((id) => nodeName(snapshot, id));
      return `${nameOf(partition)} (without ${missing.join(', ')})`;
    });
    waiting.push(`under-replicated: ${few(names)}`);
  }
  return waiting;
}

/** Led by a suspect, or only suspects are missing: the roll-back itself is what will cure it. */
function explained(partition: PartitionSnapshot, heldDown: ReadonlySet<number>): boolean {
  return heldDown.has(partition.leader) || missingReplicas(partition).every((id) => heldDown.has(id));
}

/** A partition as the ledger names it: `topic-3`. */
export type LedPartition = { topic: string; partition: number };

/**
 * The partitions that a node leads as their preferred leader: those that the roll will move away and has to
 * give back. One that it leads without being preferred cannot be elected back, and one that it is preferred
 * for and does not lead was taken from it by somebody on purpose.
 */
export function k11LedAsPreferred(snapshot: KafkaSnapshot, name: string): LedPartition[] {
  const { id } = nodesNamed(snapshot, [name])[0]!;
  return known(snapshot.partitions)
    .filter(({ leader, replicas }) => leader === id && replicas[0] === id)
    .map(({ topic, partition }) => ({ topic, partition }));
}

/**
 * K11 as corrected: of the leaders that the roll moved away from a node, those to give back now. Never
 * all preferred leaders, which would undo somebody's deliberate demotion. A topic deleted or reassigned
 * meanwhile is nobody's debt. `blocked` wait for the node to be in sync.
 */
export function k11LeadersToGiveBack(
  snapshot: KafkaSnapshot,
  name: string,
  moved: readonly LedPartition[],
): { ready: LedPartition[]; blocked: LedPartition[] } {
  const { id } = nodesNamed(snapshot, [name])[0]!;
  const now = new Map(known(snapshot.partitions).map((partition) => [nameOf(partition), partition]));
  const owed = moved.flatMap((partition) => {
    const current = now.get(nameOf(partition));
    return current && current.leader !== id && current.replicas[0] === id ? [{ partition, current }] : [];
  });
  const ready = owed.filter(({ current }) => current.isr.includes(id)).map(({ partition }) => partition);
  const blocked = owed.filter(({ current }) => !current.isr.includes(id)).map(({ partition }) => partition);
  return { ready, blocked };
}

/**
 * K12: waiting is not failing. The deadline counts from the start of the node, and again from every sign of
 * progress: a broker that recovers its logs is given time for as long as fewer remain.
 */
export function k12Deadline(clock: { startedAtMs: number; lastProgressAtMs?: number }, seconds: number): number {
  return Math.max(clock.startedAtMs, clock.lastProgressAtMs ?? 0) + seconds * 1000;
}

/** Fewer say nothing about a p99. */
const ENOUGH = 20;
/** Between the slowest that was normal and what is late. */
const ROOM = 2;

/**
 * K12: the deadline from measured recovery. What is configured is the least; where the nodes of this environment took
 * long before, twice their p99. (Strimzi's fixed 300 s are too short for large brokers: #12649.)
 */
export function k12Seconds(configured: number, measured: readonly number[]): number {
  if (measured.length < ENOUGH) return configured;
  const sorted = [...measured].sort((a, b) => a - b);
  const p99 = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0;
  return Math.max(configured, ROOM * p99);
}
