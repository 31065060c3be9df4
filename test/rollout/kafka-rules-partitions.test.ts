import { describe, expect, test } from 'vitest';
import {
  k6KeepsMinIsr,
  k7KeepsMargin,
  k8CanSpareAReplica,
  k10KeepsFromKilling,
  k10StopsGracefully,
  k14StaysInOneRack,
} from '../../decisions/kafka-rules/availability.ts';
import {
  k11LeadersToGiveBack,
  k11LedAsPreferred,
  k11WaitsFor,
  k12Deadline,
  k12Seconds,
} from '../../decisions/kafka-rules/settled.ts';
import { combined, dedicated, expectFinding, figures, withNode, withPartition } from './snapshots.ts';

describe('K6 no partition falls below its min ISR', () => {
  test.each([
    ['a full ISR can spare one', combined(), ['n1'], undefined],
    [
      'ISR at its minimum with the broker in it blocks',
      withPartition(combined(), 't-0', { isr: [1, 2] }),
      ['n1'],
      ['t-0', '1 in-sync', 'min.insync.replicas is 2', 'ISR now [1,2]'],
    ],
    [
      'ISR at its minimum without the broker passes',
      withPartition(combined(), 't-0', { isr: [1, 2] }),
      ['n3'],
      undefined,
    ],
    ['below its minimum blocks even without it', withPartition(combined(), 't-0', { isr: [1] }), ['n3'], ['t-0']],
    ['two at once leave one: the wave is judged as a set', combined(), ['n1', 'n2'], ['1 in-sync']],
    [
      'a partition that has no replica on the wave is not asked',
      withPartition(combined(), 't-0', { replicas: [1, 2], isr: [1] }),
      ['n3'],
      undefined,
    ],
    ['min ISR 1 can spare two', combined({ minIsr: { t: 1, __consumer_offsets: 1 } }), ['n1', 'n2'], undefined],
    [
      'min ISR raised to the replication is K8',
      combined({ minIsr: { t: 3, __consumer_offsets: 2 } }),
      ['n1'],
      undefined,
    ],
    ['a dedicated controller holds no replica', dedicated(), ['c1'], undefined],
  ] as const)('%s', (_name, snapshot, wave, words) => {
    expectFinding(k6KeepsMinIsr(snapshot, wave), 'K6', words);
  });
});

describe('K7 a margin above min ISR, or everything in sync', () => {
  const roomy = combined({ minIsr: { t: 1, __consumer_offsets: 1 } });
  test.each([
    ['no margin, all in sync', combined(), ['n1'], 0, undefined],
    [
      'no margin: one missing replica anywhere blocks',
      withPartition(dedicated(), 't-0', { replicas: [5, 6], isr: [5] }),
      ['b4'],
      0,
      ['t-0', 'b6 missing'],
    ],
    [
      'what the wave itself misses does not count',
      withPartition(combined(), 't-0', { isr: [2, 3] }),
      ['n1'],
      0,
      undefined,
    ],
    ['a margin of one where there is room', roomy, ['n1'], 1, undefined],
    [
      'a margin of one that is used up blocks',
      withPartition(roomy, 't-0', { isr: [1, 2] }),
      ['n1'],
      1,
      ['t-0', '1 in-sync', 'margin of 1', 'asks for 2'],
    ],
    [
      'a margin that replication leaves no room for falls back to in sync everywhere',
      withPartition(combined(), 't-0', { isr: [1, 3] }),
      ['n3'],
      1,
      ['t-0', 'n2 missing'],
    ],
    ['a dedicated controller is not asked', withPartition(dedicated(), 't-0', { isr: [4] }), ['c1'], 0, undefined],
  ] as const)('%s', (_name, snapshot, wave, margin, words) => {
    expectFinding(k7KeepsMargin(snapshot, wave, margin), 'K7', words);
  });
});

describe('K8 replication that cannot spare a replica', () => {
  test.each([
    ['replication 3 with min ISR 2 passes', combined(), ['n1'], undefined],
    [
      'replication 1 blocks and is named',
      withPartition(combined(), 't-0', { replicas: [1], isr: [1] }),
      ['n1'],
      ['t-0', '1 replica and min.insync.replicas 2'],
    ],
    [
      'on another broker it does not concern this one',
      withPartition(combined(), 't-0', { replicas: [2], isr: [2] }),
      ['n1'],
      undefined,
    ],
    [
      'min ISR raised in the middle blocks',
      combined({ minIsr: { t: 3, __consumer_offsets: 2 } }),
      ['n1'],
      ['t-', 'min.insync.replicas 3'],
    ],
  ] as const)('%s', (_name, snapshot, wave, words) => {
    expectFinding(k8CanSpareAReplica(snapshot, wave), 'K8', words);
  });
});

describe('K10 a graceful stop only', () => {
  test.each([
    ['controlled shutdown and another in-sync replica', combined(), ['n1'], undefined],
    [
      'controlled.shutdown.enable=false blocks',
      withNode(combined(), 'n1', { controlledShutdown: false }),
      ['n1'],
      ['controlled.shutdown.enable=false'],
    ],
    [
      'a leader without a successor blocks',
      withPartition(combined(), 't-0', { isr: [1] }),
      ['n1'],
      ['t-0 is led by n1', 'no other replica'],
    ],
  ] as const)('%s', (_name, snapshot, wave, words) => {
    expectFinding(k10StopsGracefully(snapshot, wave), 'K10', words);
  });

  const fenced = withNode(combined(), 'n1', { alive: false });
  test.each([
    ['not fenced: wait', combined(), 'not fenced'],
    ['fenced and still leading: wait', fenced, 'still leads'],
    [
      'fenced and leading nothing: kill',
      withPartition(withPartition(fenced, 't-0', { leader: 2 }), '__consumer_offsets-0', { leader: 2 }),
      undefined,
    ],
    ['nobody says: wait', { ...fenced, partitions: 'unknown' as const }, 'no broker says'],
  ] as const)('a node that cannot exit, %s', (_name, snapshot, why) => {
    const answer = k10KeepsFromKilling(snapshot, 'n1');
    if (why === undefined) expect(answer).toBeUndefined();
    else expect(answer).toContain(why);
  });
});

describe('K11 settled before the next', () => {
  const wait = (snapshot = combined(), suspects: string[] = []) =>
    k11WaitsFor(snapshot, 'n1', { fetchTimeoutMs: 2000, suspects });
  test.each([
    ['a whole cluster has settled', combined(), []],
    ['the process is gone', withNode(combined(), 'n1', { process: 'stopped' }), ['n1 is stopped']],
    ['fenced', withNode(combined(), 'n1', { alive: false }), ['fenced']],
    [
      'recovering its logs',
      withNode(combined(), 'n1', { figures: figures({ brokerState: 2, logsToRecover: 7 }) }),
      ['recovering its logs (7 to go)'],
    ],
    ['its figures do not answer', withNode(combined(), 'n1', { figures: 'unknown' }), ['broker state unknown']],
    ['not in its ISR', withPartition(combined(), 't-1', { isr: [2, 3] }), ['n1 is not in sync for t-1']],
    ['another one not in sync', withPartition(combined(), 't-1', { isr: [1, 2] }), ['t-1 (without n3)']],
    ['not in sync where a reassignment brings it', withPartition(combined(), 't-1', { isr: [2, 3], adding: [1] }), []],
    ['another one that a reassignment brings', withPartition(combined(), 't-1', { isr: [1, 2], adding: [3] }), []],
    [
      'one that was there, beside one that a reassignment brings',
      withPartition(combined(), 't-1', { isr: [1], adding: [3] }),
      ['t-1 (without n2)'],
    ],
    [
      'another one, of what a reassignment brings here',
      withPartition(combined(), 't-1', { isr: [2], adding: [1] }),
      ['t-1 (without n3)'],
    ],
    [
      'its controller lags',
      combined({ quorum: { leader: 2, voters: [1, 2, 3].map((id) => ({ id, behindMs: id === 1 ? 'unknown' : 0 })) } }),
      ['caught up'],
    ],
    ['no partitions known', combined({ partitions: 'unknown' }), ['no broker tells']],
  ] as const)('%s', (_name, snapshot, words) => {
    const waiting = wait(snapshot);
    expect(waiting).toHaveLength(words.length);
    for (const [index, word] of words.entries()) expect(waiting[index]).toContain(word);
  });

  test('in a roll-back, what only suspects hold down is not waited for', () => {
    const held = withPartition(withPartition(combined(), 't-1', { isr: [2] }), 't-0', { isr: [1, 2] });
    expect(wait(held)).toHaveLength(2);
    // t-1 is led by the suspect n2; of t-0 only the suspect n3 is missing.
    expect(wait(held, ['n2', 'n3'])).toEqual([]);
    // Of what is left of t-0 n2 is only brought there, which may take hours.
    const moved = withPartition(combined(), 't-0', { isr: [1], adding: [2] });
    expect(wait(moved, ['n3'])).toEqual([]);
  });

  test('a dedicated controller is asked only about the quorum', () => {
    const hurt = withPartition(dedicated(), 't-0', { isr: [4] });
    expect(k11WaitsFor(hurt, 'c2', { fetchTimeoutMs: 2000 })).toEqual([]);
  });

  test('only the leaders that the roll moved are given back', () => {
    const moved = k11LedAsPreferred(combined(), 'n1');
    expect(moved.map(({ topic, partition }) => `${topic}-${partition}`)).toEqual(['t-0', '__consumer_offsets-0']);
    const away = withPartition(combined(), 't-0', { leader: 2 });
    expect(k11LeadersToGiveBack(away, 'n1', moved).ready).toEqual([{ topic: 't', partition: 0 }]);
    // Somebody had demoted n1 for t-0 before the roll: it is not ours to undo.
    expect(k11LedAsPreferred(away, 'n1')).toEqual([{ topic: '__consumer_offsets', partition: 0 }]);
    expect(k11LeadersToGiveBack(away, 'n1', []).ready).toEqual([]);
    const late = withPartition(combined(), 't-0', { leader: 2, isr: [2, 3] });
    expect(k11LeadersToGiveBack(late, 'n1', moved)).toEqual({ ready: [], blocked: [{ topic: 't', partition: 0 }] });
    const reassigned = withPartition(combined(), 't-0', { leader: 2, replicas: [2, 1, 3] });
    expect(k11LeadersToGiveBack(reassigned, 'n1', moved)).toEqual({ ready: [], blocked: [] });
  });
});

test.each([
  ['from the start', { startedAtMs: 1000 }, 61_000],
  ['again from every progress', { startedAtMs: 1000, lastProgressAtMs: 50_000 }, 110_000],
])('K12 the deadline counts %s', (_name, clock, deadline) => {
  expect(k12Deadline(clock, 60)).toBe(deadline);
});

const returns = (slow: number) => Array.from({ length: 200 }, (_, i) => (i < 3 ? slow : 5));
test.each([
  ['what is configured, where little was measured', [900, 900], 120],
  ['what is configured, where nodes are quick', returns(5), 120],
  ['twice the p99, where nodes are slow', returns(400), 800],
  ['and not the slowest of all', [...returns(5), 4_000], 120],
])('K12 the deadline is %s', (_name, measured, seconds) => {
  expect(k12Seconds(120, measured)).toBe(seconds);
});

describe('K14 parallel only inside one rack', () => {
  const racks = (snapshot = combined({ minIsr: { t: 1, __consumer_offsets: 1 } })) => ({
    ...snapshot,
    nodes: snapshot.nodes.map((n) => ({ ...n, rack: n.name === 'n3' ? 'b' : 'a' })),
  });
  test.each([
    ['one node alone is always one rack', combined(), ['n1'], undefined],
    ['two of one rack', racks(), ['n1', 'n2'], undefined],
    ['two racks', racks(), ['n1', 'n3'], ['2 racks']],
    ['no rack is a rack of its own', combined(), ['n1', 'n2'], ['2 racks']],
    [
      'a broker down elsewhere',
      withNode(racks(), 'n3', { alive: false }),
      ['n1', 'n2'],
      ['n3, in another rack, is down'],
    ],
  ] as const)('%s', (_name, snapshot, wave, words) => {
    expectFinding(k14StaysInOneRack(snapshot, wave), 'K14', words);
  });
});
