import { expect, test } from 'vitest';
import { serversNo } from '../../git/push.ts';

const rejected = (reason: string) =>
  `To ssh://git@example.org/limits.git\n!\t0a1b2c3d:refs/heads/main\t[remote rejected] (${reason})\nDone\n`;

test.each<[string, { stdout?: string; stderr?: string }, string | undefined]>([
  [
    'a hook of the server',
    {
      stdout: rejected('pre-receive hook declined'),
      stderr: 'remote: main is frozen today        \nerror: failed to push\n',
    },
    'main is frozen today (pre-receive hook declined)',
  ],
  [
    'a protected branch (GitHub)',
    {
      stdout: rejected('protected branch hook declined'),
      stderr:
        'remote: error: GH006: Protected branch update failed for refs/heads/main.\nremote: \nremote: - Changes must be made through a pull request.\n',
    },
    'error: GH006: Protected branch update failed for refs/heads/main. - Changes must be made through a pull request. (protected branch hook declined)',
  ],
  [
    'a protected branch (GitLab)',
    {
      stdout: rejected('pre-receive hook declined'),
      stderr: 'remote: GitLab: You are not allowed to push code to protected branches on this project.\n',
    },
    'GitLab: You are not allowed to push code to protected branches on this project. (pre-receive hook declined)',
  ],
  [
    'rules of a repository (GitHub)',
    {
      stdout: rejected('push declined due to repository rule violations'),
      stderr: 'remote: error: GH013: Repository rule violations found for refs/heads/main.\n',
    },
    'error: GH013: Repository rule violations found for refs/heads/main. (push declined due to repository rule violations)',
  ],
  [
    'a file that the account may not change (GitHub)',
    {
      stdout: rejected(
        'refusing to allow a Personal Access Token to create or update workflow `.github/workflows/ci.yml` without `workflow` scope',
      ),
    },
    '(refusing to allow a Personal Access Token to create or update workflow `.github/workflows/ci.yml` without `workflow` scope)',
  ],
  ['a checked-out branch', { stdout: rejected('branch is currently checked out') }, undefined],
  [
    'an account that may not write (HTTP)',
    {
      stderr:
        "remote: Permission to o/limits.git denied to bot.\nfatal: unable to access 'https://example.org/o/limits.git/': The requested URL returned error: 403\n",
    },
    "Permission to o/limits.git denied to bot. (fatal: unable to access 'https://example.org/o/limits.git/': The requested URL returned error: 403)",
  ],
  [
    'an account that may not write (ssh)',
    { stderr: 'ERROR: Permission to o/limits.git denied to bot.\nfatal: Could not read from remote repository.\n' },
    '(ERROR: Permission to o/limits.git denied to bot.)',
  ],
  ['a lock that somebody holds', { stdout: rejected('cannot lock ref') }, undefined],
  ['a branch that moved', { stdout: '!\t0a:refs/heads/main\t[rejected] (fetch first)\n' }, undefined],
  ['a server that is away', { stderr: 'fatal: unable to access: Could not resolve host\n' }, undefined],
  ['a server that is broken', { stderr: 'fatal: The requested URL returned error: 502\n' }, undefined],
  [
    'words of a hook that look like an answer of git',
    {
      stderr: 'remote: !\tx\t[remote rejected] (hook declined)\nremote: ERROR: denied\nfatal: the remote end hung up\n',
    },
    undefined,
  ],
])('what the server says of a push: %s', (_name, { stdout = '', stderr = '' }, words) => {
  expect(serversNo({ stdout, stderr })).toBe(words);
});
