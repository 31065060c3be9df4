import { readFileSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import type { SandboxLimits, SandboxOn } from './types.ts';

/** What goes before bwrap, and where the folders that it shows are by then. */
export interface Launch {
  command: string;
  args: string[];
}

export interface LaunchOptions {
  /** The uid of the range that this sandbox has; undefined where it is our own. */
  uid: number | undefined;
  limits: SandboxLimits;
  /** The state folder of an overlay workspace: `lower`, `upper`, `work` and `merged` are in it. */
  overlay: string | undefined;
  /** Every path of this machine that bwrap is given. */
  paths: readonly string[];
  /** The rest of bwrap's command line, and the command. */
  bwrap: (at: (path: string) => string) => string[];
}

// Empty folders of every system; in a mount namespace of its own root may cover one of them.
const STAGES = ['/mnt', '/media', '/srv', '/opt'];

// $0 is a name; then the stage, how many folders, those, and the command.
const STAGE = `set -e
stage=$1; count=$2; shift 2; i=0
mount -n -i -t tmpfs -o size=1m,mode=0755,nosuid,nodev stage "$stage"
while [ "$i" -lt "$count" ]; do
  if [ -d "$1" ]; then mkdir "$stage/$i"; else : >"$stage/$i"; fi
  mount -n -i --rbind "$1" "$stage/$i"
  shift; i=$((i + 1))
done
exec "$@"`;

// Relative paths, so that no character of a data folder's name is an option.
const OVERLAY = `cd "$1" || exit 97
mount -n -i -t overlay overlay -o userxattr,lowerdir=lower,upperdir=upper,workdir=work merged || exit 97
shift; cd /; exec "$@"`;

/**
 * The command that starts a sandbox. Read from the end: bwrap, under the limits of its own uid; in front of it, in a
 * user namespace of that uid, the overlay; in front of that the change from root to the uid; and
 * first, where root must, a private mount namespace in which folders that only root can enter stand
 * under a path that everybody can. Each step becomes the next (exec), so that bwrap's parent is the caller.
 */
export function launchCommand(sandbox: SandboxOn, options: LaunchOptions): Launch {
  const { tools } = sandbox;
  const stage = options.uid === undefined ? noStage : stageFor(options.paths, options.uid, sandbox.staging);
  const limits = limitArguments(options.limits);
  const inner = [tools.prlimit, ...limits, '--', stage.at(tools.bwrap), ...options.bwrap(stage.at)];
  const overlaid = withOverlay(sandbox, inner, options.overlay && stage.at(options.overlay), options.uid === undefined);
  const dropped = options.uid === undefined ? overlaid : [tools.setpriv, ...dropArguments(options.uid), ...overlaid];
  const [command = '', ...args] = withStage(sandbox, dropped, stage);
  return { command, args };
}

function limitArguments({ processes, diskMb, openFiles }: SandboxLimits): string[] {
  const at = (name: string, wanted: number) => Math.min(wanted, hardLimit(name));
  const [files, most] = [at('Max open files', openFiles), at('Max processes', processes)];
  return [`--nproc=${most}`, '--core=0', `--fsize=${at('Max file size', diskMb * 2 ** 20)}`, `--nofile=${files}`];
}

let knownLimits: string | undefined;

/** Nobody but root may raise one, and by then it is no longer root. */
function hardLimit(name: string): number {
  knownLimits ??= readFileSync('/proc/self/limits', 'utf8');
  const hard = new RegExp(`^${name} +\\S+ +(\\d+)`, 'm').exec(knownLimits)?.[1];
  return hard === undefined ? Number.POSITIVE_INFINITY : Number(hard);
}

function dropArguments(uid: number): string[] {
  const caps = ['--ambient-caps=-all', '--inh-caps=-all'];
  return ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', '--no-new-privs', ...caps, '--'];
}

/**
 * With our own uid there is a namespace around the limits in any case: the limit on processes
 * counts in it alone, else it would count everything that we run on this machine.
 */
function withOverlay(sandbox: SandboxOn, inner: string[], overlay: string | undefined, own: boolean): string[] {
  const { unshare, setpriv, sh } = sandbox.tools;
  if (overlay === undefined) return own ? [unshare, '--user', '--map-current-user', '--', ...inner] : inner;
  const mapped = [unshare, '--user', '--map-current-user', '--keep-caps', '--mount', '--'];
  const without = [setpriv, '--no-new-privs', '--ambient-caps=-all', '--inh-caps=-all', '--'];
  return [...mapped, sh, '-c', OVERLAY, 'overlay', overlay, ...without, ...inner];
}

interface Stage {
  folder: string | undefined;
  sources: string[];
  at: (path: string) => string;
}

const noStage: Stage = { folder: undefined, sources: [], at: (path) => path };

function withStage({ tools }: SandboxOn, rest: string[], stage: Stage): string[] {
  if (stage.folder === undefined) return rest;
  const counted = [stage.folder, String(stage.sources.length), ...stage.sources];
  return [tools.unshare, '--mount', '--', tools.sh, '-c', STAGE, 'stage', ...counted, ...rest];
}

/**
 * Which folders have to be put where `uid` can reach them.
 *
 * @throws where one is behind a folder that only root can enter, and root may not mount here.
 */
function stageFor(paths: readonly string[], uid: number, mayMount: boolean): Stage {
  const sources = [...new Set(paths.flatMap((path) => doorOf(path, uid) ?? []))];
  if (sources.length === 0) return noStage;
  if (!mayMount) {
    throw new Error(
      `${sources[0]} is behind a folder that only root may enter, and root may not mount here: ` +
        `put it where everybody may enter (the data folder: --data), or allow it (docker run --cap-add SYS_ADMIN)`,
    );
  }
  const within = (path: string, folder: string) => path === folder || path.startsWith(folder + sep);
  const folder = STAGES.find((name) => isFolder(name) && !paths.some((path) => within(path, name)));
  if (folder === undefined) throw new Error(`the sandbox needs one of ${STAGES.join(', ')} as a mount point`);
  const at = (path: string) => {
    const index = sources.findIndex((source) => within(path, source));
    return index < 0 ? path : join(folder, String(index), path.slice(sources[index]?.length));
  };
  return { folder, sources, at };
}

/**
 * The first folder on the way to `path` behind the deepest one that `uid` cannot enter: from there on
 * it can. Undefined where nothing is in the way.
 */
function doorOf(path: string, uid: number): string | undefined {
  let below = path;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (!mayEnter(statSync(folder), uid)) return below;
    if (folder === '/') return undefined;
    below = folder;
  }
}

function mayEnter({ mode, uid: owner, gid: group }: Stats, uid: number): boolean {
  if (owner === uid) return (mode & 0o100) !== 0;
  if (group === uid) return (mode & 0o010) !== 0;
  return (mode & 0o001) !== 0;
}

function isFolder(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && realpathSync(path) === path;
}

/**
 * Why `uid` cannot read what is shown, or undefined: the way there can be opened for it, the thing
 * itself is as its owner made it.
 */
export function readProblem(source: string, uid: number | undefined): string | undefined {
  if (uid === undefined) return undefined;
  const { mode } = statSync(source);
  const needed = (mode & 0o170000) === 0o040000 ? 0o005 : 0o004;
  if ((mode & needed) === needed) return undefined;
  return `only its owner may read it (mode ${(mode & 0o777).toString(8)}): chmod -R o+rX ${source}`;
}
