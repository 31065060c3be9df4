import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Build } from '../../workflows/types.ts';
import { commandDriver } from './command-targets.ts';
import { candidateOf, type Fixture, openFixture, scratch, until } from './fixture.ts';

// Two targets that only the user's own commands reach; real Temporal, PostgreSQL and processes.
const HOSTS = mkdtempSync(join(tmpdir(), 'pw-command-'));
let fixture: Fixture;

const program = (commit: string, body = '') => `
const http = require('node:http');
${body}
http.createServer((_, response) => response.end('${commit}')).listen(Number(process.argv[2]), '127.0.0.1');
`;
const ctl = (action: string, target: string) =>
  execFileSync(process.execPath, [join(HOSTS, 'ctl.mjs'), action, target]).toString();
const actions = (target: string) =>
  readFileSync(join(HOSTS, target, 'actions'), 'utf8')
    .trim()
    .split('\n');
const did = (target: string, action: string) => actions(target).filter((line) => line.startsWith(`${action} `));

beforeAll(async () => {
  const rollout = { returnSeconds: 5, blockedSeconds: 10, stopGraceSeconds: 3 };
  const gates = { profile: 'compressed', warmUpSeconds: 0, bakeSeconds: 1 };
  const targets = ['east', 'west'].map((name) => ({ name, host: name }));
  const driver = commandDriver(HOSTS);
  fixture = await openFixture({
    hosts: { system: 'command', driver, artifacts: ['server.cjs'], targets, rollout, gates },
  });
  // What was there before us: no build of ours, and running.
  for (const { name } of targets) {
    mkdirSync(join(HOSTS, name));
    writeFileSync(join(HOSTS, name, 'server.cjs'), program('0000000before'));
    ctl('start', name);
  }
}, 120_000);

afterAll(async () => {
  await fixture?.close();
  for (const name of ['east', 'west']) ctl('kill', name);
  rmSync(HOSTS, { recursive: true, force: true });
}, 60_000);

async function candidate(commit: string, body = ''): Promise<Build> {
  const file = join(scratch(fixture.root, commit), 'server.cjs');
  writeFileSync(file, program(commit, body));
  return candidateOf('shop', `1.0-${commit.slice(0, 4)}`, commit, [
    { name: 'server.cjs', ...(await fixture.store.put({ file })) },
  ]);
}

const commits = async () => {
  const driver = fixture.driver('hosts');
  return Promise.all(['east', 'west'].map(async (name) => (await driver.readBack(name)).commit));
};
const tokens = async () => (await fixture.facts('hosts')).map(({ startedAt }) => startedAt);

test('env up adopts what runs, and takes over what it could not put back otherwise', async () => {
  const up = await fixture.up('hosts');
  expect(up.map(({ name, adopted }) => [name, adopted])).toEqual([
    ['east', true],
    ['west', true],
  ]);
  expect(did('east', 'fetch')).toHaveLength(1);
  expect((await fixture.facts('hosts')).map(({ state, strangers }) => [state, strangers])).toEqual([
    ['running', []],
    ['running', []],
  ]);
  await fixture.up('hosts');
  expect([did('east', 'fetch'), did('east', 'start')].map(({ length }) => length)).toEqual([1, 1]);
});

test('what does not run as it should is put back to what was there before us', async () => {
  const build = await candidate('cccccccccccc', 'process.exit(3);');
  expect(await fixture.rollOut('hosts', 'shop-1', build)).toMatchObject({
    kind: 'rolled-back',
    reasons: [expect.stringMatching(/east ended|east is not ready/)],
  });
  expect(await commits()).toEqual(['0000000before', '0000000before']);
  expect(did('west', 'stop')).toEqual([]);
});

test('a candidate is rolled out target by target, and its version and commit are told to the command', async () => {
  const build = await candidate('aaaaaaaaaaaa');
  const before = await tokens();
  expect(await fixture.rollOut('hosts', 'shop-2', build)).toEqual({ kind: 'promoted' });
  expect(await commits()).toEqual(['aaaaaaaaaaaa', 'aaaaaaaaaaaa']);
  expect(did('west', 'install')).toEqual(['install 1.0-aaaa aaaaaaaaaaaa']);
  for (const [index, token] of (await tokens()).entries()) expect(token).not.toBe(before[index]);
});

test('a worker that is killed again and again restarts each target once for its intent', async () => {
  const slow = 'const until = Date.now() + 700; while (Date.now() < until);';
  const build = await candidate('dddddddddddd', slow);
  const before = { east: did('east', 'start').length, west: did('west', 'start').length };
  const asked = await fixture.requested('hosts', 'shop-3', build);
  for (const target of ['east', 'west'] as const) {
    await until(`${target} is started`, async () => did(target, 'start').length > before[target]);
    await fixture.worker.kill();
    await fixture.worker.start();
  }
  expect(await asked.result()).toEqual({ kind: 'promoted' });
  expect(await commits()).toEqual(['dddddddddddd', 'dddddddddddd']);
  expect([did('east', 'start').length, did('west', 'start').length]).toEqual([before.east + 1, before.west + 1]);
});

test('one that somebody else restarts is told by its token: nothing more is touched', async () => {
  const build = await candidate('eeeeeeeeeeee');
  await fixture.brake('hosts', { kind: 'pause', by: 'ada', reason: 'a look' });
  const asked = await fixture.requested('hosts', 'shop-4', build);
  await until('it waits before its first target', async () =>
    (await fixture.progress('shop-4/1/hosts').catch(() => undefined))?.waiting?.includes('paused'),
  );
  ctl('stop', 'west');
  ctl('start', 'west');
  await until('it serves', async () => (await fixture.facts('hosts'))[1]?.state === 'running');
  await fixture.brake('hosts', { kind: 'resume', by: 'ada', reason: '' });
  expect(await asked.result()).toMatchObject({
    kind: 'held',
    reasons: [expect.stringMatching(/west is the start .*, and was the start .*somebody else restarted it/)],
  });
  expect(await commits()).toEqual(['dddddddddddd', 'dddddddddddd']);
});

test('a file that was changed by hand, and a host that does not answer, hold before anything is touched', async () => {
  const file = join(HOSTS, 'west', 'server.cjs');
  const was = readFileSync(file);
  writeFileSync(file, program('byhandbyhand'));
  expect(await fixture.rollOut('hosts', 'shop-5', await candidate('ffffffffffff'))).toMatchObject({
    kind: 'held',
    reasons: [expect.stringMatching(/^west: server\.cjs is \w+, which was never installed from here/)],
  });
  writeFileSync(file, was);
  writeFileSync(join(HOSTS, 'west', 'broken'), '');
  expect(await fixture.rollOut('hosts', 'shop-6', await candidate('ffffffffffff'))).toMatchObject({
    kind: 'held',
    reasons: [expect.stringMatching(/^west: the facts command exited with 255; last line: no route to host/)],
  });
  rmSync(join(HOSTS, 'west', 'broken'));
  expect(await fixture.effects('shop-6')).toEqual([]);
});

test('a host that is lost while its target starts: no second one is touched, and a person is needed', async () => {
  const broken = JSON.stringify(join(HOSTS, 'east', 'broken'));
  const build = await candidate('121212121212', `require('node:fs').writeFileSync(${broken}, '');`);
  expect(await fixture.rollOut('hosts', 'shop-7', build)).toMatchObject({
    kind: 'frozen',
    reasons: expect.arrayContaining([expect.stringMatching(/east.*no route to host/)]),
  });
  rmSync(join(HOSTS, 'east', 'broken'));
  expect((await commits())[1]).toBe('dddddddddddd');
});
