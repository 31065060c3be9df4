import { describe, expect, test } from 'vitest';
import { parseSettings } from '../../config/load.ts';
import { settingsSchema } from '../../config/schema.ts';
import { canRoll } from '../../decisions/kafka-rules/can-roll.ts';
import { seenFromOutside, silenceWords, unlistedOf } from '../../decisions/kafka-rules/outside.ts';
import type { KafkaSnapshot } from '../../decisions/kafka-rules/snapshot.ts';
import { dedicated, rulesOf, withNode, withPartition } from '../rollout/snapshots.ts';

/** As the protocol alone tells it: no figures, and of the controllers nothing but their votes. */
function bare(over: Partial<KafkaSnapshot> = {}): KafkaSnapshot {
  const whole = dedicated(over);
  const brokers = whole.nodes.filter(({ roles }) => roles.includes('broker'));
  return { ...whole, nodes: brokers.map((node) => ({ ...node, figures: 'unknown' as const })) };
}
const settings = { isrMargin: 0, quorumFetchTimeoutMs: 2000, waivers: [] };
const rules = (snapshot: KafkaSnapshot, node: string, agents: string[] = []) =>
  rulesOf(canRoll(seenFromOutside(snapshot, agents), [node], settings).blocks);

describe('a cluster that is seen from outside', () => {
  const late = { leader: 1, voters: [1, 2, 3].map((id) => ({ id, behindMs: id === 3 ? 9_000 : 0 })) };
  const mute = { leader: 1, voters: [1, 2, 3].map((id) => ({ id, behindMs: id === 3 ? ('unknown' as const) : 0 })) };
  test.each([
    ['a whole one lets a broker go', bare(), 'b4', []],
    ['and a controller that nobody named', bare(), 'controller-2', []],
    ['a quorum that has one behind does not let another go', bare({ quorum: late }), 'controller-2', ['K4']],
    ['one that never fetched is not seen', bare({ quorum: mute }), 'b4', ['K19']],
    ['no answer about the quorum blocks', bare({ quorum: 'unknown' }), 'b4', ['K19']],
    ['no answer about partitions blocks', bare({ partitions: 'unknown' }), 'b4', ['K19']],
    ['a broker that is not listed is not seen', withNode(bare(), 'b6', { alive: false }), 'b4', ['K19']],
    ['what is missing in the ISR counts', withPartition(bare(), 't-0', { isr: [4, 5] }), 'b4', ['K6', 'K7']],
  ] as const)('%s', (_what, snapshot, node, expected) => {
    expect(rules(snapshot, node)).toEqual(expect.arrayContaining([...expected]));
    expect(new Set(rules(snapshot, node))).toEqual(new Set(expected));
  });

  test('a named agent that does not answer is not made up for', () => {
    expect(rules(bare(), 'b4', ['b5'])).toEqual(['K19']);
  });

  test('a broker that votes is a controller too, whatever it was said to be', () => {
    const quorum = { leader: 4, voters: [4, 5, 6].map((id) => ({ id, behindMs: id === 6 ? 9_000 : 0 })) };
    expect(rules(bare({ quorum }), 'b5')).toContain('K4');
  });

  test('topics that brokers hold and do not list are not seen', () => {
    const listed = bare();
    expect(unlistedOf(listed, [['t', '__cluster_metadata'], ['t']])).toEqual([]);
    const unlisted = unlistedOf(listed, [['t', 'pay'], undefined, ['hr', 'pay']]);
    expect(unlisted).toEqual(['hr', 'pay']);
    expect(rules({ ...listed, unlisted }, 'b4')).toEqual(['K19']);
  });

  test('where a broker does not say what it holds, topics may be hidden', () => {
    const unlisted = unlistedOf(bare(), [['t'], undefined]);
    expect(unlisted).toBe('unknown');
    expect(rules({ ...bare(), unlisted }, 'b4')).toEqual(['K19']);
  });

  test('one reason of many brokers is one line', () => {
    const why = 'it refuses';
    const silences = [
      ...['b4', 'b5'].map((name) => ({ name, what: undefined, why })),
      { name: 'b4', what: 'quorum', why },
      { name: 'b6', what: 'quorum', why: 'other' },
    ];
    expect(silenceWords(silences)).toEqual(['b4, b5: it refuses', 'b6 (quorum): other']);
  });

  test('is configured by name, apart from environments', () => {
    const parse = (cluster: object) => settingsSchema.safeParse({ forks: {}, clusters: { theirs: cluster } });
    const node = { name: 'a', id: 1 };
    expect(parse({ bootstrap: ['kafka-1.example.org:9092', '[::1]:9092'], nodes: [node] }).success).toBe(true);
    const wrong = [{ bootstrap: [] }, { bootstrap: ['kafka'] }, { bootstrap: ['a:99999'] }];
    for (const one of [...wrong, { bootstrap: ['a:1'], nodes: [node, { ...node, name: 'b' }] }])
      expect(parse(one).success).toBe(false);
  });

  const secret = { env: 'SOME_SECRET' };
  const sasl = { mechanism: 'SCRAM-SHA-512', username: 'ada', password: secret };
  test.each([
    [{ protocol: 'SSL' }, undefined],
    [{ protocol: 'SSL', ssl: { ca: { file: 'ca.pem' }, serverName: 'kafka.example.org' } }, undefined],
    [{ protocol: 'SASL_SSL', ssl: { certificate: secret, key: secret, keyPassword: secret }, sasl }, undefined],
    [{ protocol: 'SASL_PLAINTEXT', sasl }, undefined],
    [{ protocol: 'TLS' }, 'protocol'],
    [{ protocol: 'SASL_SSL' }, 'SASL_SSL needs mechanism, username and password'],
    [{ protocol: 'SSL', sasl }, 'SSL knows no user; SASL_SSL does'],
    [{ protocol: 'PLAINTEXT', sasl }, 'PLAINTEXT knows no user; SASL_SSL or SASL_PLAINTEXT does'],
    [{ protocol: 'SASL_PLAINTEXT', sasl, ssl: {} }, 'SASL_PLAINTEXT knows no certificates; SASL_SSL does'],
    [{ protocol: 'SSL', ssl: { certificate: secret } }, 'certificate and key belong together'],
    [{ protocol: 'SSL', ssl: { keyPassword: secret } }, 'there is no key that it could open'],
    [{ protocol: 'SSL', ssl: { serverName: '10.0.0.1' } }, 'a host name, no address'],
    [{ protocol: 'SSL', ssl: { ca: '-----BEGIN CERTIFICATE-----' } }, 'a reference'],
    [{ protocol: 'SASL_SSL', sasl: { ...sasl, password: 'hunter2' } }, 'a reference'],
    [{ protocol: 'SASL_SSL', sasl: { ...sasl, mechanism: 'GSSAPI' } }, 'mechanism'],
  ])('%j says how to connect: %s', (security, problem) => {
    const text = JSON.stringify({ forks: {}, clusters: { theirs: { bootstrap: ['a:1'], security } } });
    const parse = () => parseSettings(text, 'patchwright.yaml', '/');
    if (problem === undefined) expect(parse().clusters.theirs?.security).toEqual(security);
    else expect(parse).toThrow(problem);
    if (problem !== undefined) expect(parse).not.toThrow('hunter2');
  });
});
