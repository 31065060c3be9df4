import { describe, expect, test } from 'vitest';
import { canRoll, canRollBack, preflight } from '../../decisions/kafka-rules/can-roll.ts';
import { g6RunsWhatWasInstalled } from '../../decisions/kafka-rules/identity.ts';
import { clusterLook } from '../../decisions/kafka-rules/look.ts';
import { k19SeesEverything } from '../../decisions/kafka-rules/observe.ts';
import { k1NothingMoves, k1StartsWhole } from '../../decisions/kafka-rules/preflight.ts';
import { k3Next, k4KeepsQuorum, k5GatesOf } from '../../decisions/kafka-rules/quorum.ts';
import { nodesNamed } from '../../decisions/kafka-rules/snapshot.ts';
import { applyWaivers, firstOfEachWaiver, waivedAs, waivedWords } from '../../decisions/kafka-rules/waivers.ts';
import { combined, dedicated, expectFinding, figures, rulesOf, withNode, withPartition } from './snapshots.ts';

const settings = { isrMargin: 0, quorumFetchTimeoutMs: 2000, waivers: [] };

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

  test('what a reassignment brings is not under-replicated for a gate: no candidate did that', () => {
    const moved = withPartition(combined({ reassigning: ['t-0'] }), 't-0', { isr: [1, 2], adding: [3] });
    expect(clusterLook(moved, []).underReplicated).toEqual([]);
    const lost = withPartition(moved, 't-0', { isr: [2] });
    expect(clusterLook(lost, []).underReplicated).toEqual(['t-0']);
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
