import { describe, expect, test } from 'vitest';
import {
  k6KeepsMinIsr,
  k7KeepsMargin,
  k8CanSpareAReplica,
  k10KeepsFromKilling,
  k10StopsGracefully,
  k14StaysInOneRack,
} from '../../decisions/kafka-rules/availability.ts';
import { canRoll, canRollBack, preflight } from '../../decisions/kafka-rules/can-roll.ts';
import { g6RunsWhatWasInstalled } from '../../decisions/kafka-rules/identity.ts';
import { k19SeesEverything } from '../../decisions/kafka-rules/observe.ts';
import { k1NothingMoves, k1StartsWhole } from '../../decisions/kafka-rules/preflight.ts';
import { k3Next, k4KeepsQuorum, k5GatesOf } from '../../decisions/kafka-rules/quorum.ts';
import {
  k11LeadersToGiveBack,
  k11LedAsPreferred,
  k11WaitsFor,
  k12Deadline,
} from '../../decisions/kafka-rules/settled.ts';
import { type Finding, nodesNamed } from '../../decisions/kafka-rules/snapshot.ts';
import { applyWaivers, firstOfEachWaiver, waivedAs, waivedWords } from '../../decisions/kafka-rules/waivers.ts';
import { combined, dedicated, figures, withNode, withPartition } from './snapshots.ts';

const settings = { isrMargin: 0, quorumFetchTimeoutMs: 2000, waivers: [] };
const rulesOf = (findings: readonly { rule: string }[]) => findings.map(({ rule }) => rule);

/** Each row says which words a person needs to find in the block; no words: it passes. */
function expectFinding(findings: readonly Finding[], rule: string, words: readonly string[] | undefined) {
  if (words === undefined) return expect(findings).toEqual([]);
  expect(findings.length).toBeGreaterThan(0);
  expect(new Set(rulesOf(findings))).toEqual(new Set([rule]));
  const text = findings.map(({ reason }) => reason).join('\n');
  for (const word of words) expect(text).toContain(word);
}

describe('K1 a roll-out starts only on a whole cluster', () => {
  test.each([
    ['a whole cluster passes', combined(), undefined],
    ['an offline partition blocks', withPartition(combined(), 't-1', { leader: -1, isr: [] }), ['offline', 't-1']],
    [
      'a partition under its min ISR blocks, with the numbers',
      withPartition(combined(), 't-2', { isr: [3] }),
      ['under min.insync.replicas', 't-2', 'ISR [3]', 'min ISR 2'],
    ],
    [
      'an internal topic counts like any other',
      withPartition(combined(), '__consumer_offsets-0', { isr: [1, 2] }),
      ['under-replicated', '__consumer_offsets-0'],
    ],
    [
      'no active controller blocks',
      withNode(combined(), 'n1', { figures: figures({ activeController: 0 }) }),
      ['0 active controllers'],
    ],
    [
      'two active controllers block',
      withNode(combined(), 'n2', { figures: figures({ activeController: 1 }) }),
      ['2 active controllers', 'n1, n2'],
    ],
    ['a reassignment blocks', combined({ reassigning: ['t-0'] }), ['reassignment', 't-0']],
  ] as const)('%s', (_name, snapshot, words) => {
    expectFinding(k1StartsWhole(snapshot), 'K1', words);
  });

  test('a reassignment stops a roll-out in its middle too', () => {
    expectFinding(k1NothingMoves(combined({ reassigning: ['t-0'] })), 'K1', ['t-0']);
    expect(k1NothingMoves(withPartition(combined(), 't-0', { isr: [1] }))).toEqual([]);
  });
});

describe('K3 order', () => {
  const all = ['b4', 'b5', 'b6', 'c1', 'c2', 'c3'];
  const stopped = { process: 'stopped', alive: false } as const;
  test.each([
    ['controllers come before brokers', dedicated(), all, 'c2'],
    ['the active controller is last of the controllers', dedicated(), ['c1', 'c3', 'b4'], 'c3'],
    ['and still before any broker', dedicated(), ['c1', 'b4', 'b5', 'b6'], 'c1'],
    [
      'the active controller is read again, since it moves',
      dedicated({ quorum: { leader: 3, voters: [1, 2, 3].map((id) => ({ id, behindMs: 0 })) } }),
      ['c1', 'c3'],
      'c1',
    ],
    ['an unready broker goes first of the brokers', withNode(dedicated(), 'b6', stopped), ['b4', 'b5', 'b6'], 'b6'],
    [
      'a controller that has not caught up goes first of the controllers',
      dedicated({
        quorum: {
          leader: 1,
          voters: [
            { id: 1, behindMs: 0 },
            { id: 2, behindMs: 0 },
            { id: 3, behindMs: 9000 },
          ],
        },
      }),
      all,
      'c3',
    ],
    ['of combined nodes the active controller is last', combined(), ['n1', 'n2', 'n3'], 'n2'],
    [
      'of dedicated and combined controllers the active one is last, though it is dedicated',
      withNode(dedicated(), 'c3', { roles: ['broker', 'controller'] }),
      ['c1', 'c3', 'b4'],
      'c3',
    ],
    ['an unready broker never goes before a controller', withNode(dedicated(), 'b6', stopped), ['c2', 'b6'], 'c2'],
  ] as const)('%s', (_name, snapshot, remaining, next) => {
    expect(k3Next(snapshot, remaining, 2000)).toEqual({ next });
  });

  test('without a quorum there is no order', () => {
    expect(k3Next(combined({ quorum: 'unknown' }), ['n1'], 2000)).toBe('unknown');
  });
});

describe('K4 the quorum stays', () => {
  const quorum = (leader: number, ...behind: (number | 'unknown')[]) => ({
    leader,
    voters: behind.map((behindMs, index) => ({ id: index + 1, behindMs })),
  });
  const five = (snapshot = combined()) => ({
    ...snapshot,
    nodes: [1, 2, 3, 4, 5].map((id) => ({ ...snapshot.nodes[0]!, id, name: `n${id}` })),
  });
  test.each([
    ['three of three: two stay, two are needed', combined(), ['n2'], undefined],
    [
      'another that lags makes it one',
      combined({ quorum: quorum(1, 0, 0, 2001) }),
      ['n2'],
      ['1 of 3', '2 are needed', 'n3 is 2001 ms behind'],
    ],
    [
      'behind by exactly the fetch time-out is caught up',
      combined({ quorum: quorum(1, 0, 0, 2000) }),
      ['n2'],
      undefined,
    ],
    ['the one that lags may itself go', combined({ quorum: quorum(1, 0, 0, 60_000) }), ['n3'], undefined],
    [
      'a voter that never fetched is not caught up',
      combined({ quorum: quorum(1, 0, 'unknown', 0) }),
      ['n3'],
      ['not known'],
    ],
    ['no leader blocks', combined({ quorum: quorum(-1, 0, 0, 0) }), ['n2'], ['no leader']],
    ['five voters need three', five(combined({ quorum: quorum(1, 0, 0, 0, 9000, 0) })), ['n2'], undefined],
    [
      'two late of five block',
      five(combined({ quorum: quorum(1, 0, 0, 0, 9000, 9000) })),
      ['n2'],
      ['2 of 5', '3 are needed'],
    ],
    ['two at once of five leave three', five(combined({ quorum: quorum(1, 0, 0, 0, 0, 0) })), ['n2', 'n3'], undefined],
    ['two at once of three do not', combined(), ['n2', 'n3'], ['1 of 3']],
    ['a single controller never passes', combined({ quorum: quorum(1, 0) }), ['n1'], ['0 of 1', '1 are needed']],
    ['a broker alone is no voter', dedicated({ quorum: quorum(1, 0, 9000, 9000) }), ['b4'], undefined],
  ] as const)('%s', (_name, snapshot, wave, words) => {
    expectFinding(k4KeepsQuorum(snapshot, wave, 2000), 'K4', words);
  });
});

test('K5 a combined node passes the gates of both roles', () => {
  const [node] = nodesNamed(combined(), ['n1']);
  expect(k5GatesOf(node!)).toEqual(['controller', 'broker']);
  const late = { leader: 1, voters: [1, 2, 3].map((id) => ({ id, behindMs: id === 3 ? 9000 : 0 })) };
  const both = withPartition(combined({ quorum: late }), 't-0', { isr: [1, 2] });
  expect(rulesOf(canRoll(both, ['n2'], settings).blocks)).toEqual(['K4', 'K6', 'K7']);
});

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

describe('K19 cannot observe, does not act', () => {
  test.each([
    ['everything seen, dedicated and combined', dedicated(), undefined],
    ['no quorum', combined({ quorum: 'unknown' }), ['DescribeQuorum']],
    ['no partitions', combined({ partitions: 'unknown' }), ['metadata']],
    ['no reassignments', combined({ reassigning: 'unknown' }), ['reassignment']],
    ['a topic without its min ISR', combined({ minIsr: { t: 2 } }), ['min.insync.replicas of __consumer_offsets']],
    ['no JMX of one node', withNode(combined(), 'n2', { figures: 'unknown' }), ['n2', 'JMX']],
    [
      'one figure missing is not zero',
      withNode(combined(), 'n2', { figures: figures({ underMinIsr: 'unknown' }) }),
      ['n2', 'underMinIsr'],
    ],
    [
      'a live broker that does not tell its own configuration',
      withNode(combined(), 'n2', { controlledShutdown: 'unknown' }),
      ['controlled.shutdown.enable'],
    ],
  ] as const)('%s', (_name, snapshot, words) => {
    expectFinding(k19SeesEverything(snapshot), 'K19', words);
  });

  test('a suspect may not block its own roll-back by hiding its figures, the quorum may', () => {
    const hidden = withNode(combined(), 'n2', { figures: 'unknown' });
    expect(k19SeesEverything(hidden, ['n2'])).toEqual([]);
    expect(k19SeesEverything(hidden, ['n1'])).toHaveLength(1);
    expect(rulesOf(k19SeesEverything(combined({ quorum: 'unknown' }), ['n1', 'n2', 'n3']))).toEqual(['K19']);
  });
});

describe('G6 what runs is what was installed', () => {
  const wanted = { artifacts: [{ name: 'a.jar', sha256: 'aa' }], commit: '0123456789abcdef' };
  test.each([
    ['digest and commit', { artifacts: [{ name: 'a.jar', sha256: 'aa' }], commit: '0123456789abcdef' }, []],
    ['an abbreviated commit', { artifacts: [{ name: 'a.jar', sha256: 'aa' }], commit: '0123456789' }, []],
    ['another digest', { artifacts: [{ name: 'a.jar', sha256: 'bb' }], commit: '0123456789' }, ['a.jar on n1 is bb']],
    ['a missing file', { artifacts: [], commit: '0123456789' }, ['n1 has no a.jar']],
    [
      'another commit',
      { artifacts: [{ name: 'a.jar', sha256: 'aa' }], commit: 'fedcba9876' },
      ['runs commit fedcba9876'],
    ],
    ['no commit', { artifacts: [{ name: 'a.jar', sha256: 'aa' }], commit: '' }, ['(none reported)']],
    [
      'three characters name nothing',
      { artifacts: [{ name: 'a.jar', sha256: 'aa' }], commit: '012' },
      ['runs commit 012'],
    ],
  ])('%s', (_name, readBack, words) => {
    const findings = g6RunsWhatWasInstalled('n1', readBack, wanted, true);
    expect(findings).toHaveLength(words.length);
    for (const [index, word] of words.entries()) expect(findings[index]!.reason).toContain(word);
  });

  test('a system that cannot tell its commit is held to its digests', () => {
    const silent = { artifacts: [{ name: 'a.jar', sha256: 'aa' }], commit: '' };
    expect(g6RunsWhatWasInstalled('n1', silent, wanted, false)).toEqual([]);
  });
});

describe('waivers', () => {
  const finding = { rule: 'K8', topic: 't', reason: 't-0 has 1 replica' };
  const waiver = { rule: 'K8', topic: 't', reason: 'a scratch topic', until: '2026-01-31' };
  const now = '2026-01-10T12:00:00.000Z';
  test.each([
    ['one for the topic', waiver, finding, true],
    ['one for every topic', { ...waiver, topic: undefined }, finding, true],
    ['one for another topic', { ...waiver, topic: 'u' }, finding, false],
    ['one for another rule', { ...waiver, rule: 'K6' }, finding, false],
    ['on its last day', { ...waiver, until: '2026-01-10' }, finding, true],
    ['after its last day', { ...waiver, until: '2026-01-09' }, finding, false],
    ['K19 is never waived', { ...waiver, rule: 'K19', topic: undefined }, { rule: 'K19', reason: 'unknown' }, false],
  ] as const)('%s', (_name, waiver, finding, waived) => {
    const { blocks, waived: byWhom } = applyWaivers([finding], [waiver], now);
    expect([blocks.length, byWhom.length]).toEqual(waived ? [0, 1] : [1, 0]);
  });

  test('each is said once: one from before the first node is not said again, one in the middle is', () => {
    const of = (rule: string, reason: string, because: string) => ({
      finding: { rule, reason },
      waiver: { rule, reason: because, until: '2026-01-31' },
    });
    const [first, second, third] = [of('K8', 't', 'a scratch'), of('K8', 'u', 'a scratch'), of('K6', 't', 'a move')];
    expect(firstOfEachWaiver([first, second, third])).toEqual([first, third]);
    const keys = (waived: (typeof first)[]) => waivedWords(waived.map(waivedAs)).map(({ key }) => key);
    const before = keys([first, second]);
    expect(new Set(before).size).toBe(2);
    const [again, fresh] = keys(firstOfEachWaiver([second, third]));
    expect(before).toContain(again);
    expect(before).not.toContain(fresh);
    expect(waivedWords([waivedAs(third)])[0]!.text).toBe('K6 is waived: t; a move (until 2026-01-31)');
  });

  test('a block says how to waive it, or when its waiver ended', () => {
    expect(applyWaivers([finding], [], now).blocks[0]!.reason).toContain('rollout.waivers: {rule: K8, topic: t,');
    const lapsed = applyWaivers([finding], [{ ...waiver, until: '2026-01-09' }], now);
    expect(lapsed.blocks[0]!.reason).toContain('ended on 2026-01-09');
  });
});

describe('the rules together', () => {
  const suspect = withPartition(withPartition(combined(), 't-1', { isr: [2] }), 't-2', { isr: [2, 3] });
  test('a whole cluster may start, combined or dedicated', () => {
    expect(preflight(combined(), ['n1', 'n2', 'n3'], settings).blocks).toEqual([]);
    expect(preflight(dedicated(), ['c1', 'c2', 'c3', 'b4', 'b5', 'b6'], settings).blocks).toEqual([]);
  });

  test('rolling back the suspect is not stopped by the harm that it does', () => {
    expect(rulesOf(canRoll(suspect, ['n2'], settings).blocks)).toEqual(expect.arrayContaining(['K6', 'K7', 'K10']));
    expect(canRollBack(suspect, ['n2'], ['n2'], settings).blocks).toEqual([]);
  });

  test('but it keeps the quorum: K4 stays', () => {
    const late = { leader: 1, voters: [1, 2, 3].map((id) => ({ id, behindMs: id === 3 ? 9000 : 0 })) };
    expect(rulesOf(canRollBack({ ...suspect, quorum: late }, ['n2'], ['n2'], settings).blocks)).toEqual(['K4']);
  });

  test('a waiver for a single topic lets the roll-out start', () => {
    const single = withPartition(combined(), 't-0', { replicas: [1], isr: [1] });
    expect(rulesOf(preflight(single, ['n1', 'n2', 'n3'], settings).blocks)).toEqual(['K8']);
    const waivers = [{ rule: 'K8', topic: 't', reason: 'a scratch topic', until: '2026-12-31' }];
    expect(preflight(single, ['n1', 'n2', 'n3'], { ...settings, waivers }).blocks).toEqual([]);
  });
});
