import { type Finding, few, isBroker, isController, type KafkaSnapshot, type NodeSnapshot } from './snapshot.ts';

/**
 * K19: what cannot be observed is not acted upon. No answer about quorum, partitions, topic configuration
 * or reassignments means hold, and so does a node whose figures cannot be read. (Strimzi force-restarts
 * here; we do not.) It cannot be waived.
 *
 * A roll-back names the `suspects`, the nodes that carry the artifact: their own figures may be gone by its
 * fault, so that they are not asked for, nor are reassignments, which do not stop a roll-back. The quorum
 * and the partitions are.
 */
export function k19SeesEverything(snapshot: KafkaSnapshot, suspects?: readonly string[]): Finding[] {
  const missing: string[] = [];
  if (snapshot.quorum === 'unknown') missing.push('the quorum (no answer to DescribeQuorum)');
  if (snapshot.partitions === 'unknown') missing.push('the partitions (no broker answered a metadata request)');
  if (snapshot.unlisted === 'unknown') {
    missing.push('whether brokers hold topics that they do not list (not all answered DescribeLogDirs)');
  } else if (snapshot.unlisted?.length) {
    const allow = 'whoever asks may not describe them; allow it Describe and DescribeConfigs on all topics';
    missing.push(`the partitions of ${few(snapshot.unlisted)} (${allow})`);
  }
  if (!suspects && snapshot.reassigning === 'unknown') missing.push('whether a reassignment runs');
  if (snapshot.partitions !== 'unknown') {
    const topics = [...new Set(snapshot.partitions.map(({ topic }) => topic))];
    const unread = topics.filter((topic) => snapshot.minIsr[topic] === undefined);
    if (unread.length) missing.push(`min.insync.replicas of ${few(unread)}`);
  }
  missing.push(...(snapshot.unread ?? []));
  const findings: Finding[] = missing.map((what) => ({ rule: 'K19', reason: `unknown: ${what}` }));
  for (const node of snapshot.nodes) {
    if (suspects?.includes(node.name)) continue;
    const unread = unreadOf(node);
    if (unread.length)
      findings.push({ rule: 'K19', node: node.name, reason: `unknown of ${node.name}: ${unread.join(', ')}` });
  }
  return findings;
}

function unreadOf(node: NodeSnapshot): string[] {
  const { figures } = node;
  if (node.process === 'stopped') return ['every figure (it does not run)'];
  if (node.unread) return node.unread;
  if (figures === 'unknown') {
    const listed = isBroker(node) && node.alive === false ? 'the cluster does not list it' : 'JMX did not answer';
    return [`every figure (${listed})`];
  }
  const broker = ['brokerState', 'underReplicated', 'underMinIsr', 'offlineReplicas'] as const;
  const controller = ['offlinePartitions', 'activeController'] as const;
  const names = [...(isBroker(node) ? broker : []), ...(isController(node) ? controller : [])];
  const unread: string[] = names.filter((name) => figures[name] === 'unknown');
  if (isBroker(node) && node.alive === 'unknown') unread.push('whether it is fenced');
  if (isBroker(node) && node.alive === true && node.controlledShutdown === 'unknown') {
    unread.push('controlled.shutdown.enable');
  }
  return unread;
}
