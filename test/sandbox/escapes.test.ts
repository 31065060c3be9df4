import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTimeOf } from '../../lib/process-identity.ts';
import { type Bench, openBench } from './harness.ts';
import { machineState } from './machine-state.ts';

// Each attack is a program of this machine, run inside. That it could succeed is shown where it can be shown
// without harm: by the same program outside, or by what the inside would have to change.

let bench: Bench;
let before: ReturnType<typeof machineState>;
beforeAll(async () => {
  bench = await openBench();
  before = machineState();
});
afterAll(async () => {
  await bench.close();
  // Mounts, settings of the kernel, segments, processes of ours: nothing is left and nothing is changed.
  expect(machineState()).toEqual(before);
});

const perl = (program: string) => `perl -MSocket -MErrno -e '${program}'`;

describe('the network', () => {
  let tcp: Server;
  const reached: string[] = [];
  const listen = (server: Server, where: number | string | { port: number; host: string }) =>
    new Promise<void>((resolve) => void server.listen(where, resolve));

  beforeAll(async () => {
    tcp = createServer(() => reached.push('tcp'));
    await listen(tcp, { port: 0, host: '0.0.0.0' });
  });
  afterAll(() => void tcp.close());
  const succeedsOutside = async (script: string) => {
    expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe('in');
    while (reached.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    reached.length = 0;
  };
  const port = () => (tcp.address() as { port: number }).port;
  const connect = (address: string) =>
    perl(
      `socket(my $s, AF_INET, SOCK_STREAM, 0) or die; connect($s, sockaddr_in(${port()}, inet_aton("${address}"))) ? print "in" : print "no: $!"`,
    );

  test('no TCP server of this machine is reached, by any of its addresses', async () => {
    await succeedsOutside(connect('127.0.0.1'));
    const own = Object.values(networkInterfaces()).flatMap(
      (all) => all?.flatMap(({ family, address }) => (family === 'IPv4' ? [address] : [])) ?? [],
    );
    for (const address of new Set(['127.0.0.1', ...own])) {
      const { stdout } = await bench.inside(connect(address));
      expect(stdout).toMatch(/^no: (Connection refused|Network is unreachable)$/);
    }
    expect(reached).toEqual([]);
  });

  test('no UDP packet gets out, and no name is looked up', async () => {
    const udp = createSocket('udp4');
    const got: string[] = [];
    udp.on('message', (message) => got.push(message.toString()));
    await new Promise<void>((resolve) => void udp.bind(0, '0.0.0.0', resolve));
    const send = (text: string) =>
      perl(
        `socket(my $s, AF_INET, SOCK_DGRAM, 0); send($s, "${text}", 0, sockaddr_in(${udp.address().port}, inet_aton("127.0.0.1")));`,
      );
    await bench.inside(send('inside'));
    // After it on the same way, so that it would have come first.
    execFileSync('sh', ['-c', send('outside')]);
    while (got.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    udp.close();
    expect(got).toEqual(['outside']);
    expect(
      (await bench.inside('getent hosts example.com; ls /sys/class/net; wc -l </proc/net/route')).stdout.trim(),
    ).toBe('1');
  });

  test('no unix socket of this machine is reached, named in a folder or abstract', async () => {
    const path = join(bench.dir, 'host.sock');
    const abstract = `patchwright-test-${process.pid}`;
    const servers = [createServer(() => reached.push('path')), createServer(() => reached.push('abstract'))];
    await listen(servers[0] as Server, path);
    await listen(servers[1] as Server, `\0${abstract}`);
    const to = (address: string) =>
      perl(
        `socket(my $s, AF_UNIX, SOCK_STREAM, 0); connect($s, pack_sockaddr_un("${address}")) ? print "in" : print "no: $!"`,
      );
    await succeedsOutside(to(`\\0${abstract}`));
    expect((await bench.inside(to(path))).stdout).toBe('no: No such file or directory');
    expect((await bench.inside(to(`\\0${abstract}`))).stdout).toBe('no: Connection refused');
    for (const socket of [
      '/run/docker.sock',
      '/var/run/docker.sock',
      '/run/dbus/system_bus_socket',
      '/run/systemd/private',
    ]) {
      expect((await bench.inside(to(socket))).stdout).toBe('no: No such file or directory');
    }
    for (const server of servers) server.close();
    expect(reached).toEqual([]);
  });

  test.each([
    ['the host of a virtual machine (vsock)', 40, 1],
    ['the kernel’s ciphers (AF_ALG)', 38, 5],
    ['raw packets', 17, 3],
    ['Bluetooth', 31, 3],
  ])('there is no socket to %s', async (_what, family, type) => {
    const { stdout } = await bench.inside(perl(`socket(my $s, ${family}, ${type}, 0) ? print "in" : print "no: $!"`));
    expect(stdout).toBe('no: Address family not supported by protocol');
  });

  test('its own loopback works: tests start servers', async () => {
    const script = perl(
      'socket(my $l, AF_INET, SOCK_STREAM, 0); bind($l, sockaddr_in(8080, INADDR_LOOPBACK)); listen($l, 1) or die; socket(my $c, AF_INET, SOCK_STREAM, 0); connect($c, sockaddr_in(8080, INADDR_LOOPBACK)) or die; print "in"',
    );
    expect((await bench.inside(`${script}; getent hosts localhost sandbox | wc -l`)).stdout).toMatch(/^in[12]\n$/);
  });
});

describe('/proc', () => {
  test('has the sandbox’s own processes alone, and none of their words is ours', async () => {
    process.env.PATCHWRIGHT_TEST_SECRET = 'a-secret-of-the-runner';
    const { stdout } = await bench.inside(
      'for p in /proc/[0-9]*; do echo $p; tr "\\0" " " <$p/cmdline; tr "\\0" " " <$p/environ; echo; done',
    );
    delete process.env.PATCHWRIGHT_TEST_SECRET;
    expect(stdout).toMatch(/^\/proc\/1\n\S*bwrap --args 3 -- sh -c/);
    expect(stdout.match(/^\/proc\/\d+$/gm)?.length).toBeLessThan(6);
    expect(stdout).not.toContain('a-secret-of-the-runner');
    expect(stdout).not.toContain(bench.dir);
    expect(readFileSync('/proc/self/environ', 'utf8').length).toBeGreaterThan(0);
  });

  test('does not let the kernel be told what to do', async () => {
    const files = [
      'sys/kernel/core_pattern',
      'sys/kernel/modprobe',
      'sys/vm/overcommit_memory',
      'sysrq-trigger',
      'sys/kernel/hostname',
      'self/oom_score_adj',
    ];
    for (const file of files) {
      const { stderr } = await bench.inside(`echo "|/tmp/pwned" >/proc/${file}`);
      expect(stderr).toMatch(/Read-only file system|Permission denied|nonexistent|No such file/);
    }
    expect(machineState().settings).toEqual(before.settings);
  });

  test('gives no way to the memory, the root or the descriptors of others', async () => {
    const attack = `for p in ${process.pid} ${process.ppid}; do cat /proc/$p/mem /proc/$p/maps; ls /proc/$p/root /proc/$p/fd; done; cat /proc/kcore /dev/mem | head -c 1; ls /proc/1/root/home /proc/1/root/root /proc/1/cwd/../root`;
    const { stdout, stderr } = await bench.inside(attack);
    expect(stdout).toBe('');
    expect(stderr.match(/No such file|Permission denied|not permitted/g)?.length).toBeGreaterThan(9);
  });

  test('shows no descriptor that we did not give', async () => {
    const { stdout } = await bench.inside(
      'ls -l /proc/self/fd >/tmp/list; grep -v -e "-> socket:" -e "/proc/" -e /dev/null -e /tmp/list -e total /tmp/list',
    );
    expect(stdout).toBe('');
  });

  test('shows no descriptor that our own starter left open in us', async () => {
    const fixture = new URL('./fixture-descriptors.ts', import.meta.url).pathname;
    const secret = join(bench.dir, 'starter-secret');
    writeFileSync(secret, 'open in the starter');
    const script = `exec 9<${secret}; exec "$0" ${fixture} ${join(bench.dir, 'data')}`;
    const heard = execFileSync('bash', ['-c', `exec 77<${secret}; ${script}`, process.execPath], { encoding: 'utf8' });
    const found = JSON.parse(heard) as { outside: string; inside: string };
    // The starter's files are open in the runner, or this test shows nothing.
    expect(found.outside).toContain('starter-secret');
    expect(found.inside).toContain('0 ->');
    expect(found.inside).not.toContain('starter-secret');
  });
});

describe('the terminal', () => {
  test('there is none to type into, also where the runner has one', async () => {
    const fixture = new URL('./fixture-terminal.ts', import.meta.url).pathname;
    const command = `${process.execPath} ${fixture} ${join(bench.dir, 'data')}`;
    const heard = execFileSync('script', ['-qefc', command, '/dev/null'], { encoding: 'utf8', input: '' });
    expect(heard).toContain('runner: has a terminal');
    expect(heard).toMatch(/inside: open no: No such device or address/);
    expect(heard).not.toContain('inside: in');
  });

  test('cannot be typed into where the inside makes one itself', async () => {
    const script = 'sysopen(my $m, "/dev/ptmx", 2) or die $!; print ioctl($m, 0x5412, my $x = "x") ? "in" : "no: $!"';
    expect((await bench.inside(perl(script))).stdout).toBe('no: Operation not permitted');
  });
});

describe('signals', () => {
  test('reach no process of ours: neither by number nor all at once', async () => {
    const { stderr } = await bench.inside(`kill -0 ${process.pid}; kill -9 ${process.ppid}; kill -9 -1`);
    expect(stderr.match(/No such process/g)?.length).toBeGreaterThan(1);
    expect(startTimeOf(process.ppid)).toBeDefined();
  });
});
