import { excusedBrokers, listedOf, withoutBrokers } from './dead-broker.ts';
import { k19SeesEverything } from './observe.ts';
import { offlinePartitions, underMinIsr, underReplicated } from './preflight.ts';
import { type KafkaSnapshot, nameOf } from './snapshot.ts';
import type { RuleWaiver } from './waivers.ts';

/**
 * What is broken, or cannot be seen, by names. A gate that says which nodes were `rolled` is not shown what a dead broker
 * alone breaks which waivers excuse (K1 its partitions, K19 its figures): the roll-out was let begin with it, and a good
 * candidate would be rolled back for it. One that was itself rolled, or shares a partition with one that was, is shown.
 * `leftOut`: the nodes whose figures do not count then either (K19).
 */
export function clusterLook(snapshot: KafkaSnapshot, waivers: readonly RuleWaiver[], rolled?: readonly string[]) {
  const excusedBy = (rule: string) =>
    rolled === undefined ? [] : excusedBrokers(snapshot, rolled, rule, waivers).map(({ node }) => ({ node }));
  const without = (excused: readonly { node: string }[]) =>
    withoutBrokers(
      snapshot,
      excused.map(({ node }) => node),
    );
  const unseen = excusedBy('K19');
  const partitions = without(excusedBy('K1'));
  const leftOut = listedOf(snapshot, unseen);
  return {
    unread: k19SeesEverything(without(unseen)).map(({ reason }) => reason),
    offline: offlinePartitions(partitions).map(nameOf),
    underMinIsr: underMinIsr(partitions).map(nameOf),
    underReplicated: underReplicated(partitions).map(nameOf),
    ...(leftOut.length > 0 && { leftOut }),
  };
}
