import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { down } from '../../cli/commands/down.ts';
import { startDetached, stateOf } from '../../lib/detached.ts';
import { readJsonFile } from '../../lib/json-file.ts';
import { isAlive, type ProcessIdentity, startTimeOf } from '../../lib/process-identity.ts';
import { readUp, type UpState, whoHasDataFolder } from '../../services/data-folder.ts';
import { isFree } from '../../services/ports.ts';
import { silent } from '../../setup/progress.ts';
import { scratchFolder, until } from './scratch.ts';

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

interface Up {
  child: ChildProcess;
  said: () => string;
  ended: Promise<number | null>;
}

function startUp(dataDir: string, ...roles: string[]): Up {
  const args = [here('./up-fixture.ts'), dataDir, here('./worker-fixture.ts'), ...roles];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return { child, said: () => said, ended };
}

async function ready(dataDir: string, up: Up): Promise<UpState> {
  await until(() => readUp(dataDir)?.ready === true || up.child.exitCode !== null);
  const state = readUp(dataDir);
  if (!state) throw new Error(`it did not come up:\n${up.said()}`);
  return state;
}

function everyProcess(state: UpState): ProcessIdentity[] {
  return [...state.roles, ...state.services].map(({ pid = 0 }) => ({ pid, startTime: startTimeOf(pid) ?? 'gone' }));
}

test('it gives workers what they need, stops cleanly, and starts again on the same port', async () => {
  const dataDir = join(scratchFolder(), 'data');
  const first = startUp(dataDir, 'workflow', 'suite');
  const state = await ready(dataDir, first);
  expect(state.roles.map(({ role }) => role)).toEqual(['workflow', 'suite']);
  expect(readJsonFile(join(dataDir, 'suite.given'))).toEqual({
    args: ['--role', 'suite'],
    databaseUrl: state.databaseUrl,
    temporalAddress: state.temporalAddress,
  });
  const processes = everyProcess(state);
  expect(processes.every(isAlive)).toBe(true);
  first.child.kill('SIGINT');
  expect(await first.ended).toBe(0);
  expect(processes.some(isAlive)).toBe(false);
  expect(whoHasDataFolder(dataDir)).toBeUndefined();
  expect(existsSync(join(dataDir, 'up.json'))).toBe(false);
  expect(await isFree(Number(state.temporalAddress.split(':')[1]))).toBe(true);
  const second = startUp(dataDir, 'workflow');
  expect((await ready(dataDir, second)).temporalAddress).toBe(state.temporalAddress);
});

test('a second one on the same data folder is refused, and told who holds it', async () => {
  const dataDir = join(scratchFolder(), 'data');
  const first = startUp(dataDir, 'workflow');
  const { pid } = await ready(dataDir, first);
  const second = startUp(dataDir, 'workflow');
  expect(await second.ended).toBe(4);
  expect(second.said()).toMatch(new RegExp(`in use by process ${pid}, since 20.*patchwright down`));
  expect(readUp(dataDir)?.pid).toBe(pid);
});

test('killed, it leaves no process behind, and the next one starts', async () => {
  const dataDir = join(scratchFolder(), 'data');
  const first = startUp(dataDir, 'workflow');
  const processes = everyProcess(await ready(dataDir, first));
  first.child.kill('SIGKILL');
  await first.ended;
  const second = startUp(dataDir, 'workflow');
  await ready(dataDir, second);
  expect(processes.some(isAlive)).toBe(false);
});

test('a worker that is killed comes back, and up.json names the new one', async () => {
  const dataDir = join(scratchFolder(), 'data');
  const up = startUp(dataDir, 'workflow');
  const before = (await ready(dataDir, up)).roles[0]?.pid ?? 0;
  process.kill(before, 'SIGKILL');
  await until(() => {
    const now = readUp(dataDir)?.roles[0]?.pid;
    return now !== undefined && now !== before && startTimeOf(now) !== undefined;
  });
  expect(up.said()).toContain('worker workflow: ended by SIGKILL; starts again in 0.2 s');
});

test('a worker that does not listen is killed within the ten seconds', async () => {
  const dataDir = join(scratchFolder(), 'data');
  const up = startUp(dataDir, 'deaf');
  const processes = everyProcess(await ready(dataDir, up));
  up.child.kill('SIGTERM');
  expect(await up.ended).toBe(0);
  expect(processes.some(isAlive)).toBe(false);
});

test('a worker that cannot start ends it with the worker’s own words, and nothing stays', async () => {
  const dataDir = join(scratchFolder(), 'data');
  const up = startUp(dataDir, 'workflow', 'broken');
  expect(await up.ended).toBe(4);
  expect(up.said()).toMatch(/worker broken does not start: ended with 1.*this worker is broken/s);
  expect(whoHasDataFolder(dataDir)).toBeUndefined();
  for (const file of ['roles/workflow.json', 'temporal/server.json', 'postgres/server.json']) {
    const identity = readJsonFile<ProcessIdentity>(join(dataDir, file));
    expect(identity === undefined || !isAlive(identity), file).toBe(true);
  }
});

test('interrupted while it starts, it stops what it had begun', async () => {
  const dataDir = join(scratchFolder(), 'data');
  const up = startUp(dataDir, 'workflow');
  await until(() => existsSync(join(dataDir, 'temporal/server.json')));
  const temporal = readJsonFile<ProcessIdentity>(join(dataDir, 'temporal/server.json'));
  up.child.kill('SIGTERM');
  expect(await up.ended).toBe(0);
  expect(temporal && isAlive(temporal)).toBe(false);
});

test('down stops up, and every detached process of the data folder', async () => {
  const dataDir = join(scratchFolder(), 'data');
  const up = startUp(dataDir, 'workflow');
  const { pid } = await ready(dataDir, up);
  const dir = join(dataDir, 'env/staging/node-1');
  await startDetached({ dir, command: 'sleep', args: ['600'], env: { PATH: process.env.PATH ?? '' }, cwd: '/' });
  const asked: string[] = [];
  const stopEnvironments = async (folder: string) => {
    asked.push(folder);
  };
  const report = await down({ dataDir, stopEnvironments, progress: silent });
  expect(report).toMatchObject({ up: { pid }, detached: [{ dir: 'env/staging/node-1', exitCode: 143 }] });
  expect(asked).toEqual([dataDir]);
  expect(stateOf(dir).kind).toBe('ended');
  expect(await up.ended).toBe(0);
  expect(await down({ dataDir, progress: silent })).toEqual({ up: null, detached: [] });
});
