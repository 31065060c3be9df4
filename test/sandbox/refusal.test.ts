import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { explainRefusal, type RefusalFacts } from '../../activities/sandbox/refusal.ts';
import { SOMEBODY, somebody } from './somebody.ts';

const facts: RefusalFacts = {
  platform: 'linux',
  root: true,
  container: false,
  seccomp: false,
  uidsMapped: true,
  userNamespaces: true,
  apparmorRestricts: false,
  userNamespaceClone: undefined,
  mostUserNamespaces: 15_000,
  missingPrograms: [],
  output:
    'bwrap: No permissions to create new namespace, likely because the kernel does not allow non-privileged user namespaces.',
};
const noRoom = 'bwrap: Creating new namespace failed: No space left on device';

describe('the words of a refusal', () => {
  test.each<[string, Partial<RefusalFacts>, RegExp, RegExp]>([
    [
      'Docker’s seccomp',
      { container: true, seccomp: true },
      /Docker's seccomp/,
      /^docker run --security-opt seccomp=unconfined/,
    ],
    [
      'Docker’s hidden /proc',
      { container: true, output: "bwrap: Can't mount proc on /newroot/proc: Operation not permitted" },
      /parts of \/proc/,
      /systempaths=unconfined/,
    ],
    [
      'Ubuntu’s AppArmor',
      { apparmorRestricts: true, root: false },
      /AppArmor/,
      /^sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0$/,
    ],
    [
      'an older Debian',
      { userNamespaceClone: '0' },
      /unprivileged_userns_clone=0/,
      /^sysctl -w kernel.unprivileged_userns_clone=1$/,
    ],
    [
      'no room for namespaces',
      { mostUserNamespaces: 0, output: noRoom },
      /max_user_namespaces/,
      /^sysctl -w user.max_user_namespaces=15000$/,
    ],
    [
      'no room for namespaces, in a container',
      { mostUserNamespaces: 0, container: true, output: noRoom },
      /max_user_namespaces/,
      /sysctl/,
    ],
    ['a root without uids', { uidsMapped: false }, /alone in its user namespace/, /not root$/],
    ['a kernel without namespaces', { userNamespaces: false }, /no user namespaces/, /CONFIG_USER_NS=y/],
    ['a filter of systemd', { seccomp: true }, /system call filter/, /RestrictNamespaces=no/],
    [
      'no bubblewrap',
      { missingPrograms: ['bwrap'], root: false, output: '' },
      /there is no bwrap/,
      /^sudo apt-get install bubblewrap$/,
    ],
    [
      'no util-linux',
      { missingPrograms: ['prlimit'], output: '' },
      /there is no prlimit/,
      /^apt-get install util-linux$/,
    ],
    ['another system', { platform: 'darwin' }, /this is darwin/, /Linux/],
    ['something else', { output: 'bwrap: strange' }, /bwrap: strange/, /./],
    // A container's own limits come through as refused calls that have nothing to do with namespaces.
    [
      'another refused call, in a container',
      { container: true, output: 'prlimit: failed to set the NOFILE limit: Operation not permitted' },
      /prlimit: failed/,
      /./,
    ],
  ])('%s', (_name, change, reason, mend) => {
    const refusal = explainRefusal({ ...facts, ...change });
    expect(refusal.reason).toMatch(reason);
    expect(refusal.mend).toMatch(mend);
    expect(refusal.mend).not.toContain('\n');
  });
});

describe('a machine that forbids it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'patchwright-refused-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const isRoot = process.getuid?.() === 0;
  const they = somebody();
  if (isRoot) chownSync(dir, SOMEBODY, SOMEBODY);
  const fixture = new URL('./fixture-refused.ts', import.meta.url).pathname;
  const ask = (wrapper: string[], env: Record<string, string> = {}, at: (path: string) => string = String) => {
    const [command = '', ...all] = [...wrapper, at(process.execPath), at(fixture), join(dir, 'data')];
    const { stdout, stderr } = spawnSync(command, all, {
      encoding: 'utf8',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: dir, ...env },
    });
    const line = stdout.trim().split('\n').at(-1) ?? '';
    if (!line.startsWith('{')) throw new Error(stderr);
    return JSON.parse(line) as { kind: string; reason?: string; error?: string; status?: number; ran: boolean };
  };

  test.runIf(they)('is asked by running it: without namespaces nothing runs, and the error says what mends it', () => {
    // In a namespace of its own, so that the machine's own limit stays as it is.
    const none = 'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps=-all --inh-caps=-all "$@"';
    const namespace = ['unshare', '--user', '--map-current-user', '--keep-caps', 'sh', '-c', none, 'none'];
    const said = ask([...(they?.prefix ?? []), ...namespace], {}, they?.at);
    expect(said).toMatchObject({ kind: 'refused', status: 3, ran: false });
    expect(said.error).toMatch(/no sandbox on this machine, and nothing of a fork runs without: .*max_user_namespaces/);
    expect(said.error).toMatch(/Mend it: sudo sysctl -w user\.max_user_namespaces=15000$/);
  });

  test.runIf(isRoot)('refuses to a root that has no other uid, rather than to run as root', () => {
    const said = ask(['unshare', '--user', '--map-root-user']);
    expect(said).toMatchObject({ kind: 'refused', status: 3, ran: false });
    expect(said.error).toMatch(/alone in its user namespace.*not root$/);
  });

  test('refuses where there is no bubblewrap, and does not fetch it unasked', () => {
    const said = ask(['/usr/bin/env'], { PATH: dir, XDG_CACHE_HOME: dir });
    expect(said).toMatchObject({ kind: 'refused', status: 3, ran: false });
    expect(said.error).toMatch(/there is no bwrap.*apt-get install bubblewrap/);
  });
});
