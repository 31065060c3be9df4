import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findDetached, stopDetached } from '../../lib/detached.ts';
import { readJsonFile, writeJsonFile } from '../../lib/json-file.ts';
import { isAlive, type ProcessIdentity, selfIdentity } from '../../lib/process-identity.ts';

/** No environment's name begins with a dot: none of the configuration is ever meant. */
export const PREFIX = '.rehearsal-';

/** A folder without an owner is one that is just being made, or one that was removed in part. */
const JUST_MADE_MS = 60_000;
const GUARD = fileURLToPath(new URL('./guard.ts', import.meta.url));

export type Owned = { owner: ProcessIdentity; endMs: number };
const ownerFile = (dir: string) => join(dir, 'owner.json');

/** Whose it is, and until when; undefined where it is gone. */
export const ownedBy = (dir: string) => readJsonFile<Owned>(ownerFile(dir));

/** False for what must not be there any more: its worker died, or its time is over. */
export const isInUse = ({ owner, endMs }: Owned) => isAlive(owner) && Date.now() < endMs;

/**
 * Makes the folder of a throw-away cluster this process' own, and starts a guard that outlives it: nodes are detached,
 * and would run on for ever where a killed worker does not come back.
 */
export function watchClusterOf(dir: string, endMs: number): void {
  writeJsonFile(ownerFile(dir), { owner: selfIdentity(), endMs } satisfies Owned);
  spawn(process.execPath, [GUARD, dir], { detached: true, stdio: 'ignore', env: {} }).unref();
}

/** Kills every node of a throw-away cluster and removes its folder. Safe to repeat. */
export async function purge(dir: string): Promise<void> {
  // A start that was under way may bring up one more, after it was looked for.
  for (let left = findDetached(dir); existsSync(dir); left = findDetached(dir)) {
    await Promise.all(left.map((folder) => stopDetached(folder, { signal: 'SIGKILL', graceMs: 0 })));
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Removes what dead workers of this host left and no guard removed: the machine itself went down. */
export async function purgeLeftovers(dataDir: string): Promise<void> {
  const root = join(dataDir, 'env');
  const names = existsSync(root) ? readdirSync(root).filter((name) => name.startsWith(PREFIX)) : [];
  for (const dir of names.map((name) => join(root, name))) {
    const owned = ownedBy(dir);
    const made = statSync(dir, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (owned ? !isInUse(owned) : Date.now() - made > JUST_MADE_MS) await purge(dir);
  }
}
