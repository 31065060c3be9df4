import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTopicsV7 } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { withConnection } from '../../activities/health/kafka-protocol.ts';
import { openSystem } from '../../activities/health/system.ts';
import { canRollNode, canRollText } from '../../cli/commands/can-roll.ts';
import { environmentIn } from '../../config/environment-cluster.ts';
import type { Build } from '../../workflows/types.ts';
import { stampedClients } from '../environment/small-kafka.ts';
import { candidateOf, type Fixture, openFixture, until } from './fixture.ts';
import { type KafkaHosts, startKafkaHosts } from './kafka-hosts.ts';

// Three real Kafka nodes that only commands reach, and two of which have an agent; real Temporal and PostgreSQL.
const NODES = ['node-1', 'node-2', 'node-3'];
// However long that takes on a busy machine.
vi.setConfig({ testTimeout: 600_000 });
let hosts: KafkaHosts;
let fixture: Fixture;

beforeAll(async () => {
  hosts = await startKafkaHosts(['node-1', 'node-2']);
  const rollout = { blockedSeconds: 20, returnSeconds: 300, inSyncSeconds: 300 };
  const times = { windowSeconds: 3, bakeSeconds: 2, laterBakeSeconds: 1, warmUpSeconds: 0, beatSeconds: 1 };
  const gates = { profile: 'compressed', ...times, underReplicatedSeconds: 60 };
  const targets = NODES.map((name) => ({ name, host: `${name}.example.org` }));
  const production = {
    ...{ system: 'command', cluster: 'theirs', artifacts: ['kafka-clients.jar'] },
    ...{ driver: hosts.driver, targets, rollout, gates },
  };
  fixture = await openFixture({ production }, {}, { clusters: { theirs: hosts.cluster } });
  await createTopic('orders', 2);
}, 900_000);

afterAll(async () => {
  await fixture?.close();
  hosts?.stop();
  if (hosts) rmSync(hosts.deps.root, { recursive: true, force: true });
}, 60_000);

/** Three partitions of three replicas, each node the first of one. */
async function createTopic(name: string, minIsr: number): Promise<void> {
  const [{ host, ports } = { host: '', ports: {} as Record<string, number> }] = hosts.targets;
  const assignments = [0, 1, 2].map((partitionIndex) => ({
    partitionIndex,
    brokerIds: [0, 1, 2].map((n) => ((partitionIndex + n) % 3) + 1),
  }));
  const configs = [{ name: 'min.insync.replicas', value: String(minIsr) }];
  const topic = { name, numPartitions: -1, replicationFactor: -1, assignments, configs };
  await withConnection({ host, port: ports.broker ?? 0 }, (connection) =>
    createTopicsV7.api.async(connection, [topic], 10_000, false),
  );
}

async function candidate(commit: string): Promise<Build> {
  return candidateOf('kafka', `3.6.2-${commit.slice(0, 4)}`, commit, [
    await stampedClients(fixture.deps, `3.6.2-${commit.slice(0, 4)}`, commit),
  ]);
}

const system = () => openSystem(environmentIn(fixture.settings, 'production')!, fixture.driver('production'));
const commits = () =>
  Promise.all(NODES.map(async (name) => (await fixture.driver('production').readBack(name)).commit));

test('env up adopts them, and they stand under Kafka’s rules: roles and racks are the cluster’s', async () => {
  expect((await fixture.up('production')).map(({ adopted }) => adopted)).toEqual([true, true, true]);
  expect(await fixture.driver('production').targets()).toMatchObject([
    { name: 'node-1', nodeId: 1, roles: ['controller', 'broker'], host: 'node-1.example.org' },
    { nodeId: 2 },
    { nodeId: 3 },
  ]);
  const { outside, status, gateFigures } = system();
  expect(await outside?.racks()).toEqual({ 'node-1': 'rack-a', 'node-2': 'rack-b', 'node-3': 'rack-c' });
  expect(Object.keys(await gateFigures())).toEqual(['node-1', 'node-2']);
  // What has no agent runs what the cluster's level asks for at least.
  const stands = /node-1 .*running since .*runs 3\.6\.2 [\s\S]*node-3 .*running .*runs 3\.6 or later/;
  await until('all of them answer', async () => {
    const { lines, whole } = await status();
    return whole && stands.test(lines.join('\n'));
  });
});

test('a harmless candidate is rolled node by node, each settled and with its leaders before the next', async () => {
  const led = await system().ledAsPreferred(NODES);
  expect(led['node-2']).toContainEqual({ topic: 'orders', partition: 1 });
  const build = await candidate('1111111111111111');
  expect(await fixture.rollOut('production', 'kafka-1', build)).toEqual({ kind: 'promoted' });
  expect(await commits()).toEqual(NODES.map(() => '1111111111111111'));
  expect(await system().ledAsPreferred(NODES)).toEqual(led);
  const done = hosts.done().slice(NODES.length);
  const order = done.filter((line) => line.startsWith('stop ')).map((line) => line.slice('stop '.length));
  expect([...order].sort()).toEqual(NODES);
  expect(done).toEqual(order.flatMap((name) => [`stop ${name}`, `install ${name}`, `start ${name}`]));
  const told = (await fixture.thread('kafka-1')).join('\n');
  expect(told).toContain('figures of node-1, node-2 by Jolokia, no client probes');
});

test('a rule that blocks holds the roll-out before anything is touched, and can-roll says the same', async () => {
  await createTopic('precious', 3);
  const before = hosts.done();
  const words = /precious-\d has 3 replicas and min\.insync\.replicas 3: it cannot be written while node-\d restarts/;
  const ended = await fixture.rollOut('production', 'kafka-2', await candidate('2222222222222222'));
  expect(ended).toMatchObject({ kind: 'held', reasons: expect.arrayContaining([expect.stringMatching(words)]) });
  expect(hosts.done()).toEqual(before);
  for (const name of ['production', 'theirs']) {
    // A busy machine may be slow to answer: then K19 says so beside it.
    const asked = await until(`${name} answers`, async () => {
      const { blocks, ...more } = await canRollNode(fixture.settings, name, 'node-2', fixture.deps);
      return blocks.some(({ rule }) => rule === 'K19') ? undefined : { blocks, ...more };
    });
    expect(asked.blocks).toEqual([{ rule: 'K8', reason: expect.stringMatching(words) }]);
    expect(canRollText(asked).join('\n')).toMatch(/not seen: .*disks[\s\S]*not seen: figures of node-3: no agent/);
  }
});

test('a host that does not answer is not seen, whatever brokers say of its node', async () => {
  writeFileSync(join(hosts.folder('node-3'), 'broken'), '');
  const { blocks } = await canRollNode(fixture.settings, 'production', 'node-1', fixture.deps);
  rmSync(join(hosts.folder('node-3'), 'broken'));
  expect(blocks).toContainEqual({
    rule: 'K19',
    reason: expect.stringMatching(/unknown of node-3: its process \(.*no route to host/),
  });
});
