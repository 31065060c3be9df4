import { spawnSync } from 'node:child_process';

/**
 * The command, wrapped so that the kernel signals it when its parent dies, however it dies:
 * a killed supervisor then leaves no orphan that holds a port or a file. Where there is no
 * such thing (macOS, a `setpriv` without it) the command stays as it is, and the next
 * supervisor ends what is left by its recorded identity.
 */
export function dieWithParent(signal: 'INT' | 'TERM' | 'KILL', command: readonly string[]): string[] {
  return hasPdeathsig() ? ['setpriv', '--pdeathsig', signal, '--', ...command] : [...command];
}

let known: boolean | undefined;

function hasPdeathsig(): boolean {
  known ??=
    process.platform === 'linux' &&
    spawnSync('setpriv', ['--pdeathsig', 'TERM', '--', 'true'], { stdio: 'ignore' }).status === 0;
  return known;
}
