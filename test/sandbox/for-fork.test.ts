import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSandboxOf, plannedUse, type SandboxedFork } from '../../activities/sandbox/for-fork.ts';
import { limitsOf } from '../../activities/sandbox/run.ts';
import { DEFAULT_LIMITS } from '../../activities/sandbox/types.ts';
import { openWorkspace, withWorkspace } from '../../activities/sandbox/workspaces.ts';
import { suiteSchema } from '../../config/suite.ts';
import { type Bench, openBench } from './harness.ts';

/** What a fork's configuration makes of the machine's sandbox, tried by running it. */
let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

const build = { command: ['tool', 'build'], toolchain: [['tool', '--version']] };

function sandboxOf(fork: Partial<SandboxedFork>, path = '/usr/bin:/bin') {
  const place = { dataDir: join(bench.dir, 'data'), home: join(bench.dir, 'home'), env: { PATH: path } };
  return createSandboxOf(bench.sandbox, place)({ sandbox: {}, build, ...fork });
}

async function inside(sandbox: ReturnType<typeof sandboxOf>, script: string, path: string) {
  return withWorkspace(sandbox, {}, (workspace) =>
    bench.run(workspace, ['sh', '-c', script], { env: { PATH: path } }, sandbox),
  );
}

/** A tool as they are installed below /opt: `bin/tool` reads `lib/words` beside it, wherever that is. */
function installTool(at: string): string {
  const tool = join(bench.dir, at);
  for (const name of ['bin', 'lib']) mkdirSync(join(tool, name), { recursive: true });
  const script = '#!/bin/sh\ncat "$(dirname "$(readlink -f "$0")")/../lib/words"\n';
  writeFileSync(join(tool, 'bin', 'tool'), script);
  chmodSync(join(tool, 'bin', 'tool'), 0o755);
  writeFileSync(join(tool, 'lib', 'words'), `of ${at}\n`);
  return tool;
}

describe('the tools of a build', () => {
  test('that are not the system’s are shown whole, by the PATH’s own name for them', async () => {
    const tool = installTool('opt/tool-3');
    symlinkSync(tool, join(bench.dir, 'opt', 'current'));
    const path = `${join(bench.dir, 'opt', 'current', 'bin')}:/usr/bin:/bin`;
    const script = `tool; cat ${join(bench.dir, 'opt', 'current', 'lib', 'words')}; echo x >${tool}/lib/words; ls ${bench.dir}`;
    const said = await inside(sandboxOf({}, path), script, path);
    expect(said.stdout).toBe('of opt/tool-3\nof opt/tool-3\nopt\n');
    expect(said.stderr).toMatch(/Read-only file system/);
  });

  test('that the PATH finds through a link are found where they are', async () => {
    const tool = installTool('opt/linked');
    const bin = join(bench.dir, 'home', 'bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'private'), 'ours\n');
    symlinkSync(join(tool, 'bin', 'tool'), join(bin, 'tool'));
    const said = await inside(sandboxOf({}, `${bin}:/usr/bin`), `tool; ls ${bin}`, `${bin}:/usr/bin:/bin`);
    expect(said.stdout).toBe('of opt/linked\n');
  });

  test('and of its suites: a build that needs none of them shows theirs all the same', async () => {
    const tool = installTool('opt/tester');
    const path = `${join(tool, 'bin')}:/usr/bin:/bin`;
    const suite = suiteSchema.parse({ runner: 'maven', command: ['tool'] });
    const fork = { build: { command: ['make'], toolchain: [] } };
    expect((await inside(sandboxOf(fork, path), 'tool', path)).stdout).toBe('');
    expect((await inside(sandboxOf({ ...fork, suites: { suite } }, path), 'tool', path)).stdout).toBe(
      'of opt/tester\n',
    );
  });
});

test('caches of the home folder are seen in the sandbox’s own home, read-only, once they are there', async () => {
  const sandbox = sandboxOf({ sandbox: { show: ['~/.cache/other', '~/not-there'] } });
  const script = 'cat ~/.m2/repository/jar ~/.cache/other/x; ls -A ~; touch ~/.m2/repository/y';
  expect((await inside(sandbox, script, '/usr/bin:/bin')).stdout).toBe('');
  for (const name of ['.m2/repository', '.cache/other']) mkdirSync(join(bench.dir, 'home', name), { recursive: true });
  writeFileSync(join(bench.dir, 'home', '.m2', 'settings.xml'), 'a password');
  writeFileSync(join(bench.dir, 'home', '.m2/repository/jar'), 'jar\n');
  writeFileSync(join(bench.dir, 'home', '.cache/other/x'), 'x\n');
  const said = await inside(sandbox, `${script}; ls ~/.m2`, '/usr/bin:/bin');
  expect(said.stdout).toBe('jar\nx\n.cache\n.m2\nrepository\n');
  expect(said.stderr).toMatch(/Read-only file system/);
});

test('limits of the configuration come over the defaults, and those of a command over both', () => {
  const sandbox = sandboxOf({ sandbox: { memoryMb: 9000, diskMb: 100 } });
  expect(limitsOf(sandbox, { limits: { diskMb: 50 } })).toEqual({ ...DEFAULT_LIMITS, memoryMb: 9000, diskMb: 50 });
});

test('the number of workspaces is limited for a fork, and the error says what to do', async () => {
  const sandbox = sandboxOf({ sandbox: { workspaces: 1 } });
  await withWorkspace(sandbox, {}, async () => {
    await expect(openWorkspace(sandbox)).rejects.toThrow(
      /there are 1 workspaces .*wait .* or allow more \(`sandbox: \{workspaces/,
    );
  });
});

test.each([
  ['the sandbox', {}, 'on'],
  ['none, as the operator says', { sandbox: 'none' as const, sandboxReason: 'a reason' }, { off: 'a reason' }],
])('a report plans with %s', (_what, fork, use) => {
  expect(plannedUse(bench.sandbox, { sandbox: {}, ...fork })).toEqual(use);
});
