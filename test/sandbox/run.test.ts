import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureBase } from '../../activities/sandbox/bases.ts';
import { runFetchStep } from '../../activities/sandbox/fetch-step.ts';
import { takeFiles } from '../../activities/sandbox/files.ts';
import { letSandboxesRead } from '../../activities/sandbox/folders.ts';
import { createSandboxOf, type SandboxedFork } from '../../activities/sandbox/for-fork.ts';
import { sandboxInReport } from '../../activities/sandbox/open.ts';
import { runInSandbox, spawnSandboxed } from '../../activities/sandbox/run.ts';
import { sweepSandboxes } from '../../activities/sandbox/sweep.ts';
import {
  adoptWorkspace,
  closeWorkspace,
  listWorkspaces,
  openWorkspace,
  withWorkspace,
} from '../../activities/sandbox/workspaces.ts';
import { startTimeOf } from '../../lib/process-identity.ts';
import { type Bench, openBench } from './harness.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

describe('a command', () => {
  test('has its output, its exit code and a clean environment', async () => {
    const said = await bench.inside('echo out; echo err >&2; env | sort; exit 7', { env: { GREETING: 'hello' } });
    expect(said.code).toBe(7);
    expect(said.stderr).toBe('err\n');
    expect(said.stdout).toMatch(/^out\n/);
    const names = said.stdout.match(/^[A-Z_]+(?==)/gm);
    expect(names).toEqual(['GREETING', 'HOME', 'LANG', 'LOGNAME', 'PATH', 'PWD', 'TERM', 'TMPDIR', 'USER']);
  });

  test('that is killed by a signal has 128 and its number', async () => {
    expect((await bench.inside('kill -TERM $$')).code).toBe(143);
  });

  test('that does not exist is an answer of the inside', async () => {
    const said = await withWorkspace(bench.sandbox, {}, (workspace) => bench.run(workspace, ['no-such-program']));
    expect(said.code).toBe(1);
    expect(said.stderr).toMatch(/no-such-program/);
  });

  test('reads what it is given', async () => {
    expect((await bench.inside('cat', { stdin: Buffer.from('given') })).stdout).toBe('given');
  });

  test('talks for as long as the caller likes', async () => {
    await withWorkspace(bench.sandbox, {}, async (workspace) => {
      const running = spawnSandboxed(bench.sandbox, {
        ...{ command: ['sh', '-c', 'while read word; do echo "got $word"; done'], workspace, stdin: 'pipe' as const },
      });
      const lines = createInterface({ input: running.stdout })[Symbol.asyncIterator]();
      for (const word of ['one', 'two', 'three']) {
        running.stdin.write(`${word}\n`);
        expect((await lines.next()).value).toBe(`got ${word}`);
      }
      running.stdin.end();
      expect(await running.ended).toMatchObject({ kind: 'exited', exitCode: 0 });
    });
  });

  test('is signalled inside without the sandbox around it dying', async () => {
    await withWorkspace(bench.sandbox, {}, async (workspace) => {
      const script = 'trap "echo dumped" QUIT; echo ready; while read x; do :; done; sleep 0.1; echo still here';
      const running = spawnSandboxed(bench.sandbox, { command: ['bash', '-c', script], workspace, stdin: 'pipe' });
      const lines = createInterface({ input: running.stdout })[Symbol.asyncIterator]();
      expect((await lines.next()).value).toBe('ready');
      expect(running.signal('SIGQUIT')).toBeGreaterThan(0);
      running.stdin.end();
      expect((await lines.next()).value).toBe('dumped');
      expect((await lines.next()).value).toBe('still here');
      expect(await running.ended).toMatchObject({ kind: 'exited', exitCode: 0 });
    });
  });

  test('finds what it is shown where it is asked for, also behind a folder of root alone', async () => {
    const secret = join(bench.dir, 'closed');
    mkdirSync(join(secret, 'library'), { recursive: true });
    writeFileSync(join(secret, 'library', 'a.jar'), 'jar');
    const shown = [
      { source: join(secret, 'library') },
      { source: join(secret, 'library', 'a.jar'), target: '/opt/lib/b.jar' },
    ];
    const script = `cat ${join(secret, 'library', 'a.jar')} /opt/lib/b.jar; echo x >${join(secret, 'library', 'new')}; ls ${secret}`;
    const said = await bench.inside(script, { readOnly: shown });
    expect(said.stdout).toBe('jarjarlibrary\n');
    expect(said.stderr).toMatch(/Read-only file system/);
  });

  test.each([
    ['a folder of the system', { source: '/etc' }],
    ['a folder of the kernel', { source: '/proc/self' }],
    ['what is not there', { source: '/nowhere/at/all' }],
    ['over the workspace', { source: '/usr/share', target: '/work/share' }],
    ['over the system', { source: '/usr/share', target: '/usr' }],
    ['by a relative path', { source: 'lib' }],
  ])('is not shown %s', async (_what, bind) => {
    await expect(bench.inside('true', { readOnly: [bind] })).rejects.toThrow(/cannot be shown/);
  });

  test('with a toolchain builds: a JDK sees the memory that it has', async () => {
    const said = await bench.inside('java -XshowSettings:vm -version', { limits: { memoryMb: 900 }, jvmHints: true });
    expect(said.code).toBe(0);
    expect(said.stderr).toMatch(/Max\. Heap Size \(Estimated\): (1\d\d|20\d)\.\d+M/);
  });

  test('keeps head and tail of what it prints, and says what is left out', async () => {
    const said = await bench.inside('echo first; yes filling | head -c 5000000; echo last', {
      limits: { keptOutputMb: 1 },
    });
    expect(said.stdout.startsWith('first\n')).toBe(true);
    expect(said.stdout.endsWith('last\n')).toBe(true);
    expect(said.stdout).toMatch(/\n\[… 39\d{5} bytes left out …\]\n/);
    expect(said.stdout.length).toBeLessThan(2 ** 20 + 100);
  });

  test('ends when its caller aborts', async () => {
    const abort = new AbortController();
    await withWorkspace(bench.sandbox, {}, async (workspace) => {
      const spec = { command: ['sh', '-c', 'echo up; sleep 100'], workspace };
      const options = { outputDir: join(bench.dir, 'abort'), signal: abort.signal, onOutput: () => abort.abort() };
      expect((await runInSandbox(bench.sandbox, spec, options)).end).toMatchObject({
        kind: 'ended-by',
        limit: 'caller',
      });
    });
  });

  test('dies with the runner that holds it', async () => {
    const script = new URL('./fixture-runner.ts', import.meta.url).pathname;
    const runner = spawn(process.execPath, [script, join(bench.dir, 'data')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface({ input: runner.stdout }), 'line');
    const { pid, dir } = JSON.parse(String(line)) as { pid: number; dir: string };
    expect(startTimeOf(pid)).toBeDefined();
    runner.kill('SIGKILL');
    while (startTimeOf(pid) !== undefined) await sleep(5);
    const swept = await sweepSandboxes(join(bench.dir, 'data'));
    expect(swept.workspaces).toHaveLength(1);
    expect(existsSync(dir)).toBe(false);
  });
});

describe('a workspace', () => {
  const make = async (dir: string) => {
    mkdirSync(join(dir, 'src'));
    writeFileSync(join(dir, 'src', 'a.txt'), 'base\n');
    writeFileSync(join(dir, 'run.sh'), '#!/bin/sh\necho ran\n', { mode: 0o755 });
  };

  test('lies over its base, lives across commands, and leaves the base as it was', async () => {
    await ensureBase(bench.sandbox, 'life', make);
    const workspace = await openWorkspace(bench.sandbox, { base: 'life' });
    expect((await bench.run(workspace, ['./run.sh'])).stdout).toBe('ran\n');
    await bench.run(workspace, [
      'sh',
      '-c',
      'echo changed >src/a.txt; rm run.sh; echo new >src/b.txt; chmod 600 src/a.txt; mv src moved',
    ]);
    expect((await bench.run(workspace, ['sh', '-c', 'cat moved/*; ls'])).stdout).toBe('changed\nnew\nmoved\n');
    await closeWorkspace(bench.sandbox, workspace);
    expect(existsSync(workspace.dir)).toBe(false);
    const again = await withWorkspace(bench.sandbox, { base: 'life' }, (fresh) =>
      bench.run(fresh, ['sh', '-c', 'cat src/a.txt; ls; ls -l run.sh']),
    );
    expect(again.stdout).toMatch(/^base\nrun\.sh\nsrc\n-rwxr-xr-x/);
  });

  test('of another sandbox that lives at once has another uid and the same content', async () => {
    await ensureBase(bench.sandbox, 'two', make);
    await withWorkspace(bench.sandbox, { base: 'two' }, (one) =>
      withWorkspace(bench.sandbox, { base: 'two' }, async (two) => {
        if (one.uid !== undefined) expect(one.uid).not.toBe(two.uid);
        for (const workspace of [one, two]) {
          expect(
            (await bench.run(workspace, ['sh', '-c', 'echo mine >>src/a.txt && chmod 700 src && cat src/a.txt']))
              .stdout,
          ).toBe('base\nmine\n');
        }
      }),
    );
  });

  test('without a sandbox lies over a base that was made with one', async () => {
    await ensureBase(bench.sandbox, 'switched', make);
    await withWorkspace(bench.sandbox, { base: 'switched' }, (one) => bench.run(one, ['true']));
    const bare = { kind: 'none' as const, root: bench.sandbox.root, reason: 'switched off meanwhile' };
    await ensureBase(bare, 'switched', make);
    const said = await withWorkspace(bare, { base: 'switched' }, (workspace) =>
      bench.run(workspace, ['sh', '-c', './run.sh; echo own >>src/a.txt; cat src/a.txt'], {}, bare),
    );
    expect(said.stdout).toBe('ran\nbase\nown\n');
  });

  test('takes one command at a time', async () => {
    await withWorkspace(bench.sandbox, {}, async (workspace) => {
      const running = spawnSandboxed(bench.sandbox, { command: ['sleep', '100'], workspace });
      expect(() => spawnSandboxed(bench.sandbox, { command: ['true'], workspace })).toThrow(/already runs/);
      await expect(closeWorkspace(bench.sandbox, workspace)).rejects.toThrow(/runs in/);
      running.kill();
      await running.ended;
    });
  });

  test('is limited in number', async () => {
    const before = listWorkspaces(bench.sandbox).length;
    await withWorkspace(bench.sandbox, {}, async () => {
      await expect(openWorkspace(bench.sandbox, { most: before + 1 })).rejects.toThrow(/workspaces/);
    });
  });

  test('that is kept outlives the process that opened it, and is gone on with', async () => {
    const script = new URL('./fixture-opener.ts', import.meta.url).pathname;
    const opened = spawnSync(process.execPath, [script, join(bench.dir, 'data')], { encoding: 'utf8' });
    expect(opened.stderr).not.toMatch(/Error/);
    expect((await sweepSandboxes(join(bench.dir, 'data'))).workspaces).not.toContain('kept');
    const workspace = adoptWorkspace(bench.sandbox, 'kept');
    expect((await bench.run(workspace, ['cat', 'note'])).stdout).toBe('from before\n');
    await closeWorkspace(bench.sandbox, workspace);
    expect(() => adoptWorkspace(bench.sandbox, 'kept')).toThrow(/no workspace/);
  });

  test('gives files out, by name and by folder', async () => {
    await withWorkspace(bench.sandbox, {}, async (workspace) => {
      await bench.run(workspace, [
        'sh',
        '-c',
        'mkdir -p a/b; echo 1 >a/b/one; echo 2 >a/two; head -c 3000 /dev/zero >big; echo no >other',
      ]);
      const into = join(bench.dir, 'taken');
      const options = { into, outputDir: join(bench.dir, 'tar'), maxBytes: 10_000, maxFiles: 10 };
      const taken = await takeFiles(bench.sandbox, workspace, ['a', 'big'], options);
      expect(taken.sort((one, two) => one.path.localeCompare(two.path))).toEqual([
        { path: 'a/b/one', bytes: 2 },
        { path: 'a/two', bytes: 2 },
        { path: 'big', bytes: 3000 },
      ]);
      expect(readFileSync(join(into, 'a/b/one'), 'utf8')).toBe('1\n');
      const less = { ...options, into: join(bench.dir, 'less'), maxBytes: 2_000 };
      await expect(takeFiles(bench.sandbox, workspace, ['big'], less)).rejects.toThrow(/more than 2000 bytes/);
    });
  });
});

test('files of ours are read inside, whatever our umask was when they were made', async () => {
  const folder = join(bench.dir, 'jars', 'of-a-strict-umask');
  mkdirSync(join(folder, 'classes'), { recursive: true, mode: 0o700 });
  for (const file of ['a.jar', 'b.jar', 'classes/C.class']) writeFileSync(join(folder, file), file, { mode: 0o600 });
  letSandboxesRead([join(folder, 'a.jar'), join(folder, 'classes')]);
  const shown = { readOnly: [{ source: folder }] };
  const { stdout } = await bench.inside(`cat ${folder}/a.jar ${folder}/classes/C.class; cat ${folder}/b.jar`, shown);
  // Of what nobody named, only its owner may read it.
  expect(stdout).toBe(process.getuid?.() === 0 ? 'a.jarclasses/C.class' : 'a.jarclasses/C.classb.jar');
});

describe('a step with a network', () => {
  const step = (command: string[]) => {
    const checkout = join(bench.dir, 'checkout');
    mkdirSync(checkout, { recursive: true });
    writeFileSync(join(checkout, 'mvnw'), '#!/bin/sh\necho own\n', { mode: 0o755 });
    const env = { PATH: `${checkout}:/usr/bin:/bin` };
    return runFetchStep({ name: 'fetch', command, checkout, env, seconds: 20, outputDir: join(bench.dir, 'fetch') });
  };
  test('runs a program of this machine in the checkout', async () => {
    const { end, stdout } = await step(['sh', '-c', 'ls; echo fetched >dependency']);
    expect(end).toMatchObject({ kind: 'exited', exitCode: 0 });
    expect(readFileSync(stdout.file, 'utf8')).toBe('mvnw\n');
    expect(existsSync(join(bench.dir, 'checkout', 'dependency'))).toBe(true);
  });
  test.each(['./mvnw', 'mvnw'])('never runs a program of the repository: %s', async (program) => {
    await expect(step([program])).rejects.toThrow(/of the repository itself/);
  });
});

describe('sandbox: none', () => {
  const fork = { sandbox: 'none' as const, build: { command: ['make'], toolchain: [] } };
  const refused = { kind: 'refused' as const, reason: 'no bwrap', mend: 'get it' };
  const sandboxOf = (of: SandboxedFork) =>
    createSandboxOf(refused, { dataDir: join(bench.dir, 'bare'), home: bench.dir, env: {} })(of);

  test('runs with our limits and the allowed environment, and the report says why', async () => {
    const bare = sandboxOf({ ...fork, sandboxReason: 'no namespaces on the old build host' });
    expect(sandboxInReport(bare)).toEqual({ off: 'no namespaces on the old build host' });
    await withWorkspace(bare, {}, async (workspace) => {
      const options = { outputDir: join(bench.dir, 'bare-out') };
      const spec = { workspace, env: { PATH: '/usr/bin:/bin' }, jvmHints: false };
      const ran = await runInSandbox(bare, { ...spec, command: ['sh', '-c', 'pwd; env'] }, options);
      const lines = readFileSync(ran.stdout.file, 'utf8').trim().split('\n');
      const mark = expect.stringMatching(/^PATCHWRIGHT_PROGRAM=[0-9a-f-]{36}$/);
      expect(lines.sort()).toEqual([workspace.inside, mark, 'PATH=/usr/bin:/bin', `PWD=${workspace.inside}`]);
      const late = await runInSandbox(bare, { ...spec, command: ['sleep', '100'], limits: { seconds: 0.3 } }, options);
      expect(late.end).toMatchObject({ kind: 'ended-by', limit: 'time' });
    });
  });
  test('needs a reason', () => expect(() => sandboxOf(fork)).toThrow(/reason/));

  test('is one fork’s own: another that has no sandbox does not run, and hears what mends it', () => {
    expect(() => sandboxOf({ ...fork, sandbox: {} })).toThrow(
      /nothing of a fork runs without: no bwrap. Mend it: get it/,
    );
  });
});
