import {
  type Finding,
  isBroker,
  isController,
  type KafkaSnapshot,
  type NodeSnapshot,
  nodeName,
  nodesNamed,
  type QuorumSnapshot,
} from './snapshot.ts';

/** Voters that caught up within the quorum's fetch time-out of their leader. Not known is not caught up. */
export function caughtUpVoters(quorum: QuorumSnapshot, fetchTimeoutMs: number): number[] {
  return quorum.voters
    .filter(({ behindMs }) => behindMs !== 'unknown' && behindMs <= fetchTimeoutMs)
    .map(({ id }) => id);
}

/**
 * K4: controllers go down only while the quorum has a leader and the caught-up voters that stay are at
 * least ⌊(N+2)/2⌋ (3 → 2, 5 → 3). One voter alone can never pass; Strimzi warns, we require a waiver.
 * Source: KafkaQuorumCheck.
 */
export function k4KeepsQuorum(snapshot: KafkaSnapshot, wave: readonly string[], fetchTimeoutMs: number): Finding[] {
  const leaving = nodesNamed(snapshot, wave).filter(isController);
  // An unknown quorum is K19's to block.
  if (leaving.length === 0 || snapshot.quorum === 'unknown') return [];
  const { quorum } = snapshot;
  if (quorum.leader < 0) return [{ rule: 'K4', reason: 'the quorum has no leader' }];
  const needed = Math.floor((quorum.voters.length + 2) / 2);
  const ids = new Set(leaving.map(({ id }) => id));
  const staying = caughtUpVoters(quorum, fetchTimeoutMs).filter((id) => !ids.has(id));
  if (staying.length >= needed) return [];
  const late = quorum.voters.filter(({ id }) => !ids.has(id) && !staying.includes(id));
  const lag = late.map(
    ({ id, behindMs }) =>
      `${nodeName(snapshot, id)} is ${behindMs === 'unknown' ? 'not known to have fetched' : `${behindMs} ms behind`}`,
  );
  const detail = lag.length ? ` (${lag.join(', ')})` : '';
  const reason = `without ${wave.join(', ')} ${staying.length} of ${quorum.voters.length} voters are caught up within ${fetchTimeoutMs} ms; ${needed} are needed${detail}`;
  return [{ rule: 'K4', node: leaving[0]!.name, reason }];
}

/**
 * K5: a combined node is a controller and a broker at once and must pass the gates of both.
 * (Kafka ops, "not recommended in critical environments"; `canRoll` of KafkaRoller.)
 */
export function k5GatesOf(node: NodeSnapshot): ('controller' | 'broker')[] {
  return [...(isController(node) ? (['controller'] as const) : []), ...(isBroker(node) ? (['broker'] as const) : [])];
}

/**
 * K3: which node is next. Controllers before brokers (a combined node is a controller, and follows those that are
 * nothing else); the active controller last of all controllers; among each, those that are not ready first. Read again at every step, since
 * the controller moves when a node stops. An unknown quorum has no order: `unknown`.
 * Source: KafkaRoller.
 */
export function k3Next(
  snapshot: KafkaSnapshot,
  remaining: readonly string[],
  fetchTimeoutMs: number,
): { next: string } | 'unknown' {
  const { quorum } = snapshot;
  if (quorum === 'unknown') return 'unknown';
  const caughtUp = new Set(caughtUpVoters(quorum, fetchTimeoutMs));
  const ready = (node: NodeSnapshot) =>
    node.process === 'running' &&
    (!isBroker(node) || node.alive === true) &&
    (!isController(node) || caughtUp.has(node.id));
  const rank = (node: NodeSnapshot): number[] => [
    isController(node) ? 0 : 1,
    isController(node) && node.id === quorum.leader ? 1 : 0,
    isBroker(node) ? 1 : 0,
    ready(node) ? 1 : 0,
    node.id,
  ];
  const [first] = nodesNamed(snapshot, remaining).sort((a, b) => compare(rank(a), rank(b)));
  if (!first) throw new Error('k3Next needs at least one remaining node');
  return { next: first.name };
}

function compare(a: number[], b: number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - b[index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
