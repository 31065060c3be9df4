import { appendFileSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readKafka } from '../../activities/health/kafka.ts';
import { openSystem } from '../../activities/health/system.ts';
import { firstLook, lookForGate } from '../../activities/rollout/gate-look.ts';
import type { GateRecord } from '../../activities/rollout/gates.ts';
import { replayGate } from '../../cli/commands/gate.ts';
import { environmentIn } from '../../config/environment-cluster.ts';
import type { GateFigures, GateMetric } from '../../decisions/gate/types.ts';
import { KAFKA_GATE_METRICS } from '../../decisions/kafka-rules/gate-metrics.ts';
import { metadataName } from '../../decisions/kafka-rules/metadata-versions.ts';
import { isUnderReplicated, known } from '../../decisions/kafka-rules/snapshot.ts';
import { withLock } from '../../lib/lock.ts';
import type { Artifact, Build } from '../../workflows/types.ts';
import { CLIENTS_JAR, stampedClients } from '../environment/small-kafka.ts';
import { candidateOf, type Fixture, openFixture, scratch, until } from './fixture.ts';

// One real cluster of three combined nodes, real Temporal, PostgreSQL and a worker process that is killed; the
// tests follow each other.
const STAGING = 'staging';
const NODES = ['node-1', 'node-2', 'node-3'];
const rollout = { blockedSeconds: 20, returnSeconds: 60, inSyncSeconds: 60 };
const gates = {
  profile: 'compressed',
  windowSeconds: 2,
  bakeSeconds: 2,
  laterBakeSeconds: 1,
  warmUpSeconds: 0,
  beatSeconds: 1,
  minimumWork: 20,
  smallestErrorShare: 0.5,
  // Two cores that others use too: figures of this machine are not what is tested here.
  slowFloorMs: 30_000,
  underReplicatedSeconds: 30,
};
// However long that takes on a busy machine.
vi.setConfig({ testTimeout: 600_000 });
let fixture: Fixture;
const builds: Record<string, Build> = {};
/** The node that led the quorum before anything was rolled. */
let ledBefore = -1;

beforeAll(async () => {
  const kafka = {
    system: 'kafka',
    provision: { combined: 3 },
    library: 'kafka-3.6.2',
    artifacts: { 'kafka-clients.jar': CLIENTS_JAR },
    initial: 'library',
    traffic: { recordsPerSecond: 60, trickle: 20 },
    rollout,
    gates,
  };
  fixture = await openFixture({ [STAGING]: kafka });
  await fixture.up(STAGING);
  for (const [name, commit] of Object.entries({
    one: '1111111111111111',
    two: '2222222222222222',
    three: '3333333333333333',
  })) {
    builds[name] = candidateOf('kafka', `3.6.2-${name}`, commit, [
      await stampedClients(fixture.deps, `3.6.2-${name}`, commit),
    ]);
  }
}, 300_000);

afterAll(async () => {
  await fixture?.close();
}, 60_000);

const build = (name: string): Build => builds[name]!;
const digestOf = (candidate: Build) => candidate.artifacts[0]!.sha256;
const digests = async () =>
  (await fixture.facts(STAGING)).flatMap(({ artifacts }) => artifacts.map(({ sha256 }) => sha256));
const pids = async () => (await fixture.facts(STAGING)).map(({ pid }) => pid);
const snapshot = async () => readKafka(await fixture.driver(STAGING).targets(), await fixture.facts(STAGING));
const dirOf = async (node: string) => (await fixture.driver(STAGING).targets()).find(({ name }) => name === node)!.dir;
/** How often a node's process began, as its own log tells. */
const startsOf = async (node: string) =>
  readFileSync(join(await dirOf(node), 'stdout.log'), 'utf8').split('Kafka Server started').length - 1;
const starts = () => Promise.all(NODES.map(startsOf));

async function expectWhole() {
  const { partitions, quorum } = await until('the cluster is whole', async () => {
    const now = await snapshot();
    return known(now.partitions).length > 0 && !known(now.partitions).some(isUnderReplicated) && now;
  });
  expect(quorum).not.toBe('unknown');
  for (const { leader } of known(partitions)) expect(leader).toBeGreaterThan(0);
}

test('a worker killed between stop and start finishes that node first, by the same intent, once', async () => {
  const before = await starts();
  const { quorum } = await snapshot();
  ledBefore = quorum === 'unknown' ? -1 : quorum.leader;
  const release = 'kafka-1';
  let node = '';
  // Whoever holds a node's permit lock is the only one who may start it: the worker stops there.
  const holdAll = (names: string[], work: () => Promise<void>): Promise<void> => {
    const [name, ...rest] = names;
    if (name === undefined) return work();
    return dirOf(name).then((dir) =>
      withLock(join(dir, 'permit.lock'), { purpose: 'hold', waitMs: 1_000 }, () => holdAll(rest, work)),
    );
  };
  const asked = await fixture.requested(STAGING, release, build('one'));
  await holdAll(NODES, async () => {
    node = await until('a node is stopped and has its new artifact', async () => {
      const facts = await fixture.facts(STAGING);
      return facts.find(
        ({ state, artifacts }) => state === 'stopped' && artifacts[0]?.sha256 === digestOf(build('one')),
      )?.name;
    });
    await fixture.worker.kill();
  });
  const [open] = (await fixture.ledger('kafka-1/1/staging')).filter(({ state }) => state === 'intent');
  expect(open?.target).toBe(node);
  expect((await fixture.driver(STAGING).facts(node)).state).toBe('stopped');

  await fixture.worker.start();
  expect(await asked.result()).toEqual({ kind: 'promoted' });

  const effects = await fixture.effects(release);
  expect(effects[0]).toMatchObject({ key: `${release}/1/staging/${node}/change`, state: 'done', attempts: 2 });
  expect(effects).toHaveLength(3);
  expect(await starts()).toEqual(before.map((count) => count + 1));
  expect(new Set(await digests())).toEqual(new Set([digestOf(build('one'))]));
  expect((await fixture.report(release)).traffic).toMatchObject({ lost: 0, offsetsMovedBack: 0 });
});

test('that candidate was rolled node by node, the active controller last, read back and accounted for', async () => {
  const candidate = build('one');
  const report = await fixture.report('kafka-1');
  expect(report.targets.map(({ name, state }) => [name, state])).toEqual(NODES.map((name) => [name, 'done']));
  for (const { readBack, seconds } of report.targets) {
    expect(readBack).toEqual({
      artifacts: [{ name: 'kafka-clients.jar', sha256: digestOf(candidate) }],
      commit: candidate.commit,
    });
    expect(seconds.total).toBeGreaterThan(seconds.ours ?? 0);
  }
  expect(report.waves.flatMap(({ targets }) => targets).sort()).toEqual(NODES);
  for (const { gate } of report.waves) {
    expect(gate).toMatchObject({
      kind: 'pass',
      figures: { counts: { 'client errors': { errors: 0 } } },
    });
  }
  // Peers are controls while two of them are clean: for the first node alone, of three.
  expect(report.waves.map(({ gate }) => gate?.figures.reducedEvidence)).toEqual([false, true, true]);
  const alphas = report.waves.map(({ gate }) => (gate!.figures as GateFigures).alpha.wave);
  expect(alphas).toEqual(alphas.toSorted((a, b) => b - a));
  expect(report.traffic).toMatchObject({ lost: 0, offsetsMovedBack: 0, stuckConsumers: 0 });
  expect(report.traffic?.acknowledged).toBeGreaterThan(0);
  const effects = await fixture.effects('kafka-1');
  // The first one was cut off.
  expect(effects.map(({ kind, state, attempts }) => [kind, state, attempts])).toEqual(
    [2, 1, 1].map((attempts) => ['node-change', 'done', attempts]),
  );
  // K3: in the order of their intents, the node that led the quorum comes last.
  expect(effects.at(-1)?.key).toBe(`kafka-1/1/staging/node-${ledBefore}/change`);
  // K11: every leader that the roll moved is at home again.
  for (const { leader, replicas } of known((await snapshot()).partitions)) expect(leader).toBe(replicas[0]);
  expect(await fixture.thread('kafka-1')).toContainEqual(expect.stringContaining('staging: 3.6.2-one is promoted'));
  expect((await fixture.state(STAGING)).promoted).toMatchObject({ version: '3.6.2-one' });
  expect(await fixture.traffic(STAGING).state()).toMatchObject({ kind: 'running', rate: 20 });
});

test('a cluster tells its feature levels, and where each min ISR comes from', async () => {
  const { features, minIsr, minIsrFrom } = await snapshot();
  if (features === undefined || features === 'unknown') throw new Error('no broker tells its features');
  expect(metadataName(features.finalised['metadata.version'] ?? 0)).toBe('3.6-IV2');
  expect(Object.keys(features.supported)).toEqual(NODES);
  for (const { 'metadata.version': range } of Object.values(features.supported)) expect(range?.max).toBe(14);
  expect(Object.keys(minIsrFrom ?? {}).sort()).toEqual(Object.keys(minIsr).sort());
  expect(new Set(Object.values(minIsrFrom ?? {}))).toContain('broker');
});

test('a gate looks at every figure that it judges, of brokers that serve', async () => {
  // What there was no error of has no counter, and elections are counted by whoever leads the quorum.
  const mayLack = ['produceErrors', 'fetchErrors', 'uncleanElections'];
  const figuresOf = (metric: GateMetric) => {
    if (metric.kind === 'count') return [...metric.errors, metric.work];
    return metric.kind === 'level' ? [metric.figure] : [metric.counter];
  };
  const wanted = KAFKA_GATE_METRICS.filter((metric) => metric.kind === 'never' || metric.scope !== 'clients')
    .flatMap(figuresOf)
    .filter((figure) => !mayLack.includes(figure));
  const system = openSystem(environmentIn(fixture.settings, STAGING)!, fixture.driver(STAGING));
  const parts = { system, traffic: fixture.traffic(STAGING) };
  const first = await lookForGate(parts, firstLook(Date.now() - 5_000));
  expect(first.sample).toMatchObject({ unread: [], invariants: { offline: [], underMinIsr: [], crashed: [] } });
  expect(Object.keys(first.sample.nodes).sort()).toEqual([...NODES].sort());
  for (const figures of Object.values(first.sample.nodes)) {
    expect(Object.keys(figures)).toEqual(expect.arrayContaining(wanted));
    expect(figures.produceRequests).toBeGreaterThan(0);
    expect(figures.heapMib).toBeGreaterThan(1);
  }
  const acknowledged = ({ sample }: typeof first) => sample.clients?.acknowledged ?? 0;
  await until('clients are counted on from the look before', async () => {
    const next = await lookForGate(parts, first.state);
    return acknowledged(next) > acknowledged(first) && next;
  });
});

test('a node that does not return gets its old artifact back, and no other is touched', async () => {
  const folder = scratch(fixture.root, 'broken');
  writeFileSync(join(folder, 'broken.jar'), 'this is not a jar');
  const jar: Artifact = {
    name: 'kafka-clients.jar',
    ...(await fixture.store.put({ file: join(folder, 'broken.jar') })),
  };
  const before = await pids();

  const outcome = await fixture.rollOut(STAGING, 'kafka-3', candidateOf('kafka', '3.6.2-broken', 'bbbbbbbb', [jar]));

  expect(outcome).toMatchObject({ kind: 'rolled-back', reasons: [expect.stringMatching(/node-\d/)] });
  const after = await pids();
  expect(after.filter((pid, index) => pid !== before[index])).toHaveLength(1);
  expect(new Set(await digests())).toEqual(new Set([digestOf(build('one'))]));
  const report = await fixture.report('kafka-3');
  expect(report.targets.map(({ state }) => state).sort()).toEqual(['failed', 'planned', 'planned']);
  expect(report.rolledBack).toMatchObject([{ state: 'done', readBack: { commit: build('one').commit } }]);
  expect((await fixture.effects('kafka-3')).map(({ kind, state }) => [kind, state])).toEqual([
    ['node-change', 'done'],
    ['node-put-back', 'done'],
  ]);
  expect(report.traffic).toMatchObject({ lost: 0, offsetsMovedBack: 0 });
  await expectWhole();
});

test('a pause stops before the next node, a second roll-out waits, an abort puts back what was changed', async () => {
  const asked = await fixture.requested(STAGING, 'kafka-4', build('three'));
  const id = 'kafka-4/1/staging';
  await until('a node is being changed', async () =>
    (await fixture.ledger(id)).some(({ state }) => state === 'intent'),
  );
  await fixture.brake(STAGING, { kind: 'pause', by: 'ada', reason: 'looks odd' });
  await until('it waits', async () => (await fixture.progress(id)).waiting?.includes('paused by ada'));
  expect((await fixture.ledger(id)).map(({ state }) => state).sort()).toEqual(['done', 'planned', 'planned']);
  const second = await fixture.requested(STAGING, 'kafka-5', build('two'));
  const queued = await until('the second one waits', async () => (await fixture.state(STAGING)).queue?.[0]);
  expect(queued.why).toContainEqual(expect.stringContaining('kafka-4/1/staging rolls out'));
  await second.cancel();
  await expect(second.result()).rejects.toThrow();
  expect((await fixture.state(STAGING)).queue).toBeUndefined();

  await fixture.brake(STAGING, { kind: 'abort', by: 'bob', reason: 'enough' });
  expect(await asked.result()).toEqual({ kind: 'aborted', reasons: ['aborted by bob: enough'] });
  expect(new Set(await digests())).toEqual(new Set([digestOf(build('one'))]));
  const report = await fixture.report('kafka-4');
  expect(report.rolledBack).toHaveLength(1);

  await fixture.brake(STAGING, { kind: 'freeze', by: 'ada', reason: 'holidays' });
  expect(await fixture.rollOut(STAGING, 'kafka-5', build('two'))).toMatchObject({
    kind: 'held',
    reasons: [expect.stringContaining('holidays')],
  });
  await expect(fixture.brake(STAGING, { kind: 'resume', by: 'ada', reason: '' })).rejects.toThrow();
  expect((await fixture.brake(STAGING, { kind: 'unfreeze', by: 'ada', reason: 'back' })).frozen).toBeUndefined();
});

test('a jar that was changed by hand is refused before anything is touched', async () => {
  const before = await pids();
  const jar = join(await dirOf('node-3'), 'libs', CLIENTS_JAR);
  const { size } = statSync(jar);
  // Its own copy first: the file may be a hard link to what others run.
  writeFileSync(`${jar}.copy`, readFileSync(jar));
  renameSync(`${jar}.copy`, jar);
  appendFileSync(jar, 'by hand');
  expect(await fixture.rollOut(STAGING, 'kafka-6', build('three'))).toMatchObject({
    kind: 'held',
    reasons: [expect.stringMatching(/node-3: kafka-clients.*changed by hand/)],
  });
  expect(await pids()).toEqual(before);
  expect(await fixture.effects('kafka-6')).toEqual([]);
  truncateSync(jar, size);
});

test('a node that somebody else restarts in the middle holds the roll-out; tried again, it carries on', async () => {
  const release = 'kafka-7';
  const id = `${release}/1/staging`;
  const asked = await fixture.requested(STAGING, release, build('three'));
  await until('a node is being changed', async () =>
    (await fixture.ledger(id)).some(({ state }) => state === 'intent'),
  );
  await fixture.brake(STAGING, { kind: 'pause', by: 'ada', reason: 'to restart one by hand' });
  await until('it waits', async () => (await fixture.progress(id)).waiting?.includes('paused by ada'));
  const planned = (await fixture.ledger(id)).filter(({ state }) => state === 'planned').map(({ target }) => target);
  const driver = fixture.driver(STAGING);
  const byHand = planned[0]!;
  await driver.stop(byHand, { graceMs: 30_000, kill: false });
  await driver.start(byHand, { ledger: 'somebody-else' });
  await driver.waitReady(byHand, 60_000);
  await expectWhole();
  const before = await pids();
  await fixture.brake(STAGING, { kind: 'resume', by: 'ada', reason: 'done' });
  expect(await asked.result()).toMatchObject({
    kind: 'held',
    reasons: [expect.stringMatching(new RegExp(`${byHand} .*somebody else restarted it`))],
  });
  expect(await pids()).toEqual(before);

  // Another run of the release: the node that is done is not restarted again.
  expect(await fixture.rollOut(STAGING, release, build('three'))).toEqual({ kind: 'promoted' });
  const effects = await fixture.effects(release);
  expect(effects.map(({ state }) => state)).toEqual(['done', 'done', 'done']);
  expect(new Set(effects.map(({ key }) => key.split('/').at(-2)))).toEqual(new Set(NODES));
  expect(new Set(await digests())).toEqual(new Set([digestOf(build('three'))]));
});

test('killed from outside while a wave bakes: waited for; ended by itself: all that was changed is put back', async () => {
  const release = 'kafka-8';
  const id = `${release}/1/staging`;
  const asked = await fixture.requested(STAGING, release, build('one'));
  await until('it bakes', async () => (await fixture.progress(id).catch(() => undefined))?.step === 'bake');
  const [victim] = (await fixture.progress(id)).done;
  const end = async (signal: NodeJS.Signals) => {
    const { pid } = await fixture.driver(STAGING).facts(victim!);
    process.kill(pid!, signal);
  };
  await end('SIGKILL');
  await until('a person is told', async () =>
    (await fixture.progress(id)).waiting?.includes(`${victim} ended with exit code 137`),
  );
  await fixture.up(STAGING);
  await until('it bakes anew', async () => (await fixture.progress(id)).waiting === undefined);
  // No handler of the JVM catches it: an exit code that nobody else gives.
  await end('SIGALRM');

  expect(await asked.result()).toMatchObject({ kind: 'rolled-back', reasons: [expect.stringContaining(victim!)] });
  expect(new Set(await digests())).toEqual(new Set([digestOf(build('three'))]));
  const report = await fixture.report(release);
  expect(report.waves.map(({ targets, gate }) => [targets, gate?.kind])).toEqual([
    [[victim], 'fail'],
    [[expect.any(String)], undefined],
    [[expect.any(String)], undefined],
  ]);
  expect(report.rolledBack.map(({ name, state }) => [name, state])).toEqual([[victim, 'done']]);
  expect(report.traffic).toMatchObject({ lost: 0, offsetsMovedBack: 0 });
  await expectWhole();

  // G5: what was rolled back is held everywhere until a person lets it go.
  expect(await fixture.rollOut(STAGING, 'kafka-9', build('one'))).toMatchObject({
    kind: 'held',
    reasons: [expect.stringMatching(/^G5: .*env unhold staging/)],
  });
});

test('the verdict of a gate can be computed again from what was stored, and one that was touched is found out', async () => {
  for (const [release, wave] of [
    ['kafka-1', 1],
    ['kafka-1', 3],
    ['kafka-8', 1],
  ] as const) {
    const answer = await replayGate(
      { db: fixture.db, artifacts: fixture.store },
      { release, environment: STAGING, wave },
    );
    expect(answer).toMatchObject({ same: true, stored: { kind: release === 'kafka-1' ? 'pass' : 'fail' } });
  }
  const touched = { release: 'kafka-8', environment: STAGING, wave: 1 };
  const { record } = await replayGate({ db: fixture.db, artifacts: fixture.store }, touched);
  const stored = JSON.parse((await fixture.store.read(record)).toString()) as GateRecord;
  const { sha256 } = await fixture.store.put(
    JSON.stringify({ ...stored, judgement: { ...stored.judgement, reasons: ['it looked good'] } }),
  );
  await fixture.db
    .updateTable('rollout_wave')
    .set({ record: sha256 })
    .where('rollout', '=', 'kafka-8/1/staging')
    .where('n', '=', 1)
    .execute();
  expect(await replayGate({ db: fixture.db, artifacts: fixture.store }, touched)).toMatchObject({
    same: false,
    differences: ['reasons differ'],
  });
});
