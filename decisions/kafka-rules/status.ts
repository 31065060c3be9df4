import { METADATA } from './features.ts';
import { k19SeesEverything } from './observe.ts';
import { k1StartsWhole } from './preflight.ts';
import { few, isBroker, type KafkaSnapshot, known, type NodeSnapshot, nodeName } from './snapshot.ts';

/** Topics that are named; what comes after is counted. */
const TOPICS = 300;

/**
 * How a cluster stands, a line a thing, from a picture of it: for agents and people who look into something. What is
 * wrong is said as the rules of a roll-out say it (K1), what could not be read as K19 does.
 */
export function clusterStatus(snapshot: KafkaSnapshot): string[] {
  const { quorum, partitions, answeredBy, features } = snapshot;
  const voters = quorum === 'unknown' ? [] : quorum.voters.map((voter) => voterWords(snapshot, voter));
  const topics = new Set(known(partitions).map(({ topic }) => topic));
  const level = features === undefined || features === 'unknown' ? undefined : features.finalised[METADATA];
  return [
    ...snapshot.nodes.map(nodeWords),
    `answered by: ${answeredBy.join(', ') || 'no broker'}`,
    quorum === 'unknown'
      ? 'quorum: unknown'
      : `quorum: led by ${nodeName(snapshot, quorum.leader)}; ${voters.join(', ')}`,
    partitions === 'unknown' ? 'partitions: unknown' : `partitions: ${partitions.length} of ${topics.size} topics`,
    ...(level === undefined ? [] : [`metadata.version: level ${level}`]),
    ...k1StartsWhole(snapshot).map(({ reason }) => `not whole: ${reason}`),
    ...k19SeesEverything(snapshot).map(({ reason }) => reason),
  ];
}

/** Topics by name, with their partitions. */
export function topicsLine({ partitions }: KafkaSnapshot): string {
  if (partitions === 'unknown') return 'topics: unknown';
  const counts = Map.groupBy(partitions, ({ topic }) => topic);
  const names = [...counts].map(([topic, list]) => `${topic} (${list.length})`).sort();
  return `topics (partitions): ${few(names, TOPICS) || 'none'}`;
}

function nodeWords(node: NodeSnapshot): string {
  const { name, id, roles, rack, process, startedAt, alive, figures } = node;
  const fenced = isBroker(node) && alive === false ? ', FENCED or not registered' : '';
  const runs = figures === 'unknown' ? '' : `, runs ${figures.version} (commit ${figures.commit})`;
  const where = [`id ${id}`, roles.join('+'), ...(rack === undefined ? [] : [`rack ${rack}`])].join(', ');
  return `${name} (${where}): ${process}${startedAt === undefined ? '' : ` since ${startedAt}`}${runs}${fenced}`;
}

type Voter = Exclude<KafkaSnapshot['quorum'], 'unknown'>['voters'][number];

const voterWords = (snapshot: KafkaSnapshot, { id, behindMs }: Voter) =>
  `${nodeName(snapshot, id)} ${behindMs === 'unknown' ? 'has never fetched' : `${behindMs} ms behind`}`;
