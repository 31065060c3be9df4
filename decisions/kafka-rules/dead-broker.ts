import {
  type Finding,
  isBroker,
  type KafkaSnapshot,
  known,
  type NodeSnapshot,
  nodeName,
  nodesNamed,
} from './snapshot.ts';
import { applyWaivers, type Judgement, type RuleWaiver } from './waivers.ts';

/**
 * A broker that is long dead elsewhere (rollout-rules.md, *Not the candidate's fault*): nodes that share no partition
 * with it may roll under a waiver that names it. What these rules find because of it alone is waived, and nothing else;
 * what cannot be seen of a broker that lives is never.
 */
const RULES = ['K1', 'K7', 'K19'];

const isDown = (node: NodeSnapshot) => isBroker(node) && node.alive === false && node.process !== 'running';

/** Those of the brokers that are down, and hold no partition together with any of these nodes. */
export function deadApart(snapshot: KafkaSnapshot, wave: readonly string[]): string[] {
  const ids = new Set(nodesNamed(snapshot, wave).map(({ id }) => id));
  const partitions = known(snapshot.partitions);
  const shares = (id: number) =>
    partitions.some(({ replicas }) => replicas.includes(id) && replicas.some((other) => ids.has(other)));
  const listed = snapshot.nodes.filter(isDown);
  // One that nobody lists any more: it has replicas, and is in sync nowhere but where nobody else is.
  const nodes = new Set(snapshot.nodes.map(({ id }) => id));
  const strangers = new Set(partitions.flatMap(({ replicas }) => replicas).filter((id) => !nodes.has(id)));
  const gone = [...strangers].filter((id) =>
    partitions.every(({ leader, isr }) => leader !== id && (leader < 0 || !isr.includes(id))),
  );
  const dead = [...listed.filter(({ name }) => !wave.includes(name)).map(({ id }) => id), ...gone];
  return dead.filter((id) => !ids.has(id) && !shares(id)).map((id) => nodeName(snapshot, id));
}

/** The cluster as it would be if these brokers had never been in it. Those that are to roll are untouched by that. */
export function withoutBrokers(snapshot: KafkaSnapshot, names: readonly string[]): KafkaSnapshot {
  if (names.length === 0 || snapshot.partitions === 'unknown') return snapshot;
  const isGone = (id: number) => names.includes(nodeName(snapshot, id));
  const partitions = snapshot.partitions
    .map((partition) => ({
      ...partition,
      replicas: partition.replicas.filter((id) => !isGone(id)),
      isr: partition.isr.filter((id) => !isGone(id)),
    }))
    .filter(({ replicas }) => replicas.length > 0);
  return { ...snapshot, nodes: snapshot.nodes.filter(({ name }) => !names.includes(name)), partitions };
}

/** The dead brokers that a waiver of this rule names and that are apart from what is to roll. */
export function excusedBrokers(
  snapshot: KafkaSnapshot,
  wave: readonly string[],
  rule: string,
  waivers: readonly RuleWaiver[],
): { node: string; waiver: RuleWaiver }[] {
  const today = snapshot.takenAt.slice(0, 10);
  return deadApart(snapshot, wave).flatMap((node) => {
    const waiver = waivers.find((one) => one.rule === rule && one.node === node && today <= one.until);
    return waiver ? [{ node, waiver }] : [];
  });
}

/**
 * Nodes that a roll-out of all leaves as they are: listed, down, waived as dead (K19, without which nothing may roll
 * beside them), and apart from every other.
 */
export function leftOutOf(snapshot: KafkaSnapshot, waivers: readonly RuleWaiver[]): string[] {
  const named = new Set(waivers.filter(({ rule }) => rule === 'K19').map(({ node }) => node));
  const down = snapshot.nodes.filter((one) => named.has(one.name) && isDown(one));
  const others = snapshot.nodes.filter((one) => !down.includes(one)).map(({ name }) => name);
  return listedOf(snapshot, excusedBrokers(snapshot, others, 'K19', waivers));
}

/** Without those that nobody lists any more: nothing is asked of them. */
export const listedOf = (snapshot: KafkaSnapshot, excused: readonly { node: string }[]): string[] =>
  excused.map(({ node }) => node).filter((name) => snapshot.nodes.some((one) => one.name === name));

/** Judges by rules and waivers, where those of a dead broker hold for what is apart from it. */
export function judgeApart(
  snapshot: KafkaSnapshot,
  wave: readonly string[],
  find: (snapshot: KafkaSnapshot) => Finding[],
  waivers: readonly RuleWaiver[],
): Judgement {
  const found = find(snapshot);
  const dead = deadApart(snapshot, wave);
  if (dead.length === 0) return applyWaivers(found, waivers, snapshot.takenAt);
  const withoutEach = dead.map((name) => ({ name, found: find(withoutBrokers(snapshot, [name])) }));
  const waived: Judgement['waived'] = [];
  const left = RULES.flatMap((rule) => {
    const excused = excusedBrokers(snapshot, wave, rule, waivers);
    const names = excused.map(({ node }) => node);
    const without = (names.length > 0 ? find(withoutBrokers(snapshot, names)) : found).filter(ofRule(rule));
    const gone = found.filter(ofRule(rule)).filter((one) => !without.some(sameAs(one)));
    const [first] = excused;
    if (first) waived.push(...gone.map(({ reason }) => ({ finding: { rule, reason }, waiver: first.waiver })));
    return without.map((one) => {
      // Without which it would not be found: so that a person is told how to waive it.
      const cause = withoutEach.find(({ found: others }) => !others.some(sameAs(one)))?.name;
      return { ...one, ...(cause !== undefined && !names.includes(cause) && { dead: cause }) };
    });
  });
  const others = found.filter(({ rule }) => !RULES.includes(rule));
  const judged = applyWaivers([...left, ...others], waivers, snapshot.takenAt);
  return { blocks: judged.blocks, waived: [...waived, ...judged.waived] };
}

const ofRule = (rule: string) => (one: Finding) => one.rule === rule;
const sameAs = (one: Finding) => (other: Finding) => one.rule === other.rule && one.reason === other.reason;
