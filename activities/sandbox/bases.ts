import { existsSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../../lib/lock.ts';
import { run } from '../../lib/run.ts';
import { enterableFolder } from './folders.ts';
import type { Sandbox } from './types.ts';

/**
 * Checkouts that never change, over which workspaces are made:
 *
 *   bases/KEY/UID/   the tree, owned by the uid whose sandboxes lie over it (`own` where it is ours)
 *
 * A uid cannot write over the files of another one (chmod, set times), whatever the modes, and no
 * mount option of the kernels in use changes owners without more than root in a container has. So
 * each uid has a copy of its own, made when it first needs one and used by every later workspace.
 */
const basesOf = (sandbox: Sandbox) => join(sandbox.root, 'bases');
const WAIT_MS = 30 * 60_000;
const COPY_MS = 10 * 60_000;

/**
 * Makes the base `key` once: `make` fills the folder it is given, with our own programs only.
 * Safe to repeat and to call at once from several processes; what a crash left half made is replaced.
 * `key` is a file name; name in it everything that the content depends on.
 */
export async function ensureBase(sandbox: Sandbox, key: string, make: (dir: string) => Promise<void>): Promise<void> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/.test(key)) throw new Error(`"${key}" cannot name a base`);
  const folder = join(basesOf(sandbox), key);
  if (isReady(folder)) return touch(folder);
  enterableFolder(folder);
  await withLock(join(folder, 'lock'), { purpose: `make the base ${key}`, waitMs: WAIT_MS }, async () => {
    if (isReady(folder)) return;
    const making = join(folder, 'making');
    await removeTree(making);
    mkdirSync(making, { mode: 0o755 });
    await make(making);
    renameSync(making, join(folder, sandbox.kind === 'on' && sandbox.who.kind === 'range' ? 'first' : 'own'));
  });
}

export function hasBase(sandbox: Sandbox, key: string): boolean {
  return isReady(join(basesOf(sandbox), key));
}

/** The uids that have a copy of this base already: a workspace of theirs costs nothing. */
export function uidsWithBase(sandbox: Sandbox, key: string): number[] {
  return copiesIn(join(basesOf(sandbox), key)).flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

/**
 * The tree of a base for one uid, relative to the bases; copied where this uid has none yet. The caller holds
 * the uid's lease, so nobody else makes the same copy.
 *
 * @throws where there is no such base.
 */
export async function baseFor(sandbox: Sandbox, key: string, uid: number | undefined): Promise<string> {
  const folder = join(basesOf(sandbox), key);
  touch(folder);
  const name = uid === undefined ? 'own' : String(uid);
  const target = join(folder, name);
  if (existsSync(target)) return join(key, name);
  await withLock(join(folder, 'lock'), { purpose: `copy the base ${key}`, waitMs: WAIT_MS }, async () => {
    if (existsSync(target)) return;
    const from = copiesIn(folder)[0];
    if (from === undefined) throw new Error(`there is no base ${key}`);
    // The first uid takes the tree as it was made; the next ones copy it, and so do we, where the fork had a sandbox before.
    const taken = from === 'first' && uid !== undefined;
    const source = taken ? join(folder, 'first') : join(folder, `copying-${name}`);
    if (!taken) {
      await removeTree(source);
      await must('cp', ['-a', '--reflink=auto', join(folder, from), source]);
    }
    if (process.getuid?.() === 0) await must('chown', ['-R', '-h', `${uid ?? 0}:${uid ?? 0}`, source]);
    renameSync(source, target);
  });
  return join(key, name);
}

/** Removes all bases but the `keep` last used ones; those of live workspaces (`inUse`, by key) stay too. */
export async function removeOldBases(sandbox: Sandbox, keep: number, inUse: ReadonlySet<string>): Promise<string[]> {
  const root = basesOf(sandbox);
  if (!existsSync(root)) return [];
  const byAge = readdirSync(root)
    .map((key) => ({ key, used: statSync(join(root, key)).mtimeMs }))
    .sort((a, b) => b.used - a.used);
  const old = byAge.slice(keep).filter(({ key }) => !inUse.has(key));
  for (const { key } of old) await discard(sandbox, join(root, key));
  return old.map(({ key }) => key);
}

/** Out of sight in one step, then removed: a crash in between leaves only rubbish. */
export async function discard(sandbox: Sandbox, path: string): Promise<void> {
  const trash = join(sandbox.root, 'trash');
  mkdirSync(trash, { recursive: true, mode: 0o700 });
  const target = join(trash, `${Date.now()}-${Math.random().toString(36).slice(2)}`);
  try {
    renameSync(path, target);
  } catch (error) {
    // Somebody else who cleans up came first.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await removeTree(target);
}

/** As `rm -rf`, which copes with folders deeper than a path can be long, and never follows a link. */
export async function removeTree(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const options = { cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, timeoutMs: COPY_MS };
  const { exitCode } = await run('rm', ['-rf', '--one-file-system', '--', path], options);
  // Where two clean up at once, one of them may stumble over what the other has just removed.
  if (exitCode === 0 || !existsSync(path)) return;
  // Without root, folders that were made unwritable stay: they are ours, so we may open them.
  await run('chmod', ['-R', 'u+rwx', '--', path], options);
  await must('rm', ['-rf', '--one-file-system', '--', path]);
}

async function must(command: string, args: string[]): Promise<void> {
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
  const { exitCode, stderr } = await run(command, args, { cwd: '/', env, timeoutMs: COPY_MS });
  if (exitCode !== 0) throw new Error(`${command} ${args.at(-1)}: ${stderr.trim().slice(-500)}`);
}

function copiesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => /^(\d+|first|own)$/.test(name));
}

const isReady = (folder: string) => copiesIn(folder).length > 0;

function touch(folder: string): void {
  if (existsSync(folder)) utimesSync(folder, new Date(), new Date());
}
