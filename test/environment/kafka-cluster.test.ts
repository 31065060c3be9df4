import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Driver, openDriver } from '../../activities/deploy/driver.ts';
import { bringUp, takeDown } from '../../activities/deploy/environment.ts';
import { environmentDir } from '../../activities/deploy/layout.ts';
import { openSystem } from '../../activities/health/system.ts';
import { openTraffic, type Traffic } from '../../activities/traffic.ts';
import { canRollNode, canRollText } from '../../cli/commands/can-roll.ts';
import { envShow, envShowText } from '../../cli/commands/env.ts';
import { settingsSchema } from '../../config/schema.ts';
import { stateOf } from '../../lib/detached.ts';
import { isAlive } from '../../lib/process-identity.ts';
import { sha256OfFile } from '../../store/artifacts.ts';
import type { Artifact } from '../../workflows/types.ts';
import {
  CLIENTS_JAR,
  LIBRARIES,
  processesOf,
  type SmallKafka,
  smallKafkaDeps,
  smallKafkaSettings,
  stampedClients,
} from './small-kafka.ts';

// A bound for what hangs, not for what is slow.
vi.setConfig({ testTimeout: 180_000 });

// One real cluster of three combined nodes for all of it; the tests follow each other.
const ENVIRONMENT = 'staging';
const settings = smallKafkaSettings();
let deps: SmallKafka;
let driver: Driver;
let traffic: Traffic;
let stamped: Artifact;

beforeAll(async () => {
  deps = await smallKafkaDeps();
  stamped = await stampedClients(deps, '3.6.2-fork.1', 'c0ffee0123456789');
  await bringUp(ENVIRONMENT, settings, deps, []);
  driver = openDriver(ENVIRONMENT, settings, deps);
  traffic = openTraffic(ENVIRONMENT, settings, deps);
  await traffic.ensureRunning();
  await traffic.setRate('full');
}, 300_000);

afterAll(async () => {
  if (!deps) return;
  await takeDown(ENVIRONMENT, { dataDir: deps.dataDir });
  rmSync(deps.root, { recursive: true, force: true });
}, 60_000);

const matching = (pattern: RegExp) => expect.stringMatching(pattern);
const pidOf = async (node: string) => (await driver.facts(node)).pid;
const nodeFolder = async (node: string) => (await driver.targets()).find(({ name }) => name === node)?.dir ?? '';
const clientsOf = async (node: string) => join(await nodeFolder(node), 'libs', CLIENTS_JAR);
const kill = async (node: string) => {
  process.kill((await pidOf(node)) ?? 0, 'SIGKILL');
  while ((await driver.facts(node)).state === 'running') await sleep(20);
};

/** However long that takes on a busy machine. */
async function untilAcknowledged(count: number): Promise<void> {
  const from = Date.now();
  while ((await traffic.between(from, Date.now())).acknowledged < count) await sleep(100);
}

test('a cluster that runs is adopted: nothing is started twice, and the traffic neither', async () => {
  const before = await Promise.all(['node-1', 'node-2', 'node-3'].map(pidOf));
  const again = await bringUp(ENVIRONMENT, settings, deps, []);
  await traffic.ensureRunning();
  expect(again.map(({ pid, adopted }) => [pid, adopted])).toEqual(before.map((pid) => [pid, true]));
  const brokers = processesOf(deps.dataDir).filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('kafka.Kafka'),
  );
  // Each broker and the shell that waits for it.
  expect(brokers).toHaveLength(6);
});

test('it shows nodes, digests, the commit that runs, ports and traffic', async () => {
  const all = settingsSchema.parse({ forks: {}, environments: { [ENVIRONMENT]: settings }, libraries: LIBRARIES });
  const view = await envShow(all, ENVIRONMENT, deps);
  const stock = await sha256OfFile(join(await deps.library('kafka-3.6.2'), CLIENTS_JAR));
  expect(view.state).toBe('up');
  expect(
    view.targets.map(({ name, state, artifacts, commit, strangers }) => ({
      name,
      state,
      artifacts,
      commit,
      strangers,
    })),
  ).toEqual(
    ['node-1', 'node-2', 'node-3'].map((name) => ({
      name,
      state: 'running',
      artifacts: [{ name: 'kafka-clients.jar', sha256: stock }],
      commit: 'c4deed513057c94e',
      strangers: [],
    })),
  );
  expect(view.traffic).toMatchObject({ kind: 'running', rate: 120 });
  expect(view.traffic?.lastSeconds.acknowledged).toBeGreaterThan(0);
  const text = envShowText(view, { colour: false, columns: 120 });
  expect(text).toContain(stock.slice(0, 12));
  expect(text).toMatch(/node-2 +controller\+broker +running/);
});

test('the agent that tells of the broker lets nobody do anything with it', async () => {
  const [{ host, ports } = { host: '', ports: {} as Record<string, number> }] = await driver.targets();
  const gc = { type: 'exec', mbean: 'java.lang:type=Memory', operation: 'gc' };
  const answer = await fetch(`http://${host}:${ports.jolokia}/jolokia/`, { method: 'POST', body: JSON.stringify(gc) });
  expect(((await answer.json()) as { status: number }).status).toBe(403);
});

test('a node is stopped, gets its artifact, returns and reports it, while every record is accounted for', async () => {
  await traffic.openWindow('kafka-7/1/staging');
  await driver.stage('node-1', [stamped]);
  await expect(driver.install('node-1', [stamped])).rejects.toThrow(/node-1 runs .*stopped before/);

  expect(await driver.stop('node-1', { graceMs: 60_000, kill: false })).toMatchObject({ stopped: true, killed: false });
  await driver.install('node-1', [stamped]);
  await driver.install('node-1', [stamped]);
  const { pid } = await driver.start('node-1', { ledger: 'kafka-7/1/staging/node-1' });
  expect(await driver.start('node-1', { ledger: 'kafka-7/1/staging/node-1' })).toEqual({ pid, adopted: true });
  expect(await driver.waitReady('node-1', 60_000)).toMatchObject({ ready: true });
  await untilAcknowledged(200);

  expect(await driver.readBack('node-1')).toEqual({
    artifacts: [{ name: 'kafka-clients.jar', sha256: stamped.sha256 }],
    commit: 'c0ffee0123456789',
  });
  expect(await driver.facts('node-1')).toMatchObject({
    state: 'running',
    strangers: [],
    permit: { ledger: 'kafka-7/1/staging/node-1' },
  });
  // Only this node's jar changed: not its neighbour's, not the library that all are linked to.
  expect((await driver.readBack('node-2')).commit).toBe('c4deed513057c94e');
  const library = join(await deps.library('kafka-3.6.2'), CLIENTS_JAR);
  expect(await sha256OfFile(library)).toBe(await sha256OfFile(await clientsOf('node-2')));

  const account = await traffic.account('kafka-7/1/staging');
  expect(account).toMatchObject({ lost: 0, offsetsMovedBack: 0, stuckConsumers: 0, unobservedMs: 0, examples: [] });
  expect(account.acknowledged).toBeGreaterThanOrEqual(200);
  expect(account.read).toBe(account.acknowledged);
});

test('can-roll asks the rules of the cluster as it is now, and reads only', async () => {
  const all = settingsSchema.parse({ forks: {}, environments: { [ENVIRONMENT]: settings }, libraries: LIBRARIES });
  const before = (await driver.facts('node-2')).pid;
  const whole = await canRollNode(all, ENVIRONMENT, 'node-2', deps);
  // A cluster of three combined nodes is what K5 speaks of; nothing else is in the way.
  expect(whole.blocks.filter(({ rule }) => rule !== 'K5')).toEqual([]);
  const stands = await openSystem(settings, driver).status();
  expect(stands).toMatchObject({ whole: true, more: [expect.stringMatching(/^topics \(partitions\): .*\(\d+\)/)] });
  expect(stands.lines.join('\n')).toMatch(
    /node-2 \(id 2, .*running since .*, runs 3\.6\.2[\s\S]*quorum: led by node-\d; /,
  );
  await expect(canRollNode(all, ENVIRONMENT, 'nobody', deps)).rejects.toThrow(/there are: node-1, node-2, node-3/);
  // The same cluster as if it were somebody else's: named by a bootstrap server, one agent, one broker that is no more.
  const [one, two] = await driver.targets();
  const nodes = [
    { name: 'alpha', id: 2, rack: 'a', jolokia: `${two?.host}:${two?.ports.jolokia}` },
    { name: 'gone', id: 9 },
  ];
  const waivers = ['K5', 'K19'].map((rule) => ({
    ...{ rule, reason: 'a test of three combined nodes', until: '2999-12-31' },
    ...(rule === 'K19' && { node: 'gone' }),
  }));
  const bootstrap = ['127.0.0.1:1', `${one?.host}:${one?.ports.broker}`];
  const of = (more: object) => settingsSchema.parse({ forks: {}, clusters: { theirs: { bootstrap, nodes, ...more } } });
  const outside = await canRollNode(of({}), 'theirs', 'alpha', deps);
  expect(outside.blocks.filter(({ rule }) => rule !== 'K5')).toEqual([
    { rule: 'K19', reason: expect.stringMatching(/unknown of gone: .*does not list it.*\{rule: K19, node: gone,/) },
  ]);
  const waived = await canRollNode(of({ rollout: { waivers } }), 'theirs', 'broker-3', deps);
  expect(waived).toMatchObject({ may: true, unseen: [/disks/, /processes/, /broker-1, broker-3/].map(matching) });
  await expect(canRollNode(of({}), 'theirs', 'beta', deps)).rejects.toThrow(
    /there are: alpha, gone, broker-1, broker-3/,
  );
  await expect(canRollNode(of({ bootstrap: ['127.0.0.1:1'] }), 'theirs', 'alpha', deps)).rejects.toThrow(
    /127\.0\.0\.1:1: /,
  );
  await kill('node-3');
  const theirs = await canRollNode(of({ rollout: { waivers } }), 'theirs', 'alpha', deps);
  expect(theirs.may).toBe(false);
  expect(canRollText(theirs).join('\n')).toMatch(/K(1|4|6|7|19): [\s\S]*not seen: /);
  const wounded = await canRollNode(all, ENVIRONMENT, 'node-2', deps);
  expect(wounded.may).toBe(false);
  expect(canRollText(wounded).join('\n')).toMatch(/may not be stopped now[\s\S]*K(1|4|6|7|19): /);
  const hurt = await openSystem(settings, driver).status();
  expect(hurt).toMatchObject({ whole: false });
  expect(hurt.lines.join('\n')).toMatch(/node-3 \(.*: stopped[\s\S]*unknown of node-3/);
  expect((await driver.facts('node-2')).pid).toBe(before);
  await bringUp(ENVIRONMENT, settings, deps, []);
});

test('a killed node stays down until somebody may start it, and `env up` starts only that one', async () => {
  const others = await Promise.all(['node-1', 'node-3'].map(pidOf));
  await kill('node-2');
  await sleep(1_000);
  expect(await driver.facts('node-2')).toMatchObject({ state: 'stopped', exitCode: 137 });
  expect((await driver.waitReady('node-2', 60_000)).detail).toMatch(/node-2 ended with 137/);

  const up = await bringUp(ENVIRONMENT, settings, deps, []);
  expect(up.map(({ name, adopted }) => [name, adopted])).toEqual([
    ['node-1', true],
    ['node-2', false],
    ['node-3', true],
  ]);
  expect(await Promise.all(['node-1', 'node-3'].map(pidOf))).toEqual(others);
  // The roll-out's jar is still there: bringing up never takes it away.
  expect((await driver.readBack('node-1')).commit).toBe('c0ffee0123456789');
});

test('a port that somebody else took is named with its holder, and nothing is started', async () => {
  await driver.stop('node-3', { graceMs: 60_000, kill: false });
  const port = (await driver.targets())[2]?.ports.broker ?? 0;
  const thief: Server = createServer();
  await new Promise<void>((listening) => thief.listen(port, '127.0.0.1', listening));
  await expect(driver.start('node-3', { envUp: true })).rejects.toThrow(
    new RegExp(`cannot start node-3: its broker port ${port} is taken by process ${process.pid} `),
  );
  expect(await driver.facts('node-3')).toMatchObject({
    state: 'stopped',
    strangers: [expect.stringContaining(`port ${port}`)],
  });
  await new Promise((closed) => thief.close(closed));
});

test('a jar that was changed by hand is seen, on the same node while the others are clean, and a staged one is no stranger', async () => {
  const jar = await clientsOf('node-3');
  const other = join(await nodeFolder('node-3'), 'libs', 'zookeeper-3.8.4.jar');
  expect(existsSync(other)).toBe(true);
  for (const file of [jar, other]) {
    copyFileSync(file, `${file}.mine`);
    appendFileSync(`${file}.mine`, 'x');
    renameSync(`${file}.mine`, file);
  }
  writeFileSync(join(await nodeFolder('node-3'), 'libs', 'mine.jar'), '');
  const { strangers } = await driver.facts('node-3');
  expect(strangers).toEqual([
    expect.stringMatching(new RegExp(`node-3: ${CLIENTS_JAR} was changed by hand: sha256 [0-9a-f]{64}`)),
    expect.stringMatching(/node-3: mine.jar was added by hand/),
    expect.stringMatching(/node-3: zookeeper-3.8.4.jar was changed by hand/),
  ]);
  expect((await driver.facts('node-2')).strangers).toEqual([]);

  await driver.install('node-3', [stamped]);
  rmSync(join(await nodeFolder('node-3'), 'libs', 'mine.jar'));
  expect((await driver.facts('node-3')).strangers).toEqual([expect.stringContaining('zookeeper')]);
  copyFileSync(join(await deps.library('kafka-3.6.2'), 'zookeeper-3.8.4.jar'), other);
  expect((await driver.facts('node-3')).strangers).toEqual([]);
  await driver.start('node-3', { envUp: true });
  expect(await driver.waitReady('node-3', 60_000)).toMatchObject({ ready: true });
});

test('what its files say of how a node is started is compared with its last start, by name', async () => {
  expect(await driver.changedSettings?.('node-3')).toEqual([]);
  const files = ['server.properties', 'jvm.args'];
  const config = join(await nodeFolder('node-3'), 'config');
  const before = files.map((file) => readFileSync(join(config, file)));
  appendFileSync(join(config, 'server.properties'), 'num.io.threads=3\nlog.retention.ms=1000\n');
  appendFileSync(join(config, 'jvm.args'), '"-Xmx300m"\n');
  expect(await driver.changedSettings?.('node-3')).toEqual([
    { kind: 'configuration', name: 'properties.num.io.threads' },
    { kind: 'configuration', name: 'properties.log.retention.ms' },
    { kind: 'jvm', name: 'jvm' },
  ]);
  // As an earlier version kept it: by a digest that whoever reads it can try values with.
  const record = join(await nodeFolder('node-3'), 'start.json');
  const kept = readFileSync(record, 'utf8');
  const { startedWith, ...older } = JSON.parse(kept) as Record<string, unknown>;
  expect(startedWith).toMatchObject({ by: expect.stringMatching(/^[0-9a-f]{16}$/) });
  writeFileSync(record, JSON.stringify({ ...older, settings: [] }));
  expect(await driver.changedSettings?.('node-3')).toEqual([]);
  writeFileSync(record, kept);
  for (const [index, file] of files.entries()) writeFileSync(join(config, file), before[index]!);
  expect(await driver.changedSettings?.('node-3')).toEqual([]);
});

test('an artifact that the settings place nowhere is refused by name', async () => {
  await expect(driver.stage('node-1', [{ ...stamped, name: 'kafka-storage.jar' }])).rejects.toThrow(
    /artifact kafka-storage.jar/,
  );
});

test('killed traffic is started anew and accounts for what the one before had acknowledged', async () => {
  await traffic.openWindow('killed');
  await untilAcknowledged(150);
  const state = await traffic.state();
  if (state.kind !== 'running') throw new Error('the traffic does not run');
  process.kill(state.pid, 'SIGKILL');
  await traffic.ensureRunning();
  const account = await traffic.account('killed');
  expect(account).toMatchObject({ lost: 0, stuckConsumers: 0, offsetsMovedBack: 0 });
  expect(account.acknowledged).toBeGreaterThanOrEqual(150);
});

test('an acknowledged record that is not in the topic is lost, and one that only the group missed is not', async () => {
  await traffic.openWindow('forged');
  // Well inside of the window: its ends are cut to the millisecond.
  await sleep(500);
  const dir = join(environmentDir(deps.dataDir, ENVIRONMENT), 'traffic');
  const now = Date.now();
  const head = Buffer.alloc(16);
  head.write('PW01');
  head.writeUInt32BE(4_000_000_000, 4);
  head.writeBigInt64BE(BigInt(now), 8);
  // Says: offset 5 of partition 0 was acknowledged for a run that never was.
  const forged = Buffer.alloc(20);
  forged.writeUInt32BE(77, 8);
  forged.writeBigInt64BE(5n, 12);
  writeFileSync(join(dir, `acks-4000000000-${now}.bin`), Buffer.concat([head, forged]));
  await sleep(500);
  const account = await traffic.account('forged', { waitMs: 1_000 });
  expect(account).toMatchObject({ lost: 1, examples: ['0 5 4000000000 77'] });
  // What the group had not read within that second is found in the topic itself: only the forged one is nowhere.
  expect(account.read + account.foundInTopic).toBe(account.acknowledged - 1);
  await traffic.closeWindow('forged');
  await expect(traffic.account('forged')).rejects.toThrow(/no traffic window forged/);

  // The group's own notes are taken away: the topic itself still proves the records.
  await traffic.openWindow('unread');
  await untilAcknowledged(50);
  await traffic.stop();
  hide(dir, 'reads');
  const found = await traffic.account('unread', { waitMs: 500 });
  expect(found).toMatchObject({ lost: 0, read: 0 });
  expect(found.foundInTopic).toBe(found.acknowledged);
  expect(found.acknowledged).toBeGreaterThanOrEqual(50);
});

test('a committed offset that is lower than what was confirmed before is told', async () => {
  const dir = join(environmentDir(deps.dataDir, ENVIRONMENT), 'traffic');
  await traffic.stop();
  writeFileSync(join(dir, 'committed.properties'), '0=1000000000\n');
  await traffic.openWindow('moved');
  await traffic.ensureRunning();
  while ((await traffic.recent(60)).offsetsMovedBack === 0) await sleep(200);
  expect((await traffic.account('moved')).offsetsMovedBack).toBe(1);
});

test('old logs of the traffic go, except what an open window still needs', async () => {
  const dir = join(environmentDir(deps.dataDir, ENVIRONMENT), 'traffic');
  const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3600_000);
  await traffic.stop();
  writeFileSync(join(dir, 'windows', 'long.json'), JSON.stringify({ key: 'long', fromMs: hoursAgo(8).getTime() }));
  await traffic.openWindow('long-too');
  for (const hours of [7, 10]) {
    const file = join(dir, `acks-1-${hours}.bin`);
    writeFileSync(file, 'PW01');
    utimesSync(file, hoursAgo(hours), hoursAgo(hours));
  }
  await traffic.ensureRunning();
  expect([7, 10].map((hours) => existsSync(join(dir, `acks-1-${hours}.bin`)))).toEqual([true, false]);
});

test('down leaves no process and keeps the data; purge removes it', async () => {
  const identities = (await driver.targets())
    .map(({ dir }) => stateOf(dir))
    .flatMap((s) => (s.kind === 'running' ? [s.process] : []));
  expect(identities).toHaveLength(3);
  await takeDown(ENVIRONMENT, { dataDir: deps.dataDir });
  expect(identities.map(isAlive)).toEqual([false, false, false]);
  expect(processesOf(deps.dataDir)).toEqual([]);
  expect(existsSync(join(await nodeFolder('node-1'), 'data', 'meta.properties'))).toBe(true);
  await takeDown(ENVIRONMENT, { dataDir: deps.dataDir, purge: true });
  expect(existsSync(environmentDir(deps.dataDir, ENVIRONMENT))).toBe(false);
});

function hide(dir: string, kind: string): void {
  for (const name of readdirSync(dir)) {
    if (name.startsWith(`${kind}-`)) renameSync(join(dir, name), join(dir, `hidden-${name}`));
  }
}
