import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runInSandbox, spawnSandboxed } from '../../activities/sandbox/run.ts';
import { withWorkspace } from '../../activities/sandbox/workspaces.ts';
import { type Bench, openBench, SMALL } from './harness.ts';
import { machineState } from './machine-state.ts';

let bench: Bench;
let before: ReturnType<typeof machineState>;
beforeAll(async () => {
  bench = await openBench();
  before = machineState();
});
afterAll(async () => {
  await bench.close();
  expect(machineState()).toEqual(before);
});

describe('processes', () => {
  test('a bomb of them stays within the limit, and all of it ends', async () => {
    const bomb =
      'my $n = 0; while ($n < 5000) { my $p = fork; if (!defined $p) { print "stopped: $!"; last } if (!$p) { sleep 100; exit } $n++ } exit 0';
    const said = await bench.inside(`perl -e '${bomb}'`, { limits: { processes: 150 } });
    expect(said.stdout).toBe('stopped: Resource temporarily unavailable');
    expect(said.end.usage.peakProcesses).toBeLessThanOrEqual(150);
    expect(machineState().processes).toEqual(before.processes);
  });

  test('one that doubles for ever is ended by the time', async () => {
    const said = await bench.inside('b() { b | b & }; b & exec sleep 1000', { limits: { processes: 100, seconds: 2 } });
    expect(said.end).toMatchObject({ kind: 'ended-by', limit: 'time' });
    expect(machineState().processes).toEqual(before.processes);
  });

  test('of one sandbox are not counted in another', async () => {
    await withWorkspace(bench.sandbox, {}, async (full) => {
      const hold =
        'perl -e \'$| = 1; for (1..100) { my $p = fork // last; if (!$p) { sleep 100; exit } } print "full"; sleep 100\'';
      const running = spawnSandboxed(bench.sandbox, {
        ...{ command: ['sh', '-c', hold], workspace: full, limits: { ...SMALL, processes: 110 } },
      });
      await new Promise((resolve) => running.stdout.once('data', resolve));
      const other = await bench.inside('for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1 & done; wait; echo all', {
        limits: { processes: 110 },
      });
      expect(other.stdout).toBe('all\n');
      running.kill();
      await running.ended;
    });
  });

  test('that daemonise end with the command', async () => {
    const daemon =
      'perl -MPOSIX -e \'fork and exit; POSIX::setsid(); fork and exit; close $_ for *STDIN, *STDOUT, *STDERR; chdir "/"; sleep 1000\'';
    const said = await bench.inside(`${daemon}; sleep 0.2; ps -e 2>/dev/null | grep -c perl; echo done`);
    expect(said.stdout).toBe('1\ndone\n');
    expect(machineState().processes).toEqual(before.processes);
  });
});

describe('memory', () => {
  test('of the whole tree is limited', async () => {
    const grow = 'my @all; for (1..20) { push @all, "x" x 20_000_000; select(undef, undef, undef, 0.02) } sleep 100';
    const said = await bench.inside(`for i in 1 2 3; do perl -e '${grow}' & done; wait`, { limits: { memoryMb: 300 } });
    expect(said.end).toMatchObject({ kind: 'ended-by', limit: 'memory' });
    expect(said.end.usage.peakMemoryMb).toBeGreaterThan(300);
    expect(freemem()).toBeGreaterThan(0);
  });

  test('that processes share counts once', async () => {
    // 150 MB, seen by four: more than the limit by RSS, less by PSS.
    const share =
      'my $all = "x" x 150_000_000; for (1..3) { fork or do { my $n = ($all =~ tr/x//); sleep 1; exit } } 1 while wait != -1; print "shared"';
    const said = await bench.inside(`perl -e '${share}'`, { limits: { memoryMb: 400 } });
    expect(said.stdout).toBe('shared');
  });

  test('that looks like a disk is limited too', async () => {
    const fill = (path: string) =>
      `dd if=/dev/zero of=${path} bs=1M count=100 2>&1 | grep -o "No space left.*\\|File too large.*"`;
    for (const path of ['/tmp/a', '/dev/shm/a']) {
      expect((await bench.inside(fill(path), { limits: { tmpMb: 8 } })).stdout).toMatch(/No space left on device/);
    }
    expect((await bench.inside('echo x >/dev/a')).stderr).toMatch(/Read-only file system/);
  });
});

describe('the disk', () => {
  test('a file cannot be longer than the limit', async () => {
    const said = await bench.inside('dd if=/dev/zero of=big bs=1M count=100; stat -c %s big', {
      limits: { diskMb: 20 },
    });
    expect(Number(said.stdout)).toBeLessThanOrEqual(20 * 2 ** 20);
  });

  test('a flood of files ends it', async () => {
    const flood = 'i=0; while :; do i=$((i+1)); head -c 4000000 /dev/zero >f$i; done';
    const said = await bench.inside(flood, { limits: { diskMb: 40 } });
    expect(said.end).toMatchObject({ kind: 'ended-by', limit: 'disk' });
  });

  test('a flood of empty files ends it', async () => {
    const flood = 'perl -e \'for (my $i = 0; ; $i++) { open(my $f, ">", "f$i") or die $! }\'';
    const said = await bench.inside(flood, { limits: { diskMb: 16 } });
    expect(said.end).toMatchObject({ kind: 'ended-by', limit: 'disk' });
    expect(said.end).toMatchObject({ detail: expect.stringMatching(/it made \d+ files/) });
  });
});

describe('output', () => {
  test('a flood ends it, and little of it is kept', async () => {
    await withWorkspace(bench.sandbox, {}, async (workspace) => {
      const limits = { ...SMALL, keptOutputMb: 1, outputMb: 20 };
      const options = { outputDir: join(bench.dir, 'flood') };
      const { end, stdout } = await runInSandbox(bench.sandbox, { command: ['yes'], workspace, limits }, options);
      expect(end).toMatchObject({ kind: 'ended-by', limit: 'output' });
      expect(readFileSync(stdout.file).length).toBeLessThan(2 ** 20 + 100);
      expect(stdout.bytes).toBeGreaterThan(20 * 2 ** 20);
    });
  });
});

describe('time', () => {
  test('is limited, whatever the command does with signals', async () => {
    const said = await bench.inside('trap "" TERM INT HUP QUIT; while :; do sleep 1; done', { limits: { seconds: 1 } });
    expect(said.end).toMatchObject({ kind: 'ended-by', limit: 'time', detail: 'it ran longer than 1 s' });
  });

  test('leaves no core dump behind', async () => {
    const said = await bench.inside('ulimit -c unlimited 2>/dev/null; (perl -e "kill SEGV => \\$\\$"); ls; ulimit -Hc');
    expect(said.stdout).toBe('0\n');
  });
});
