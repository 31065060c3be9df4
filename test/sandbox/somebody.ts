import { spawnSync } from 'node:child_process';
import { basename, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { othersMayEnter } from './machine-state.ts';

/** Not root, and not of the sandbox's own range: somebody who happens to run Patchwright. */
export const SOMEBODY = 61_234;

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

// The clone piece by piece: its own folder may be one that only root may enter.
const STAGE = `set -e
mount -n -i -t tmpfs -o mode=0755 stage /mnt
mkdir /mnt/clone /mnt/node
mount -n -i --bind "$2" /mnt/node
for path in "$1"/* "$1"/.[!.]*; do
  [ -e "$path" ] || continue
  place=/mnt/clone/$(basename "$path")
  if [ -d "$path" ]; then mkdir "$place"; else : >"$place"; fi
  mount -n -i --bind "$path" "$place"
done
shift 2
exec "$@"`;

/** How they run a program of this clone: what comes before it, and where its files are for them. */
export interface Somebody {
  prefix: readonly string[];
  /** Of a file of the clone, or of Node. */
  at: (path: string) => string;
}

/**
 * Undefined where nobody but root can come to the clone, and root may not mount (a container's). For root below a
 * folder of root's (`mktemp -d`) the clone is mounted elsewhere, in a namespace of its own.
 */
export function somebody(): Somebody | undefined {
  if (process.getuid?.() !== 0) return { prefix: ['env'], at: (path) => path };
  const drop = ['setpriv', '--reuid', `${SOMEBODY}`, '--regid', `${SOMEBODY}`, '--clear-groups', '--inh-caps=-all'];
  if (othersMayEnter(process.execPath, fileURLToPath(import.meta.url))) return { prefix: drop, at: (path) => path };
  const stage = ['unshare', '--mount', 'sh', '-c', STAGE, 'stage', ROOT, dirname(process.execPath)];
  const [command = '', ...args] = [...stage, 'true'];
  if (spawnSync(command, args).status !== 0) return undefined;
  const at = (path: string) => {
    if (path === process.execPath) return join('/mnt/node', basename(path));
    return path.startsWith(ROOT + sep) ? join('/mnt/clone', path.slice(ROOT.length)) : path;
  };
  return { prefix: [...stage, ...drop], at };
}
