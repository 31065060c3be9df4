import { spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';

/**
 * PostgreSQL refuses to run as root. How it runs here:
 *   self       we are not root;
 *   namespace  root's own id outside, an ordinary one inside a user namespace: it reaches
 *              every folder that we reach (a data folder below a 0700 folder of root);
 *   account    another account's id, which must be able to reach the data folder.
 */
export type PostgresAccount = { kind: 'self' } | { kind: 'namespace' } | { kind: 'account'; uid: number; gid: number };

const NAMESPACE = ['unshare', '--user', '--map-user=1000', '--map-group=1000', '--'];

/**
 * Finds the way that works for this folder, and hands the folder over where it must.
 * Throws, with what was tried and what to do, when there is none.
 */
export function chooseAccount(dir: string): PostgresAccount {
  if (process.getuid?.() !== 0) return { kind: 'self' };
  const namespace = spawnSync(NAMESPACE[0] as string, [...NAMESPACE.slice(1), 'true'], { encoding: 'utf8' });
  if (namespace.status === 0) return { kind: 'namespace' };
  const tried = [`a user namespace: ${whatFailed(namespace)}`];
  for (const name of ['postgres', 'nobody']) {
    const account = accountOf(name);
    if (account === undefined) {
      tried.push(`account ${name}: there is none`);
      continue;
    }
    chownSync(dir, account.uid, account.gid);
    const reaches = spawnSync('setpriv', [...identity(account), 'test', '-w', dir, '-a', '-x', dir], {
      encoding: 'utf8',
    });
    if (reaches.status === 0) return { kind: 'account', ...account };
    tried.push(`account ${name}: cannot reach ${dir} (${whatFailed(reaches)})`);
  }
  throw new Error(
    `PostgreSQL does not run as root, and no other way works here (${tried.join('; ')}). ` +
      'Run Patchwright as another user, give it a data folder that the account postgres can reach (--data), ' +
      'or set DATABASE_URL to a PostgreSQL server of your own.',
  );
}

/** The command as it must be run for this account. */
export function asAccount(account: PostgresAccount, command: readonly string[]): string[] {
  switch (account.kind) {
    case 'self':
      return [...command];
    case 'namespace':
      return [...NAMESPACE, ...command];
    case 'account':
      return ['setpriv', ...identity(account), ...command];
  }
}

function identity({ uid, gid }: { uid: number; gid: number }): string[] {
  return [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'];
}

function accountOf(name: string): { uid: number; gid: number } | undefined {
  const passwd = spawnSync('getent', ['passwd', name], { encoding: 'utf8' });
  const [, , uid, gid] = passwd.status === 0 ? passwd.stdout.trim().split(':') : [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

function whatFailed({ error, stderr, status }: { error?: Error; stderr: string; status: number | null }): string {
  return error?.message ?? (stderr.trim() || `ended with ${status}`);
}
