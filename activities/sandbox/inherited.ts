import { openSync, readdirSync, readFileSync } from 'node:fs';

const CLOSE_ON_EXEC = 0o2000000;

let known: { descriptors: readonly number[]; nothing: number } | undefined;

/**
 * Pipes up to `last`, and /dev/null over every other descriptor that this process was started with and that its
 * children would inherit: a pipe of a shell, a socket of a supervisor. Node marks only the first few of
 * them, and 'ignore' leaves those above 2 open.
 */
export function closedStdio(last: number): ('pipe' | 'ignore' | number)[] {
  known ??= { descriptors: inheritedDescriptors(), nothing: openSync('/dev/null', 'r+') };
  const { descriptors, nothing } = known;
  return Array.from({ length: Math.max(last, ...descriptors) + 1 }, (_, descriptor) => {
    if (descriptor <= last) return 'pipe';
    return descriptors.includes(descriptor) ? nothing : 'ignore';
  });
}

function inheritedDescriptors(): number[] {
  return readdirSync('/proc/self/fdinfo').map(Number).filter(isInherited);
}

function isInherited(descriptor: number): boolean {
  try {
    const flags = /^flags:\t(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch (error) {
    // The one that read the folder is closed by now.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
