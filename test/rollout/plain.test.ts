import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDriver } from '../../activities/deploy/driver.ts';
import { bringUp, takeDown } from '../../activities/deploy/environment.ts';
import { lookOnceMore } from '../../activities/rollout/gates.ts';
import { waveOf } from '../../store/gates.ts';
import { runEffect } from '../../store/journal.ts';
import { closeRelease, openRelease, recordCandidate } from '../../store/releases.ts';
import { rolloutEnded } from '../../workflows/environment-messages.ts';
import type { Build } from '../../workflows/types.ts';
import { makeRepository } from '../release/repository.ts';
import { candidateOf, type Fixture, openFixture, scratch, until } from './fixture.ts';

// Any plain process: the same workflow, no Kafka, no JVM. Production comes after staging.
let fixture: Fixture;
let repository: ReturnType<typeof makeRepository>;

/** A server in one file, which says its commit where it is asked to. */
const program = (commit: string, body = '') => `
const http = require('node:http');
${body}
http.createServer((_, response) => response.end('${commit}')).listen(Number(process.argv[2]), '127.0.0.1');
`;

beforeAll(async () => {
  const target = (name: string) => ({
    name,
    files: { 'server.cjs': 'server.cjs' },
    start: [process.execPath, 'server.cjs', '{port}'],
    ready: { http: 'http://127.0.0.1:{port}/' },
    commit: { http: 'http://127.0.0.1:{port}/' },
  });
  const rollout = { returnSeconds: 5, blockedSeconds: 10, stopGraceSeconds: 3 };
  const gates = { profile: 'compressed', warmUpSeconds: 0, bakeSeconds: 1, beatSeconds: 1 };
  const plain = { system: 'process', targets: ['one', 'two'].map(target), rollout, gates };
  // Configured as before there were gates.
  const { gates: _none, ...soaking } = { ...plain, rollout: { ...rollout, soakSeconds: 2, warmUpSeconds: 0 } };
  repository = makeRepository(mkdtempSync(join(tmpdir(), 'patchwright-shop-')));
  const fork = {
    repository: repository.dir,
    base: 'main',
    build: { command: ['true'], artifacts: [{ name: 'server.cjs', path: 'server.cjs' }] },
    suites: { unit: SUITE },
    release: { suites: ['unit'], environments: ['staging', 'production'] },
  };
  const watched = { ...plain, gates: { ...gates, watchSeconds: 30 } };
  const low = { ...plain, rollout: { ...rollout, minimumFreeMb: 1e12 } };
  const tried = { ...plain, rollout: { ...rollout, restartFirst: true } };
  const configured = { ...target('one'), environment: { GREETING: 'servus' } };
  const mixed = { ...plain, targets: [configured, target('two')] };
  fixture = await openFixture({ staging: plain, production: soaking, watched, low, tried, mixed }, { shop: fork });
  const first = await candidate('aaaaaaaaaaaa');
  await fixture.up('staging', first.artifacts);
  await fixture.up('production', first.artifacts);
  for (const name of ['watched', 'low', 'tried']) await fixture.up(name, first.artifacts);
}, 120_000);

afterAll(async () => {
  await fixture?.close();
  if (repository) rmSync(repository.dir, { recursive: true, force: true });
}, 60_000);

const RELEASED = 'refs/patchwright/released';
const SUITE = { runner: 'junit-xml', command: ['true'], reports: ['reports'] };

async function candidate(commit: string, body = ''): Promise<Build> {
  const file = join(scratch(fixture.root, commit), 'server.cjs');
  writeFileSync(file, program(commit, body));
  return candidateOf('shop', `1.0-${commit.slice(0, 4)}`, commit, [
    { name: 'server.cjs', ...(await fixture.store.put({ file })) },
  ]);
}

const commits = async (environment: string) => {
  const driver = fixture.driver(environment);
  return Promise.all((await driver.targets()).map(async ({ name }) => (await driver.readBack(name)).commit));
};

test('production takes only what staging has verified', async () => {
  const build = await candidate('bbbbbbbbbbbb');
  expect(await fixture.rollOut('production', 'shop-1', build)).toMatchObject({
    kind: 'held',
    reasons: [expect.stringContaining('production takes only what staging has verified')],
  });
  expect(await commits('production')).toEqual(['aaaaaaaaaaaa', 'aaaaaaaaaaaa']);

  expect(await fixture.rollOut('staging', 'shop-2', build)).toEqual({ kind: 'promoted' });
  expect(await commits('staging')).toEqual(['bbbbbbbbbbbb', 'bbbbbbbbbbbb']);
  expect(await fixture.rollOut('production', 'shop-3', build)).toEqual({ kind: 'promoted' });
  expect(await commits('production')).toEqual(['bbbbbbbbbbbb', 'bbbbbbbbbbbb']);
});

test('a roll-out that was promoted is not done again, and a node that runs it already is not touched', async () => {
  const build = await candidate('bbbbbbbbbbbb');
  const before = (await fixture.facts('staging')).map(({ pid }) => pid);
  expect(await fixture.rollOut('staging', 'shop-2', build)).toEqual({ kind: 'promoted' });
  expect(await fixture.rollOut('staging', 'shop-4', build)).toEqual({ kind: 'promoted' });
  expect((await fixture.facts('staging')).map(({ pid }) => pid)).toEqual(before);
  expect(await fixture.effects('shop-4')).toEqual([]);
});

test('an environment that was taken down is not waited for: held, with the command that brings it up', async () => {
  const build = await candidate('bcbcbcbcbcbc');
  await takeDown('production', { dataDir: fixture.deps.dataDir });
  expect(await fixture.rollOut('staging', 'early-12', build)).toEqual({ kind: 'promoted' });
  expect(await fixture.rollOut('production', 'early-12', build)).toMatchObject({
    kind: 'held',
    reasons: [expect.stringMatching(/production is down.*patchwright env up production/)],
  });
  expect(await fixture.effects('early-12')).toHaveLength(2);
  await fixture.up('production');
  expect(await fixture.rollOut('staging', 'early-13', await candidate('bbbbbbbbbbbb'))).toEqual({ kind: 'promoted' });
});

test('what ends at once, what never says ready and what reports another commit are put back', async () => {
  const bad = [
    ['shop-5', await candidate('cccccccccccc', 'process.exit(3);'), /ended/],
    [
      'shop-6',
      await candidate('dddddddddddd', 'setInterval(() => {}, 1000); return;'),
      /not back after \d+ s: .* is not ready; its log ends:/,
    ],
    ['shop-7', { ...(await candidate('eeeeeeeeeeee')), commit: 'ffffffffffff' }, /G6: one runs commit eeeeeeeeeeee/],
  ] as const;
  for (const [release, build, reason] of bad) {
    expect(await fixture.rollOut('staging', release, build)).toMatchObject({
      kind: 'rolled-back',
      reasons: [expect.stringMatching(reason)],
    });
    expect(await commits('staging')).toEqual(['bbbbbbbbbbbb', 'bbbbbbbbbbbb']);
  }
});

test('a node that does not stop on the suspect artifact is killed when it is put back', async () => {
  const stubborn = `process.on('SIGTERM', () => {}); if (process.cwd().endsWith('two')) process.exit(3);`;
  const build = await candidate('abababababab', stubborn);
  expect(await fixture.rollOut('staging', 'shop-8', build)).toMatchObject({ kind: 'rolled-back' });
  expect(await commits('staging')).toEqual(['bbbbbbbbbbbb', 'bbbbbbbbbbbb']);
  expect((await fixture.effects('shop-8')).map(({ key }) => key.split('/').slice(-2).join(' '))).toEqual([
    'one change',
    'two change',
    'two put-back',
    'one put-back',
  ]);
});

test('an environment that is lost in the middle finds its roll-out again, and tells the release', async () => {
  const release = 'shop-11';
  const build = await candidate('121212121212');
  await fixture.brake('staging', { kind: 'pause', by: 'ada', reason: 'first a look' });
  await fixture.requested('staging', release, build);
  await until('it waits', async () => {
    const progress = await fixture.progress(`${release}/1/staging`).catch(() => undefined);
    return progress?.waiting?.includes('paused by ada');
  });
  await fixture.client.workflow.getHandle('environment:staging').terminate('by the test');

  const again = await fixture.requested('staging', release, build);
  // One that was terminated still answers queries: the new one is meant, once it knows what the roll-out knows.
  await until('it is known again', async () => {
    const { status } = await fixture.client.workflow.getHandle('environment:staging').describe();
    return status.name === 'RUNNING' && (await fixture.state('staging').catch(() => undefined))?.running;
  });
  await fixture.brake('staging', { kind: 'resume', by: 'ada', reason: 'looks good' });
  expect(await again.result()).toEqual({ kind: 'promoted' });
  expect(await commits('staging')).toEqual(['121212121212', '121212121212']);
});

test('an environment begins a new history long before the old one is felt, and forgets nothing', async () => {
  const handle = fixture.client.workflow.getHandle('environment:staging');
  const { runId } = await handle.describe();
  const before = await fixture.state('staging');
  expect(before.promoted).toBeDefined();
  await until(
    'a new history began',
    async () => {
      // Each is an event of its history. Of a roll-out that it does not know it learns nothing.
      const words = { rollout: 'nobodys/1/staging', outcome: { kind: 'promoted' } } as const;
      await Promise.all(Array.from({ length: 100 }, () => handle.signal(rolloutEnded, words)));
      await fixture.brake('staging', { kind: 'pause', by: 'ada', reason: 'pressed again' });
      return (await handle.describe()).runId !== runId;
    },
    300_000,
  );
  expect(await fixture.state('staging')).toMatchObject({ promoted: before.promoted, paused: { by: 'ada' } });
  await fixture.brake('staging', { kind: 'resume', by: 'ada', reason: '' });
}, 300_000);

/** As a release leaves it: in the store, in the journal and in its repository. */
async function released(release: string, commit: string): Promise<void> {
  const { db, digest: settings } = fixture;
  const order = { fork: 'shop', ref: 'main', requestedBy: 'ada', suites: [], environments: [], settings };
  while ((await openRelease(db, order)) !== release);
  await recordCandidate(db, { release, n: 1, commit, version: commit, sandbox: 'on' });
  for (const [name, ref] of Object.entries({ tag: `refs/tags/patchwright/${release}`, released: RELEASED })) {
    repository.git('update-ref', ref, commit);
    const done = { readBack: async () => undefined, perform: async () => ({ commit }) };
    await runEffect(db, { key: `${release}/${name}`, kind: 'git-ref', release, intent: { ref } }, done);
  }
  await closeRelease(db, release, { kind: 'released' });
}

test('what crashes in the watch after the last wave is put back, though it was promoted; what others restart is not', async () => {
  const trigger = join(fixture.root, 'die');
  const waits = `setInterval(() => require('node:fs').existsSync(${JSON.stringify(trigger)}) && process.exit(7), 100);`;
  const before = repository.commit({ a: '1' }, 'one');
  const commit = repository.commit({ a: '2' }, 'two');
  await released('shop-13', before);
  await released('shop-14', commit);
  const dies = await candidate(commit, waits);
  const id = 'shop-14/1/watched';
  const asked = await fixture.rollOut('watched', 'shop-14', dies);
  expect(asked).toEqual({ kind: 'promoted' });
  writeFileSync(trigger, '');
  const outcome = await fixture.client.workflow.getHandle(`rollout:${id}`).result();
  expect(outcome).toMatchObject({
    kind: 'rolled-back',
    reasons: [expect.stringMatching(/^in the watch .*exit code 7/)],
  });
  expect(await commits('watched')).toEqual(['aaaaaaaaaaaa', 'aaaaaaaaaaaa']);
  expect(await fixture.report('shop-14')).toMatchObject({
    outcome: { kind: 'rolled-back' },
    waves: [{ gate: { kind: 'pass' } }, { gate: { kind: 'pass' } }, { gate: { kind: 'fail' } }],
  });
  expect((await fixture.state('watched')).frozen).toBeUndefined();
  // Its name too: what was released before is again, and the tag stays, with one beside it that says so.
  const names = (ref: string) => repository.git('rev-parse', `${ref}^{commit}`);
  expect(names(RELEASED)).toBe(before);
  expect(names('refs/tags/patchwright/shop-14')).toBe(commit);
  const beside = 'refs/tags/patchwright/shop-14-taken-back';
  expect(names(beside)).toBe(commit);
  expect(repository.git('cat-file', '-p', beside)).toContain('Its watch in watched rolled it back');
  const again = `shop-13 (${before.slice(0, 12)}) is released again`;
  expect(await fixture.thread('shop-14')).toContainEqual(expect.stringContaining(again));
  await until(
    'the environment knows',
    async () => (await fixture.state('watched')).ended[0]?.outcome.kind === 'rolled-back',
  );
  expect((await fixture.state('watched')).promoted?.rollout).not.toBe(id);
  expect(await fixture.rollOut('watched', 'shop-15', dies)).toMatchObject({
    kind: 'held',
    reasons: [expect.stringContaining('G5')],
  });

  const good = await candidate('d2d2d2d2d2d2');
  expect(await fixture.rollOut('watched', 'shop-16', good)).toEqual({ kind: 'promoted' });
  // A newer one overtakes the watch.
  expect(await fixture.rollOut('watched', 'shop-17', await candidate('d3d3d3d3d3d3'))).toEqual({ kind: 'promoted' });
  expect(await fixture.client.workflow.getHandle('rollout:shop-16/1/watched').result()).toEqual({ kind: 'promoted' });
  expect((await fixture.thread('shop-16')).at(-1)).toContain('the watch ended early');
});

test('a host that was replaced in the middle comes up with another artifact: it converges before its wave bakes anew', async () => {
  const id = 'shop-18/1/watched';
  const build = await candidate('d4d4d4d4d4d4');
  const asked = await fixture.requested('watched', 'shop-18', build);
  const replaced: string[] = [];
  const isAway = async (name: string) => (await fixture.driver('watched').facts(name)).state === 'stopped';
  const replace = async (name: string, meanwhile?: () => Promise<unknown>) => {
    const { dir } = (await fixture.driver('watched').targets()).find((target) => target.name === name)!;
    const { pid } = await fixture.driver('watched').facts(name);
    process.kill(pid!, 'SIGKILL');
    await (meanwhile ? meanwhile() : until('it has ended', () => isAway(name)));
    rmSync(join(dir, 'server.cjs'));
    writeFileSync(join(dir, 'server.cjs'), program('d3d3d3d3d3d3'));
    await fixture.up('watched');
  };
  // In the first wave, and in the last, after which no other one begins.
  for (const waves of [1, 2]) {
    await until(`wave ${waves} bakes`, async () => {
      const progress = await fixture.progress(id).catch(() => undefined);
      return progress?.step === 'bake' && progress.done.length === waves;
    });
    const name = (await fixture.progress(id)).done.at(-1)!;
    await replace(name, async () => {
      await until('a person is told', async () => (await fixture.progress(id)).waiting?.includes(`${name} ended`));
    });
    replaced.push(name);
  }
  expect(await asked.result()).toEqual({ kind: 'promoted' });
  expect(await commits('watched')).toEqual(['d4d4d4d4d4d4', 'd4d4d4d4d4d4']);
  expect((await fixture.effects('shop-18')).map(({ key }) => key.split('/').slice(3).join('/'))).toEqual(
    replaced.flatMap((name) => [`${name}/change`, `${name}/change/again`]),
  );
  // Once no bake looks any more: what is asked right before the account sees it, and opens the last wave again.
  const { deps, db, settings, digest } = fixture;
  const library = (_: unknown, name: string) => deps.library(name);
  const asks = { ...deps, db, library, artifacts: deps.store, settings: async () => settings };
  const step = { rollout: id, release: 'shop-18', environment: 'watched', settings: digest, wave: 2 };
  expect(await lookOnceMore(asks, step)).toEqual({ again: [] });
  expect((await waveOf(db, id, 2)).gate?.kind).toBe('pass');
  await replace('one');
  for (const _ of ['first', 'again, as after a worker that died'])
    expect(await lookOnceMore(asks, step)).toEqual({ again: ['one'] });
  expect((await waveOf(db, id, 2)).gate).toBeUndefined();
});

test('where it is configured, one node is restarted unchanged first: one that does not return is not blamed on the candidate', async () => {
  const build = await candidate('d6d6d6d6d6d6', `if (require('node:fs').existsSync('drifted')) process.exit(4);`);
  expect(await fixture.rollOut('tried', 'shop-20', build)).toEqual({ kind: 'promoted' });
  const steps = async (release: string) =>
    (await fixture.effects(release)).map(({ key }) => key.split('/').slice(3).join('/'));
  expect(await steps('shop-20')).toEqual(['one/restart', 'one/change', 'two/change']);
  expect(await commits('tried')).toEqual(['d6d6d6d6d6d6', 'd6d6d6d6d6d6']);

  // It has drifted since it was started last.
  const { dir } = (await fixture.driver('tried').targets())[0]!;
  writeFileSync(join(dir, 'drifted'), '');
  expect(await fixture.rollOut('tried', 'shop-21', await candidate('d7d7d7d7d7d7'))).toMatchObject({
    kind: 'held',
    reasons: [expect.stringMatching(/^one, restarted unchanged before anything was installed: .*ended with 4/s)],
  });
  expect(await steps('shop-21')).toEqual(['one/restart']);
});

test('G1: a node that its restart would give other settings as well is not given another artifact', async () => {
  const { deps, settings } = fixture;
  const now = settings.environments.mixed!;
  if (now.system !== 'process') throw new Error('it is a plain one');
  const [one, two] = now.targets;
  const before = { ...now, targets: [{ ...one!, environment: { GREETING: 'hallo' } }, two!] };
  await bringUp('mixed', before, deps, (await candidate('aaaaaaaaaaaa')).artifacts);
  const build = await candidate('d8d8d8d8d8d8');
  const held = await fixture.rollOut('mixed', 'shop-30', build);
  const reasons = [
    expect.stringMatching(
      /^G1: .*artifact on one, two and configuration \(environment.GREETING\) on one:.* restart one on/,
    ),
  ];
  expect(held).toMatchObject({ kind: 'held', reasons });
  expect(JSON.stringify(held)).not.toContain('servus');
  expect(await commits('mixed')).toEqual(['aaaaaaaaaaaa', 'aaaaaaaaaaaa']);

  // As the message says.
  const { pid } = await fixture.driver('mixed').facts('one');
  process.kill(pid!, 'SIGKILL');
  await until('it has ended', async () => (await fixture.driver('mixed').facts('one')).state === 'stopped');
  await fixture.up('mixed');
  expect(await fixture.rollOut('mixed', 'shop-31', build)).toEqual({ kind: 'promoted' });
  // What a roll-out started is known as well.
  expect(await openDriver('mixed', before, deps).changedSettings?.('one')).toEqual([
    { kind: 'configuration', name: 'environment.GREETING' },
  ]);
  expect(await fixture.driver('mixed').changedSettings?.('one')).toEqual([]);
});

test('a disk that is low is found before anything is touched', async () => {
  expect(await fixture.rollOut('low', 'shop-19', await candidate('d5d5d5d5d5d5'))).toMatchObject({
    kind: 'held',
    reasons: [
      expect.stringMatching(/^disk: one has \d+ MiB free of .*minimumFreeMb/),
      expect.stringContaining('two has'),
    ],
  });
  expect(await fixture.effects('shop-19')).toEqual([]);
});

test('a node that does not return on its old artifact either: frozen, and no other is touched', async () => {
  // It leaves somebody behind who holds the port, as a fork that forgot its child would.
  const squatter = `
const { spawn } = require('node:child_process');
spawn(process.execPath, ['-e', 'setTimeout(() => process.exit(), 30000); require("node:http").createServer(() => {}).listen(' + process.argv[2] + ', "127.0.0.1")'], { detached: true, stdio: 'ignore' }).unref();
setTimeout(() => process.exit(3), 1500); return;`;
  const build = await candidate('cdcdcdcdcdcd', squatter);
  const [, two] = await fixture.facts('staging');
  const outcome = await fixture.rollOut('staging', 'shop-22', build);
  expect(outcome).toMatchObject({
    kind: 'frozen',
    reasons: expect.arrayContaining([expect.stringMatching(/one, put back: .*cannot start: .*port/)]),
  });
  const [one, after] = await fixture.facts('staging');
  expect(one?.state).toBe('stopped');
  expect(after?.pid).toBe(two?.pid);
  expect((await fixture.state('staging')).frozen).toMatchObject({ by: 'patchwright' });
  expect(await fixture.rollOut('staging', 'shop-23', build)).toMatchObject({ kind: 'held' });
});
