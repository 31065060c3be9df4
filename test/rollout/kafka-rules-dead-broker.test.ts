import { describe, expect, test } from 'vitest';
import { firstLook, lookForGate } from '../../activities/rollout/gate-look.ts';
import { waiverSchema } from '../../config/rollout.ts';
import type { Figures } from '../../decisions/gate/types.ts';
import { canRoll, canRollBack, preflight } from '../../decisions/kafka-rules/can-roll.ts';
import { deadApart, excusedBrokers, leftOutOf, withoutBrokers } from '../../decisions/kafka-rules/dead-broker.ts';
import { clusterLook } from '../../decisions/kafka-rules/look.ts';
import { metadataBefore } from '../../decisions/kafka-rules/put-back.ts';
import { k11WaitsFor } from '../../decisions/kafka-rules/settled.ts';
import type { KafkaSnapshot } from '../../decisions/kafka-rules/snapshot.ts';
import { dedicated, node, rulesOf, withNode, withPartition } from './snapshots.ts';

/** `b7` is long dead; it held `old` together with `b6`, and `alone` by itself. */
function withDead(over: { listed?: boolean } = {}): KafkaSnapshot {
  const { nodes, partitions, minIsr, ...rest } = dedicated();
  const dead = node('b7', 7, ['broker'], { process: 'unknown', alive: false, figures: 'unknown' });
  const old = { topic: 'old', partition: 0, leader: 6, replicas: [7, 6], isr: [6] };
  const alone = { topic: 'alone', partition: 0, leader: -1, replicas: [7], isr: [7] };
  return {
    ...rest,
    nodes: over.listed === false ? nodes : [...nodes, dead],
    partitions: [...(partitions === 'unknown' ? [] : partitions), old, alone],
    minIsr: { ...minIsr, old: 1, alone: 1 },
  };
}

const waive = (rule: string, name = 'b7', until = '2026-12-31') => ({
  ...{ rule, node: name, until, reason: 'its disk is gone; a new one is ordered' },
});
const all = ['K1', 'K7', 'K11', 'K19'].map((rule) => waive(rule));
const settings = { isrMargin: 0, quorumFetchTimeoutMs: 2000 };
const roll = (snapshot: KafkaSnapshot, target: string, waivers: ReturnType<typeof waive>[]) =>
  canRoll(snapshot, [target], { ...settings, waivers });

describe('a broker that is long dead elsewhere', () => {
  test.each([
    ['blocks whoever shares nothing with it, without a waiver', withDead(), 'b4', [], ['K7', 'K19']],
    ['does not, under waivers that name it', withDead(), 'b4', all, []],
    ['each of the rules wants its own', withDead(), 'b4', [waive('K19')], ['K7']],
    [
      'blocks whoever shares a partition with it, whatever is waived',
      withDead(),
      'b6',
      all,
      ['K19', 'K6', 'K7', 'K10'],
    ],
    [
      'a waiver that has ended',
      withDead(),
      'b4',
      all.map(({ rule }) => waive(rule, 'b7', '2026-01-09')),
      ['K7', 'K19'],
    ],
    ['a waiver of another node', withDead(), 'b4', all.map(({ rule }) => waive(rule, 'b6')), ['K7', 'K19']],
    ['that nobody lists any more', withDead({ listed: false }), 'b4', all.map(({ rule }) => waive(rule, 'node 7')), []],
    [
      'does not excuse what is missing otherwise',
      withPartition(withDead(), 't-0', { isr: [4, 5] }),
      'b4',
      all,
      ['K7', 'K6'],
    ],
    [
      'that lives, and whose figures alone cannot be read, is never waived',
      withNode(withDead(), 'b7', { alive: true, process: 'running' }),
      'b4',
      all,
      ['K19', 'K7'],
    ],
    ['controllers share no partition with it', withDead(), 'c3', all, []],
  ] as const)('%s', (_what, snapshot, target, waivers, rules) => {
    expect(rulesOf(roll(snapshot, target, [...waivers]).blocks)).toEqual(rules);
  });

  const GAP = { unread: [], offline: [], underMinIsr: [], underReplicated: [] };
  const LEFT_OUT = { ...GAP, leftOut: ['b7'] };
  const SEEN = { offline: ['alone-0'], underMinIsr: [], underReplicated: ['old-0'] };
  const UNREAD = [expect.stringContaining('b7')];
  test.each([
    ['without a waiver', withDead(), [], ['b4'], { unread: UNREAD, ...SEEN }],
    ['under waivers that name it', withDead(), all, ['b4'], LEFT_OUT],
    ['its figures alone', withDead(), [waive('K19')], ['b4'], { ...SEEN, unread: [], leftOut: ['b7'] }],
    ['each waiver for its own', withDead(), [waive('K1')], ['b4'], { ...GAP, unread: UNREAD }],
    ['that nobody lists', withDead({ listed: false }), [waive('K1', 'node 7')], ['b4', 'b5'], GAP],
    [
      'which is asked for nothing',
      withDead({ listed: false }),
      [waive('K1', 'node 7'), waive('K19', 'node 7')],
      ['b4'],
      GAP,
    ],
    ['before anything was rolled', withDead(), all, [], LEFT_OUT],
    [
      'that lives again',
      withNode(withDead(), 'b7', { alive: true, process: 'running' }),
      all,
      ['b4'],
      { unread: UNREAD, ...SEEN },
    ],
    ['who shares a partition with it was rolled', withDead(), all, ['b4', 'b6'], { unread: UNREAD, ...SEEN }],
    ['it was itself rolled', withDead(), all, ['b7'], { unread: UNREAD, ...SEEN }],
    ['no gate asks', withDead(), all, undefined, { unread: UNREAD, ...SEEN }],
    [
      'something else is missing too',
      withPartition(withDead(), 't-0', { isr: [4, 5] }),
      all,
      ['b4'],
      { ...LEFT_OUT, underReplicated: ['t-0'] },
    ],
  ])('in the eyes of a gate, %s', (_what, snapshot, waivers, rolled, wanted) => {
    expect(clusterLook(snapshot, waivers, rolled)).toEqual(wanted);
  });

  /** What it held with others was given to them. */
  const apart = () => withPartition(withDead(), 'old-0', { replicas: [6], isr: [6] });
  test.each([
    ['under a waiver of its figures', apart(), [waive('K19')], ['b7']],
    ['without one', apart(), [waive('K1'), waive('K7'), waive('K11')], []],
    ['where the waiver has ended', apart(), [waive('K19', 'b7', '2026-01-09')], []],
    ['where it shares a partition with a node that would be rolled', withDead(), all, []],
    ['where it lives', withNode(apart(), 'b7', { alive: true }), all, []],
    ['where nobody tells whether it lives', withNode(apart(), 'b7', { alive: 'unknown' }), all, []],
    ['where its process runs', withNode(apart(), 'b7', { process: 'running' }), all, []],
    ['where nobody lists it', withDead({ listed: false }), [waive('K19', 'node 7')], []],
    ['whatever else is waived of who lives', apart(), [waive('K19', 'b4')], []],
  ])('a roll-out does not touch it %s', (_what, snapshot, waivers, leftOut) => {
    expect(leftOutOf(snapshot, waivers)).toEqual(leftOut);
  });

  /** Every broker that lives tells what it knows. */
  const telling = (snapshot: KafkaSnapshot) => ({
    ...snapshot,
    features: {
      finalised: { 'metadata.version': 11 },
      supported: Object.fromEntries([4, 5, 6].map((id) => [`b${id}`, { 'metadata.version': { min: 1, max: 14 } }])),
    },
  });
  test.each([
    ['where it is left out', apart(), [waive('K19')], { level: 11, knows: 14 }],
    ['not without a waiver', apart(), [], undefined],
    ['not where another rule is waived', apart(), [waive('K7')], undefined],
    ['not where it shares a partition, and would be put back', withDead(), all, undefined],
    ['where nobody lists it', withDead({ listed: false }), [], { level: 11, knows: 14 }],
  ])('keeps nothing from being known of the levels before (K17): %s', (_what, snapshot, waivers, before) => {
    expect(metadataBefore(telling(snapshot), waivers)).toEqual(before);
  });

  /** Neither answers before both were asked. */
  function bothAsked(told: Figures | 'unread') {
    const asked = { look: Promise.withResolvers<void>(), figures: Promise.withResolvers<void>() };
    return {
      async look(rolled?: string[]) {
        asked.look.resolve();
        await asked.figures.promise;
        return clusterLook(withDead(), all, rolled);
      },
      async gateFigures(): Promise<Record<string, Figures | 'unread'>> {
        asked.figures.resolve();
        await asked.look.promise;
        return { b4: { requests: 1 }, b5: 'unread', b7: told };
      },
    };
  }

  test.each(['unread', { requests: 2 }] as const)(
    'has no figures in the eyes of a gate, which says so',
    async (told) => {
      const traffic = { observed: false, between: async () => Promise.reject(new Error('there is none')) };
      const seen = (rolled: string[]) => lookForGate({ system: bothAsked(told), traffic }, firstLook(0), rolled);
      const { sample } = await seen(['b4']);
      expect(sample.leftOut).toEqual(['b7']);
      expect([sample.unread, sample.nodes]).toEqual([["the gate's figures of b5"], { b4: { requests: 1 } }]);
      // It was itself rolled: it is answered for.
      const { sample: own } = await seen(['b4', 'b7']);
      expect([own.unread.includes("the gate's figures of b7"), 'b7' in own.nodes]).toEqual([
        told === 'unread',
        told !== 'unread',
      ]);
    },
  );

  test('is told with how to waive it, and what was waived with whose words', () => {
    const first = roll(withDead(), 'b4', []).blocks.find(({ rule }) => rule === 'K19');
    expect(first?.reason).toMatch(/b7's, which is down and shares no partition.*\{rule: K19, node: b7, reason/);
    expect(JSON.stringify(roll(withDead(), 'b6', []).blocks)).not.toContain('node: b7');
    const { waived } = roll(withDead(), 'b4', all);
    expect(waived.map(({ finding, waiver }) => [finding.rule, waiver.node])).toEqual(
      ['K7', 'K19'].map((rule) => [rule, 'b7']),
    );
  });

  test('holds at the start, in a roll-back, and while a node settles', () => {
    const start = (waivers: ReturnType<typeof waive>[]) =>
      rulesOf(preflight(withDead(), ['c1', 'b4', 'b5'], { ...settings, waivers }).blocks);
    expect(start([])).toContain('K1');
    expect(start(all).filter((rule) => ['K1', 'K7', 'K19'].includes(rule))).toEqual([]);
    const back = (waivers: ReturnType<typeof waive>[]) =>
      rulesOf(canRollBack(withDead(), ['b4'], ['b4'], { ...settings, waivers }).blocks);
    expect([back([]), back(all)]).toEqual([['K19'], []]);
    const names = excusedBrokers(withDead(), ['b4'], 'K11', all).map((one) => one.node);
    const waits = (snapshot: KafkaSnapshot) => k11WaitsFor(snapshot, 'b4', { fetchTimeoutMs: 2000 });
    expect(waits(withDead())).toEqual([expect.stringContaining('without b7')]);
    expect(waits(withoutBrokers(withDead(), names))).toEqual([]);
  });

  test('is who is down and shares nothing, seen from the nodes that are to roll', () => {
    expect(deadApart(withDead(), ['b4'])).toEqual(['b7']);
    expect(deadApart(withDead(), ['b4', 'b6'])).toEqual([]);
    expect(deadApart(withDead(), ['b7'])).toEqual([]);
    expect(deadApart(withNode(withDead(), 'b7', { alive: 'unknown' }), ['b4'])).toEqual([]);
    expect(deadApart(withDead({ listed: false }), ['b4'])).toEqual(['node 7']);
  });

  test('K11 and K19 are waived for a named node alone', () => {
    const { node: name, ...bare } = waive('K19');
    expect(waiverSchema.safeParse({ ...bare, node: name }).success).toBe(true);
    expect(waiverSchema.safeParse(bare).error?.issues[0]?.message).toContain('name it as `node`');
    expect(waiverSchema.safeParse({ ...bare, rule: 'K13', node: name }).success).toBe(false);
  });
});
