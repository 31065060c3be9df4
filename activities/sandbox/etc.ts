import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../../lib/run.ts';
import { removeTree } from './bases.ts';
import { enterableFolder } from './folders.ts';
import { HOME } from './inside.ts';

/**
 * What of this machine's /etc is shown. Debian's JDK and Maven keep their configuration there; the certificates
 * are public ones. Not passwd, group and hosts: ours are shown instead.
 */
const SHOWN = [
  /^alternatives$/,
  /^java(-.+)?$/,
  /^maven$/,
  /^ld\.so\.(cache|conf|conf\.d)$/,
  /^(localtime|timezone|mime\.types|services|protocols)$/,
  /^(pki|ca-certificates)$/,
];
const SHOWN_BELOW = ['ssl/certs', 'ssl/openssl.cnf'];

const OWN: Record<string, string> = {
  passwd: `sandbox:x:1000:1000:sandbox:${HOME}:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`,
  group: 'sandbox:x:1000:\nnogroup:x:65534:\n',
  hosts: '127.0.0.1 localhost sandbox\n::1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
};

/**
 * A copy of that part, as one folder: each thing mounted by itself would cost a launch a millisecond. Named by
 * what it was made of, so that an update of the system makes another and what runs keeps its own.
 */
export async function ensureEtc(root: string): Promise<string> {
  const names = [...readdirSync('/etc').filter((name) => SHOWN.some((pattern) => pattern.test(name))), ...SHOWN_BELOW];
  const shown = names.filter((name) => existsSync(join('/etc', name))).sort();
  const hash = createHash('sha256').update(JSON.stringify(OWN));
  for (const name of shown) {
    const { mtimeMs, ctimeMs, size } = statSync(join('/etc', name));
    hash.update(JSON.stringify([name, mtimeMs, ctimeMs, size]));
  }
  const folder = join(root, `etc-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}.${process.pid}.part`;
  await removeTree(making);
  enterableFolder(making);
  for (const name of shown) await copyInto(making, name);
  for (const [name, text] of Object.entries(OWN)) writeFileSync(join(making, name), text, { mode: 0o644 });
  try {
    renameSync(making, folder);
  } catch (error) {
    // Another process came first.
    await removeTree(making);
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

async function copyInto(folder: string, name: string): Promise<void> {
  const target = join(folder, name);
  mkdirSync(dirname(target), { recursive: true });
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
  // The thing itself may be a link (localtime); links within it point into /usr, which is shown. What others
  // may not read is not shown either: no --preserve of owners, and modes as they are.
  const args = ['-R', '--preserve=mode,timestamps,links', '--', realpathSync(join('/etc', name)), target];
  const { exitCode, stderr } = await run('cp', args, { cwd: '/', env });
  if (exitCode !== 0) throw new Error(`/etc/${name} cannot be copied for the sandbox: ${stderr.trim().slice(-300)}`);
}
