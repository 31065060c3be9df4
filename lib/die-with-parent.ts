import { spawnSync } from 'node:child_process';

/**
 * The command, wrapped so that the kernel signals it when its parent dies, however it dies:
 * a killed supervisor then leaves no orphan that holds a port or a file. Where there is no
 * such thing (macOS, a `setpriv` without it) the command stays as it is, and the next
 * supervisor ends what is left by its recorded identity.
 */
export function dieWithParent(signal: 'INT' | 'TERM' | 'KILL', command: readonly string[]): string[] {
  const setpriv = findSetpriv();
  return setpriv === undefined ? [...command] : [setpriv, '--pdeathsig', signal, '--', ...command];
}

let known: { path: string | undefined } | undefined;

/** Its whole path: a child's own PATH, on which it would be looked for, may lack it. */
function findSetpriv(): string | undefined {
  known ??= { path: process.platform === 'linux' ? probeSetpriv() : undefined };
  return known.path;
}

function probeSetpriv(): string | undefined {
  const { stdout } = spawnSync('/bin/sh', ['-c', 'command -v setpriv'], { encoding: 'utf8' });
  const path = stdout.trim();
  if (!path.startsWith('/')) return undefined;
  return spawnSync(path, ['--pdeathsig', 'TERM', '--', '/bin/sh', '-c', ':'], { stdio: 'ignore' }).status === 0
    ? path
    : undefined;
}
