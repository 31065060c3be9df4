import { describe, expect, test } from 'vitest';
import { canRoll, canRollBack, mayPutBack, preflight } from '../../decisions/kafka-rules/can-roll.ts';
import {
  type Finalisation,
  k2MayGoTo4,
  k9MinIsrStaysInEffect,
  k15MetadataIsPinned,
  k16MayFinalise,
  k17MayDowngrade,
} from '../../decisions/kafka-rules/features.ts';
import { metadataChangesBetween, metadataName } from '../../decisions/kafka-rules/metadata-versions.ts';
import { k18Reversibility } from '../../decisions/kafka-rules/one-way.ts';
import { k17MayPutBack, metadataBefore } from '../../decisions/kafka-rules/put-back.ts';
import type { Finding, KafkaSnapshot } from '../../decisions/kafka-rules/snapshot.ts';
import { combined, dedicated, figures, withNode } from './snapshots.ts';

/** No words: nothing is found. */
function expectWords(findings: readonly Finding[], rule: string, words: readonly string[]) {
  expect(findings.map(({ rule }) => rule)).toEqual(findings.map(() => rule));
  if (words.length === 0) return expect(findings).toEqual([]);
  for (const word of words) expect(findings.map(({ reason }) => reason).join('\n')).toContain(word);
}

const levels = (metadata: number, elr = 0): KafkaSnapshot['features'] => ({
  finalised: { 'metadata.version': metadata, 'eligible.leader.replicas.version': elr },
  supported: Object.fromEntries(
    ['n1', 'n2', 'n3', 'b4', 'b5', 'b6'].map((name) => [name, { 'metadata.version': { min: 1, max: 14 } }]),
  ),
});
const at = (metadata: number, over: Partial<KafkaSnapshot> = {}) => combined({ features: levels(metadata)!, ...over });

describe('K2 what 4.x needs before it', () => {
  test.each<[string, KafkaSnapshot, string, string, string[]]>([
    ['3.6 everywhere, clients of 2.8', at(14), '4.0.1', '2.8.1', []],
    ['another 3.x asks for nothing', at(4, { quorum: 'unknown' }), '3.9.1', 'unknown', []],
    [
      'a node below 3.3',
      withNode(at(14), 'n2', { figures: figures({ version: '3.2.3' }) }),
      '4.0.0',
      '3.0.0',
      ['n2', '3.2.3'],
    ],
    ['a node that does not tell', withNode(at(14), 'n2', { figures: 'unknown' }), '4.0.0', '3.0.0', ['n2', 'unknown']],
    ['metadata of 3.3-IV0', at(4), '4.0.0', '3.0.0', ['3.3-IV0', '3.3-IV3']],
    ['metadata that nobody read', combined(), '4.0.0', '3.0.0', ['metadata.version is unknown']],
    ['no quorum', at(14, { quorum: 'unknown' }), '4.0.0', '3.0.0', ['KRaft']],
    ['old clients', at(14), '4.0.0', '2.0.1', ['clients of 2.0.1']],
    ['clients that nobody looked at', at(14), '4.0.0', 'unknown', ['nobody looked']],
    ['a tag as version', at(14), 'kafka-3.9.1-fork.2', 'unknown', []],
    ['a tag of 4.x', at(14), 'v4.1.0-fork.2', 'unknown', ['nobody looked']],
    ['a name that tells no version', at(14), 'nightly', '3.0.0', ['nightly', 'baseVersion']],
    [
      'a cluster that runs 4.x is there already',
      combined({ nodes: combined().nodes.map((node) => ({ ...node, figures: figures({ version: '4.0.0' }) })) }),
      '4.1.0',
      'unknown',
      [],
    ],
  ])('%s', (_name, snapshot, to, client, words) => {
    expectWords(k2MayGoTo4(snapshot, to, client), 'K2', words);
  });
});

describe('the preflight of a roll-out asks them', () => {
  const rules = { isrMargin: 0, quorumFetchTimeoutMs: 2000, waivers: [] };
  const rulesFound = (snapshot: KafkaSnapshot, change: object = {}) =>
    preflight(snapshot, ['n1'], { ...rules, ...change }).blocks.map(({ rule }) => rule);

  test('K15, where the configuration pins metadata.version', () => {
    expect(rulesFound(at(14))).not.toContain('K15');
    expect(rulesFound(at(14), { metadataVersion: '3.6-IV2' })).not.toContain('K15');
    expect(rulesFound(at(14), { metadataVersion: '3.5-IV2' })).toContain('K15');
    // Read again before each node, where it can be told.
    const settings = { isrMargin: 0, quorumFetchTimeoutMs: 2000, waivers: [], metadataVersion: '3.5-IV2' };
    const between = (snapshot: KafkaSnapshot) => canRoll(snapshot, ['n1'], settings).blocks.map(({ rule }) => rule);
    expect([between(at(14)), between(combined())]).toEqual([['K15'], []]);
  });

  test('K2, where the candidate goes to 4.x, and its waiver', () => {
    const to = (version?: string, change: object = {}) =>
      preflight(at(14), ['n1'], { ...rules, ...change }, version).blocks;
    expect(to().map(({ rule }) => rule)).not.toContain('K2');
    expect(to('3.6.2-fork.1').map(({ rule }) => rule)).not.toContain('K2');
    expect(to('4.0.0-fork.1').find(({ rule }) => rule === 'K2')?.reason).toMatch(/nobody looked.*rollout\.waivers/);
    expect(to('4.0.0-fork.1', { oldestClient: '2.8' }).map(({ rule }) => rule)).not.toContain('K2');
    const waivers = [{ rule: 'K2', reason: 'only our own clients connect', until: '2999-12-31' }];
    expect(to('4.0.0-fork.1', { waivers }).map(({ rule }) => rule)).not.toContain('K2');
  });

  test('K9, and its waiver', () => {
    const wrong = combined({ features: levels(14, 1)!, minIsrFrom: { t: 'broker' } });
    expect(rulesFound(wrong)).toContain('K9');
    const waivers = [{ rule: 'K9', reason: 'it is set for the cluster today', until: '2999-12-31' }];
    expect(rulesFound(wrong, { waivers })).not.toContain('K9');
  });
});

describe('K9 min ISR stays the effective one', () => {
  const from = (source: 'topic' | 'broker' | 'cluster', elr: number) =>
    combined({ features: levels(14, elr)!, minIsrFrom: { t: 'cluster', __consumer_offsets: source } });
  test.each<[string, KafkaSnapshot, string[]]>([
    ['without eligible leader replicas a broker may say it', from('broker', 0), []],
    [
      'with them its word is removed, for internal topics too',
      from('broker', 1),
      ['__consumer_offsets (2)', 'for the cluster'],
    ],
    ['the cluster’s stays', from('cluster', 1), []],
    ['the topic’s stays', from('topic', 1), []],
    ['a snapshot from before features were read says nothing', combined(), []],
  ])('%s', (_name, snapshot, words) => {
    expectWords(k9MinIsrStaysInEffect(snapshot), 'K9', words);
  });
});

describe('K15 metadata.version is pinned before the image changes', () => {
  test.each<[string, KafkaSnapshot, number | undefined, boolean, string[]]>([
    ['nothing raises it by itself', at(14), undefined, false, []],
    ['something does', at(14), undefined, true, ['not pinned', '3.6-IV2']],
    ['pinned where it is', at(14), 14, true, []],
    ['somebody finalised another', at(20), 14, true, ['3.8-IV0', 'pinned at 3.6-IV2']],
    ['pinned, and nobody tells where it is', combined(), 14, true, ['unknown']],
  ])('%s', (_name, snapshot, pinned, raisesByItself, words) => {
    expectWords(k15MetadataIsPinned(snapshot, { pinned, raisesByItself }), 'K15', words);
  });
});

describe('K16 finalising is last, and its own approved step', () => {
  const digest = 'd'.repeat(64);
  const wanted = (over: Partial<Finalisation> = {}): Finalisation => ({
    level: 14,
    digest,
    runs: { n1: digest, n2: digest, n3: digest },
    bake: 'passed',
    approved: { digest, level: 14 },
    ...over,
  });
  test.each<[string, KafkaSnapshot, Finalisation, string[]]>([
    ['everything holds', at(11), wanted(), []],
    ['a node runs another artifact', at(11), wanted({ runs: { n1: digest, n2: 'e', n3: digest } }), ['n2 runs e']],
    ['a node that was not read', at(11), wanted({ runs: { n1: digest, n2: digest } }), ['n3 runs what nobody read']],
    [
      'a broker does not know the level',
      at(11),
      wanted({ level: 15, approved: { digest, level: 15 } }),
      ['up to 3.6-IV2'],
    ],
    ['it is finalised already', at(14), wanted(), ['already']],
    ['nobody tells what is finalised', combined(), wanted(), ['unknown', 'does not tell']],
    ['the bake still runs', at(11), wanted({ bake: 'running' }), ['bake', 'running']],
    ['nobody approved', at(11), { ...wanted(), approved: undefined } as unknown as Finalisation, ['nobody approved']],
    ['another digest was approved', at(11), wanted({ approved: { digest: 'x', level: 14 } }), ['nobody approved']],
    ['another level was approved', at(11), wanted({ approved: { digest, level: 13 } }), ['nobody approved']],
  ])('%s', (_name, snapshot, finalisation, words) => {
    expectWords(k16MayFinalise(snapshot, finalisation), 'K16', words);
  });

  test('dedicated controllers are held to their artifact alone', () => {
    const names = ['c1', 'c2', 'c3', 'b4', 'b5', 'b6'];
    const runs = Object.fromEntries(names.map((name) => [name, digest]));
    expect(k16MayFinalise(dedicated({ features: levels(11)! }), wanted({ runs }))).toEqual([]);
    expectWords(k16MayFinalise(dedicated({ features: levels(11)! }), wanted({ runs: { ...runs, c1: 'x' } })), 'K16', [
      'c1',
    ]);
  });
});

test.each([
  ['upwards is no downgrade', 11, 14, []],
  ['no metadata in between', 10, 9, []],
  ['3.6 to 3.5', 14, 11, ['3.6-IV2 to 3.5-IV2', '3.6-IV1, 3.6-IV2 changed metadata']],
  ['4.0 to 3.9', 25, 21, ['4.0-IV1 changed metadata']],
  ['a level that nobody knows', 99, 14, ['not known']],
] as const)('K17 a downgrade: %s', (_name, from, to, words) => {
  expectWords(k17MayDowngrade(from, to), 'K17', words);
});

test('levels of metadata.version are known by name', () => {
  expect(metadataName(14)).toBe('3.6-IV2');
  expect(metadataName(99)).toBe('level 99');
  expect(metadataChangesBetween(11, 14)).toEqual(['3.6-IV1', '3.6-IV2']);
});

describe('K18 what a patch touches makes it one-way', () => {
  test.each([
    ['client code', ['clients/src/main/java/org/apache/kafka/clients/NetworkClient.java'], []],
    [
      'a metadata version',
      ['server-common/src/main/java/org/apache/kafka/server/common/MetadataVersion.java'],
      ['metadata versions'],
    ],
    [
      'a feature level',
      ['server-common/src/main/java/org/apache/kafka/server/common/GroupVersion.java'],
      ['feature levels'],
    ],
    [
      'a request’s schema',
      ['clients/src/main/resources/common/message/FetchRequest.json'],
      ['message schemas of requests'],
    ],
    ['a metadata record', ['metadata/src/main/resources/common/metadata/TopicRecord.json'], ['record schemas']],
    [
      'the record format',
      ['clients/src/main/java/org/apache/kafka/common/record/DefaultRecordBatch.java'],
      ['the record format'],
    ],
    [
      'a checkpoint',
      ['storage/src/main/java/org/apache/kafka/storage/internals/checkpoint/LeaderEpochCheckpointFile.java'],
      ['log and checkpoint'],
    ],
    [
      'an index of the log',
      ['storage/src/main/java/org/apache/kafka/storage/internals/log/OffsetIndex.java'],
      ['log and checkpoint'],
    ],
    [
      'a coordinator’s record',
      ['group-coordinator/src/main/resources/common/message/OffsetCommitValue.json'],
      ['record schemas'],
    ],
    ['the quorum’s state', ['raft/src/main/resources/common/message/QuorumStateData.json'], ['record schemas']],
    ['paths of one module alone', ['org/apache/kafka/server/common/MetadataVersion.java'], ['metadata versions']],
    ['a test of such a file', ['server-common/src/test/java/org/apache/kafka/server/common/MetadataVersion.java'], []],
  ])('%s', (_name, touched, words) => {
    const judged = k18Reversibility(touched);
    if (words.length === 0) return expect(judged).toEqual({ kind: 'reversible' });
    expect(judged).toMatchObject({ kind: 'one-way', rule: 'K18' });
    for (const word of words) expect('reasons' in judged && judged.reasons.join('\n')).toContain(word);
  });
});

describe('K17 before a node is put back', () => {
  const before = { level: 11, knows: 13 };
  test.each<[string, KafkaSnapshot, typeof before | undefined, string[]]>([
    ['nobody finalised anything', at(11), before, []],
    ['what was finalised the old artifact knows', at(13), before, []],
    ['it does not know it, and metadata changed', at(14), before, ['up to 3.6-IV1', '3.6-IV2 changed metadata']],
    [
      'it does not know it, and nothing changed in between',
      at(20),
      { level: 18, knows: 19 },
      ['kafka-features.sh downgrade --metadata 3.7-IV4'],
    ],
    ['nobody tells the level', combined(), before, []],
    ['nothing was kept from before', at(14), undefined, []],
  ])('%s', (_name, snapshot, kept, words) => {
    expectWords(k17MayPutBack(snapshot, kept), 'K17', words);
  });

  test('is asked of every roll-back, and never waived', () => {
    const waivers = [{ rule: 'K17', reason: 'it will be fine, surely', until: '2999-12-31' }];
    const settings = { isrMargin: 0, quorumFetchTimeoutMs: 2000, waivers };
    const rules = (kept?: typeof before) =>
      canRollBack(at(14), ['n1'], ['n1'], settings, kept).blocks.map(({ rule }) => rule);
    expect([rules(), rules(before)]).toEqual([[], ['K17']]);
    // Of a node that is down already nothing else is asked.
    const down = (kept?: typeof before) => mayPutBack(at(14), settings, kept).blocks.map(({ rule }) => rule);
    expect([down(), down(before)]).toEqual([[], ['K17']]);
  });

  test('what is kept is the least that every broker knows', () => {
    expect(metadataBefore(at(11))).toEqual({ level: 11, knows: 14 });
    expect(metadataBefore(combined())).toBeUndefined();
    const features = {
      finalised: { 'metadata.version': 11 },
      supported: { n1: { 'metadata.version': { min: 1, max: 14 } } },
    };
    expect(metadataBefore(combined({ features }))).toBeUndefined();
  });
});
