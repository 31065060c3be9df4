import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { tryLock } from '../../lib/lock.ts';
import { logger } from '../../lib/log.ts';
import { discard, removeOldBases, removeTree } from './bases.ts';
import { endCommandOf } from './running.ts';
import type { Sandbox } from './types.ts';
import { endLeftovers, UID_RANGE } from './uids.ts';
import { listWorkspaces } from './workspaces.ts';

export interface Swept {
  processes: number;
  workspaces: string[];
  bases: string[];
}

const KEPT_BASES = 6;
// Other processes may be in the middle of making these.
const HALF_MADE_MS = 60 * 60_000;

/**
 * Finds and removes what crashes left in a data folder: processes, workspaces that nobody has and nobody kept,
 * half removed trees, and bases beyond the last used ones. Mounts need no sweeping: each is in a namespace
 * that ended with its last process. Safe to repeat, and beside live sandboxes of other processes.
 */
export async function sweepSandboxes(dataDir: string, { keepBases = KEPT_BASES } = {}): Promise<Swept> {
  const root = resolve(dataDir, 'sandbox');
  if (!existsSync(root)) return { processes: 0, workspaces: [], bases: [] };
  // Workers start together, and one broom is enough.
  const lock = tryLock(join(root, 'sweep.lock'), 'sweep');
  if (lock.kind === 'held') return { processes: 0, workspaces: [], bases: [] };
  try {
    return await sweep(root, keepBases);
  } finally {
    lock.release();
  }
}

async function sweep(root: string, keepBases: number): Promise<Swept> {
  const sandbox: Sandbox = { kind: 'none', root, reason: 'sweep' };
  const found = listWorkspaces(sandbox);
  const dead = found.filter(({ live }) => !live);
  let processes = dead.filter(({ dir }) => endCommandOf(dir)).length;
  if (process.getuid?.() === 0) processes += endLeftovers(UID_RANGE);
  for (const { dir } of dead) await discard(sandbox, dir);
  await emptyTrash(root);
  removeHalfMade(root);
  const inUse = new Set(found.flatMap(({ live, record }) => (live && record?.workspace.base) || []));
  const bases = await removeOldBases(sandbox, keepBases, inUse);
  const swept = { processes, workspaces: dead.map(({ id }) => id), bases };
  if (processes > 0 || dead.length > 0) logger('sandbox').info(swept, 'swept what a crash left');
  return swept;
}

async function emptyTrash(root: string): Promise<void> {
  const trash = join(root, 'trash');
  if (!existsSync(trash)) return;
  for (const name of readdirSync(trash)) await removeTree(join(trash, name));
}

function removeHalfMade(root: string): void {
  for (const name of readdirSync(root)) {
    const path = join(root, name);
    if (!name.endsWith('.part') || Date.now() - statSync(path).mtimeMs < HALF_MADE_MS) continue;
    rmSync(path, { recursive: true });
  }
}
