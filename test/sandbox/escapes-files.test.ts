import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureBase } from '../../activities/sandbox/bases.ts';
import { listWritten, readWritten, takeFiles } from '../../activities/sandbox/files.ts';
import { withWorkspace } from '../../activities/sandbox/workspaces.ts';
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

  test('of the base are not written through a hard link to them, nor through one made of a copy', async () => {
    await ensureBase(bench.sandbox, 'linked', async (dir) => writeFileSync(join(dir, 'file'), 'base\n'));
    const script = 'ln file twin && echo mine >>twin && cat file; ln -s file link; echo more >>link; rm file; cat twin';
    const attack = await withWorkspace(bench.sandbox, { base: 'linked' }, (workspace) =>
      bench.run(workspace, ['sh', '-c', script]),
    );
    expect(attack.stdout).toMatch(/base\n/);
    const next = await withWorkspace(bench.sandbox, { base: 'linked' }, (workspace) =>
      bench.run(workspace, ['sh', '-c', 'cat file; ls']),
    );
    expect(next.stdout).toBe('base\nfile\n');
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
