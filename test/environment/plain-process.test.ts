import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Driver, openDriver } from '../../activities/deploy/driver.ts';
import { bringUp, takeDown } from '../../activities/deploy/environment.ts';
import type { ProvisionDeps } from '../../activities/deploy/provision.ts';
import { allowedEnvironment, HOST_ENVIRONMENT } from '../../config/env.ts';
import { environmentSchema, type ProcessEnvironmentSettings } from '../../config/environment.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import type { Artifact } from '../../workflows/types.ts';
import { processesOf } from './small-kafka.ts';

// A bound for what hangs, not for what is slow.
vi.setConfig({ testTimeout: 120_000 });

// Any plain process: here a small server, of one file, that says its commit. Nothing of it is known to us.
const program = (commit: string, more = '') => `
const { createServer } = require('node:http');
${more}
createServer((_, response) => response.end('${commit}\\n')).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('serving ' + process.env.GREETING));
process.on('SIGINT', () => process.exit(0));
`;
const target = (name: string) => ({
  name,
  files: { 'app.js': 'app/server.cjs' },
  start: [process.execPath, '{dir}/app/server.cjs', '{port}'],
  environment: { GREETING: 'from {dir}' },
  ready: { log: '^serving from /' },
  stopSignal: 'SIGINT',
  commit: { http: 'http://127.0.0.1:{port}/' },
});
const parsed = (more: object) => environmentSchema.parse({ system: 'process', ...more }) as ProcessEnvironmentSettings;
const settings = parsed({ targets: [target('east'), target('west')] });

let root: string;
let deps: ProvisionDeps;
let driver: Driver;
let keep: (text: string) => Promise<Artifact>;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'pw-plain-'));
  const store = createArtifactStore(join(root, 'artifacts'));
  const library = async (name: string): Promise<string> => {
    throw new Error(`a plain process has no library ${name}`);
  };
  deps = { dataDir: join(root, 'data'), artifacts: store, hostEnv: allowedEnvironment(HOST_ENVIRONMENT), library };
  keep = async (text) => ({ name: 'app.js', ...(await store.put(text)) });
});

afterAll(async () => {
  await takeDown('services', { dataDir: deps.dataDir });
  rmSync(root, { recursive: true, force: true });
});

const states = async () => Promise.all(['east', 'west'].map(async (name) => (await driver.facts(name)).state));

test('it cannot begin without an artifact to begin with, and says which', async () => {
  await expect(bringUp('services', settings, deps, [])).rejects.toThrow(/no initial artifact app.js/);
  expect(processesOf(deps.dataDir)).toEqual([]);
});

test('it is brought up with the first artifact and reads back digest and commit', async () => {
  const first = await keep(program('commit-one'));
  await bringUp('services', settings, deps, [first]);
  driver = openDriver('services', settings, deps);
  expect(await driver.readBack('west')).toEqual({
    artifacts: [{ name: 'app.js', sha256: first.sha256 }],
    commit: 'commit-one',
  });
  expect(await states()).toEqual(['running', 'running']);
});

test('one target moves to the next artifact, by its own stop signal, while the other stays', async () => {
  const second = await keep(program('commit-two'));
  await driver.stage('east', [second]);
  expect(await driver.stop('east', { graceMs: 30_000, kill: false })).toMatchObject({ stopped: true, killed: false });
  expect(await driver.facts('east')).toMatchObject({ state: 'stopped', exitCode: 0 });
  await driver.install('east', [second]);
  await driver.start('east', { ledger: 'second-1' });
  expect(await driver.waitReady('east', 30_000)).toMatchObject({ ready: true });
  expect((await driver.readBack('east')).commit).toBe('commit-two');
  expect((await driver.readBack('west')).commit).toBe('commit-one');
  expect((await driver.facts('east')).strangers).toEqual([]);
});

test('one that does not come up says so at once, with what it said last', async () => {
  const broken = await keep(program('commit-three', "throw new Error('no such port today');"));
  await driver.stop('east', { graceMs: 30_000, kill: false });
  await driver.install('east', [broken]);
  await driver.start('east', { ledger: 'third-1' });
  const { ready, detail } = await driver.waitReady('east', 30_000);
  expect(ready).toBe(false);
  expect(detail).toMatch(/east ended with 1.*no such port today/s);
});

test('one that ignores its stop signal is left alone, or killed where that is asked for', async () => {
  const deaf = await keep(
    program('commit-four', "process.on('SIGINT', () => {});").replace(
      "process.on('SIGINT', () => process.exit(0));",
      '',
    ),
  );
  await driver.install('east', [deaf]);
  await driver.start('east', { ledger: 'fourth-1' });
  await driver.waitReady('east', 30_000);
  expect(await driver.stop('east', { graceMs: 300, kill: false })).toMatchObject({ stopped: false, killed: false });
  expect((await driver.readBack('east')).commit).toBe('commit-four');
  expect(await driver.stop('east', { graceMs: 300, kill: true })).toMatchObject({ stopped: true, killed: true });
  expect((await driver.facts('east')).state).toBe('stopped');
});

test('a damaged artifact is never installed: the file that was there stays', async () => {
  const before = await driver.facts('east');
  const wanted = await keep('wanted');
  const lying = {
    ...deps,
    artifacts: {
      fetch: async (_: string, file: string) => void (await deps.artifacts.fetch((await keep('other')).sha256, file)),
    },
  };
  await expect(openDriver('services', settings, lying).install('east', [wanted])).rejects.toThrow(/digest/);
  expect((await driver.facts('east')).artifacts).toEqual(before.artifacts);
});

test('other targets than were laid out are refused before anything is touched', async () => {
  const wider = parsed({ targets: [target('east'), target('west'), target('north')] });
  await expect(bringUp('services', wider, deps, [])).rejects.toThrow(/east .*west.* now ask for .*north .*--purge/s);
});

test('down leaves no process', async () => {
  expect(await states()).toContain('running');
  await takeDown('services', { dataDir: deps.dataDir });
  expect(await states()).toEqual(['stopped', 'stopped']);
  expect(processesOf(deps.dataDir)).toEqual([]);
});
