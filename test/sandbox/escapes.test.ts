import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listWritten, readWritten, takeFiles } from '../../activities/sandbox/files.ts';
import { withWorkspace } from '../../activities/sandbox/workspaces.ts';
import { startTimeOf } from '../../lib/process-identity.ts';
import { type Bench, openBench } from './harness.ts';
import { machineState, uidsOf } from './machine-state.ts';

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

describe('files', () => {
  test('of this machine that are not the system’s are not there', async () => {
    const paths = [
      '/etc/shadow',
      '/etc/ssh',
      '/etc/sudoers',
      '/root',
      '/home',
      '/var',
      '/run',
      '/sys',
      '/boot',
      '/mnt',
      bench.dir,
      join(bench.dir, 'data'),
    ];
    const { stdout, stderr } = await bench.inside(`ls -d ${paths.join(' ')}`);
    expect(stdout).toBe('');
    expect(stderr.match(/No such file/g)).toHaveLength(paths.length);
  });

  test('of the system cannot be written, and nothing can be put beside them', async () => {
    const places = ['/', '/usr/bin', '/usr/lib', '/etc', '/etc/passwd', '/proc', '/dev', '/bin'];
    const { stderr, stdout } = await bench.inside(
      `for p in ${places.join(' ')}; do touch $p/x $p 2>/dev/null && echo "wrote $p"; touch $p/x; done`,
    );
    expect(stdout).toBe('');
    expect(stderr.match(/Read-only file system|Not a directory|Permission denied|No such file/g)).toHaveLength(
      places.length,
    );
  });

  test('of another sandbox that lives at once are not there, nor its processes', async () => {
    await withWorkspace(bench.sandbox, {}, async (one) => {
      await bench.run(one, ['sh', '-c', 'echo private >file; chmod 777 . file']);
      const { stdout } = await bench.inside(`cat ${one.written}/file; ls /work; ls -d /proc/[0-9]* | wc -l`);
      expect(stdout.trim()).toMatch(/^[345]$/);
    });
  });

  test('outside are not reached by links that the inside leaves for us', async () => {
    const secret = join(bench.dir, 'secret');
    mkdirSync(secret, { recursive: true });
    writeFileSync(join(secret, 'token'), 'ours');
    await withWorkspace(bench.sandbox, {}, async (workspace) => {
      await bench.run(workspace, [
        'sh',
        '-c',
        `ln -s ${secret}/token link; ln -s ${secret} folder; ln -s /proc/self/root all; mkfifo pipe; mkdir real; ln -s ../link real/link; echo fine >real/file`,
      ]);
      // They are there for whoever follows them.
      expect(readFileSync(join(workspace.written, 'link'), 'utf8')).toBe('ours');
      for (const path of ['link', 'folder/token', 'real/link', `all${secret}/token`, 'pipe']) {
        expect(readWritten(workspace, path, 1_000)).toBeUndefined();
      }
      expect(listWritten(workspace, 'folder')).toEqual([]);
      expect(listWritten(workspace, 'real').map(({ name }) => name)).toEqual(['file']);
      expect(readWritten(workspace, 'real/file', 1_000)?.toString()).toBe('fine\n');
      for (const path of ['../secret/token', secret])
        expect(() => readWritten(workspace, path, 1_000)).toThrow(/not a path inside/);
      const options = {
        into: join(bench.dir, 'out'),
        outputDir: join(bench.dir, 'tar'),
        maxBytes: 10_000,
        maxFiles: 10,
      };
      const taken = await takeFiles(bench.sandbox, workspace, ['link', 'folder', 'real'], options);
      expect(taken.map(({ path }) => path)).toEqual(['real/file']);
    });
  });

  test('of the system take no hard link into the workspace', async () => {
    const { stdout, stderr } = await bench.inside(
      'ln /usr/bin/su su; ln /etc/passwd passwd; ln /proc/self/exe exe; ls',
    );
    expect(stdout).toBe('');
    expect(stderr.match(/Invalid cross-device link|not permitted/g)).toHaveLength(3);
  });

  test('deeper than a path can be long are removed with their workspace', async () => {
    const { dir, code } = await withWorkspace(bench.sandbox, {}, async (workspace) => {
      const script =
        'my $n = "d" x 200; for (1..60) { mkdir $n or die; chdir $n or die } open(F, ">", "x"); chmod 0, "/work"';
      return { ...(await bench.run(workspace, ['perl', '-e', script])), dir: workspace.dir };
    });
    expect(code).toBe(0);
    expect(existsSync(dir)).toBe(false);
  });
});

describe('mounts and namespaces', () => {
  test.each([
    ['a mount', 'mount -t tmpfs x /work', /permission denied|not permitted|must be superuser/i],
    ['a bind', 'mount --bind /usr /work', /permission denied|not permitted|must be superuser/i],
    ['a remount', 'mount -o remount,rw /', /permission denied|not permitted|must be superuser|not in/i],
    ['an unmount', 'umount /proc; r=$?; ls -d /proc/self; exit $r', /\/proc\/self/],
    ['a user namespace', 'unshare --user true', /not permitted|No space left/],
    ['a user and mount namespace', 'unshare --user --map-root-user --mount true', /not permitted|No space left/],
    ['a network namespace', 'unshare --net true', /not permitted/],
    [
      'a sandbox in the sandbox',
      'bwrap --unshare-all --ro-bind / / true',
      /No permissions|not permitted|namespace|No space left/,
    ],
    ['entering another namespace', 'nsenter --target 1 --mount true', /not permitted|Permission denied/],
    ['another root', 'chroot /work true', /not permitted/],
    ['another uid', 'setpriv --reuid 0 true', /not permitted|Invalid argument/],
    ['another name', 'hostname other', /permitted|superuser|Permission|must be root/],
  ])('%s is refused', async (_what, script, words) => {
    const said = await bench.inside(script);
    expect(said.code).not.toBe(0);
    expect(said.stdout + said.stderr).toMatch(words);
  });

  test('a new user namespace is refused by its clone too, where no filter looks at flags', async () => {
    const clone = process.arch === 'arm64' ? 220 : 56;
    // CLONE_NEWUSER | SIGCHLD
    const { stdout } = await bench.inside(
      `perl -e 'my $r = syscall(${clone}, 0x10000000 | 17, 0, 0, 0, 0); print $r == -1 ? "no: $!" : "in"; exit 0'`,
    );
    expect(stdout).toMatch(/^no: (No space left on device|Operation not permitted)$/);
  });

  test('nobody inside has a capability, or can get one', async () => {
    const { stdout } = await bench.inside('grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(stdout).toContain(`${set}:\t0000000000000000`);
    expect(stdout).toContain('NoNewPrivs:\t1');
    expect(stdout).toContain('Seccomp:\t2');
  });

  test('no process of a sandbox is root, before or inside', async () => {
    await withWorkspace(bench.sandbox, {}, async (workspace) => {
      const uids = await uidsOf(bench.sandbox, workspace);
      expect(uids.length).toBeGreaterThan(1);
      expect(new Set(uids)).toEqual(new Set([workspace.uid ?? process.getuid?.()]));
      expect(uids).not.toContain(0);
    });
  });
});

describe('system calls that no namespace covers', () => {
  const calls: [string, Record<string, number>, string, RegExp][] = [
    ['memory that belongs to no process (memfd)', { x64: 319, arm64: 279 }, '$t, 0', /not implemented/],
    ['a large System V segment', { x64: 29, arm64: 194 }, '0, 1048576, 01600', /Invalid argument/],
    ['io_uring, which walks past filters', { x64: 425, arm64: 425 }, '1, 0', /not implemented/],
    ['the keyrings', { x64: 250, arm64: 219 }, '0, -3, 0', /not permitted/],
    ['BPF', { x64: 321, arm64: 280 }, '0, 0, 0', /not permitted/],
    ['performance events', { x64: 298, arm64: 241 }, '0, 0, -1, -1, 0', /not permitted/],
    ['userfaultfd', { x64: 323, arm64: 282 }, '0', /not permitted/],
    ['files by handle', { x64: 304, arm64: 265 }, '0, 0, 0', /not permitted/],
    ['the new mount calls', { x64: 430, arm64: 430 }, '$t, 0', /not permitted/],
  ];
  test.each(calls)('%s', async (_what, numbers, args, words) => {
    const { stdout } = await bench.inside(
      `perl -e 'my $t = "tmpfs"; print syscall(${numbers[process.arch]}, ${args}) == -1 ? "no: $!" : "in"'`,
    );
    expect(stdout).toMatch(/^no: /);
    expect(stdout).toMatch(words);
  });

  test.skipIf(process.arch !== 'x64')('other calling conventions (x32)', async () => {
    const { stdout } = await bench.inside(`perl -e 'print syscall(0x40000000 + 39) == -1 ? "no: $!" : "in"'`);
    expect(stdout).toBe('no: Function not implemented');
  });
});

describe('devices', () => {
  test('there are none but the harmless ones, and none can be made', async () => {
    const { stdout, stderr } = await bench.inside(
      'ls /dev | tr "\\n" " "; mknod disk b 254 0; mknod zero c 1 5; ls /work',
    );
    expect(stdout.trim().split(' ').sort()).toEqual([
      'core',
      'fd',
      'full',
      'null',
      'ptmx',
      'pts',
      'random',
      'shm',
      'stderr',
      'stdin',
      'stdout',
      'tty',
      'urandom',
      'zero',
    ]);
    expect(stderr.match(/not permitted/g)).toHaveLength(2);
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

describe('set-uid programs', () => {
  test('are what everybody else is', async () => {
    const { stdout, stderr } = await bench.inside(
      'ls -l $(which su passwd mount) | cut -c4 | tr -d "\\n"; cp /usr/bin/id me; chmod 6755 me; ./me -u; su -c id </dev/null; passwd -d nobody',
    );
    // The bit is there (or this shows nothing), and does nothing.
    expect(stdout).toMatch(/s/);
    expect(stdout).toContain('\n1000\n'.slice(1));
    expect(stdout).not.toContain('uid=0');
    expect(stderr).not.toBe('');
  });
});
