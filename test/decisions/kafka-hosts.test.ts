import { describe, expect, test } from 'vitest';
import { canRoll, canRollBack } from '../../decisions/kafka-rules/can-roll.ts';
import { k2MayGoTo4 } from '../../decisions/kafka-rules/features.ts';
import { blindSnapshot, type HostFacts, racksOf, withHosts } from '../../decisions/kafka-rules/hosts.ts';
import { seenFromOutside } from '../../decisions/kafka-rules/outside.ts';
import { k11WaitsFor } from '../../decisions/kafka-rules/settled.ts';
import type { KafkaSnapshot, NodeSnapshot } from '../../decisions/kafka-rules/snapshot.ts';
import { combined, withNode } from '../rollout/snapshots.ts';

/** Three combined nodes without agents, at a level of 3.6, and as their hosts tell of them. */
function seen(change: Partial<HostFacts> = {}, node: Partial<NodeSnapshot> = {}, over: Partial<KafkaSnapshot> = {}) {
  const features = { finalised: { 'metadata.version': 14 }, supported: {} };
  const bare = combined({ features, ...over });
  const nodes = bare.nodes.map((one) => ({ ...one, figures: 'unknown' as const }));
  const hosts = ['n1', 'n2', 'n3'].map((name): HostFacts => ({ name, state: 'running', startedAt: 'first', said: [] }));
  const told = hosts.map((host) => (host.name === 'n2' ? { ...host, ...change } : host));
  return withHosts(seenFromOutside(withNode({ ...bare, nodes }, 'n2', node), []), told);
}
const settings = { isrMargin: 0, quorumFetchTimeoutMs: 2000, waivers: [] };
const reasons = (snapshot: KafkaSnapshot, node = 'n1') =>
  canRoll(snapshot, [node], settings).blocks.map(({ rule, reason }) => `${rule}: ${reason}`);

describe('a cluster whose hosts are reached by commands', () => {
  test('lets a node go that runs, answers and is in sync everywhere', () => {
    expect(reasons(seen())).toEqual([]);
    expect(seen().nodes[1]).toMatchObject({ process: 'running', startedAt: 'first' });
  });

  test('a process that its host calls stopped does not run, though brokers still list it', () => {
    expect(reasons(seen({ state: 'stopped' })).join('\n')).toMatch(/K19: unknown of n2: .*does not run/);
  });

  test('a host that does not answer is not seen, with its words', () => {
    const lost = seen({ state: 'unknown', said: ['n2: the facts command exited with 255'] });
    expect(reasons(lost).join('\n')).toContain(
      'K19: unknown of n2: its process (n2: the facts command exited with 255)',
    );
    // The nodes that carry what is rolled back are not asked.
    expect(canRollBack(lost, ['n2'], ['n2'], settings).blocks).toEqual([]);
  });

  test('one that does not answer for itself is not settled, though the others list it still', () => {
    const killed = seen({}, { controlledShutdown: 'unknown' }, { answeredBy: ['n1', 'n3'] });
    expect(k11WaitsFor(killed, 'n2', { fetchTimeoutMs: 2000 })).toEqual([
      'n2 reports broker state unknown, not 3 (running)',
    ]);
    expect(reasons(killed).join('\n')).toContain('K19: unknown of n2: brokerState, controlled.shutdown.enable');
    expect(k11WaitsFor(seen(), 'n2', { fetchTimeoutMs: 2000 })).toEqual([]);
  });

  test('the version is what an agent tells, or a command, or what the finalised level asks for at least', () => {
    const version = (snapshot: KafkaSnapshot) => {
      const figures = snapshot.nodes[1]?.figures;
      return figures === 'unknown' ? figures : figures?.version;
    };
    expect(version(seen())).toBe('3.6 or later');
    expect(version(seen({ version: '3.9.1' }))).toBe('3.9.1');
    expect(version(seen({}, {}, { features: 'unknown' }))).toBe('unknown');
    const told = withHosts(combined(), [{ name: 'n2', state: 'running', version: '3.9.1', said: [] }]);
    expect(version(told)).toBe('3.6.2');
    // K2 needs no agent for that, and still asks what nobody but a person can tell.
    expect(k2MayGoTo4(seen(), '4.0.0', '2.8')).toEqual([]);
    expect(k2MayGoTo4(seen(), '4.0.0', 'unknown')).toHaveLength(1);
    const level4 = { finalised: { 'metadata.version': 25 }, supported: {} };
    expect(k2MayGoTo4(seen({}, {}, { features: level4 }), '4.1.0', 'unknown')).toEqual([]);
  });

  test('racks are those that anybody tells', () => {
    expect(racksOf(seen({}, { rack: 'b' }))).toEqual({ n2: 'b' });
  });

  test('a cluster of which nobody can be asked blocks with the reason, and nothing of it counts as zero', () => {
    const nodes = combined().nodes.map(({ name, id, roles }) => ({ name, id, roles }));
    const why = 'clusters.prod: no bootstrap server answers (kafka-1.example.org:9092: refused)';
    const blind = blindSnapshot(nodes, { takenAt: '2026-01-10T12:00:00.000Z', why });
    expect(reasons(blind).join('\n')).toContain(`K19: unknown: ${why}`);
    expect(reasons(withHosts(blind, [])).every((reason) => reason.startsWith('K19: '))).toBe(true);
  });
});
