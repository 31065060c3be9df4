import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ExitError } from '../lib/exit-error.ts';
import { readJsonFile, writeJsonFile } from '../lib/json-file.ts';
import { describeHolder, holderOf, type LockHolder, tryLock } from '../lib/lock.ts';
import { isAlive, type ProcessIdentity } from '../lib/process-identity.ts';

/** `<data>/up.json`: what CLI commands and others need to know about the `up` that runs here. */
export interface UpState extends ProcessIdentity {
  since: string;
  /** True once every role serves. */
  ready: boolean;
  temporalAddress: string;
  temporalNamespace: string;
  /** True for a server of the user's own that wants it; its API key is never written down. */
  temporalTls: boolean;
  databaseUrl: string;
  roles: { role: string; pid: number | undefined }[];
  services: { name: string; pid: number | undefined }[];
}

/** The `up` that runs on this data folder, or undefined (a file that a killed one left does not count). */
export function readUp(dataDir: string): UpState | undefined {
  const state = readJsonFile<UpState>(upFile(dataDir));
  return state && isAlive(state) ? state : undefined;
}

/** Readable by its owner alone: a database URL of the user's own may hold a password. */
export function writeUp(dataDir: string, state: UpState): void {
  writeJsonFile(upFile(dataDir), state, 0o600);
}

export function forgetUp(dataDir: string): void {
  rmSync(upFile(dataDir), { force: true });
}

/** Takes the data folder for this process, or refuses and says who has it. Returns how to let go. */
export function takeDataFolder(dataDir: string, purpose: string): () => void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  chmodSync(dataDir, 0o700);
  const lock = tryLock(lockFolder(dataDir), purpose);
  if (lock.kind === 'acquired') return lock.release;
  throw new ExitError(
    4,
    `${dataDir} is in use by ${describeHolder(lock.by)}. Stop it with Ctrl-C there, or with: patchwright down --data ${dataDir}`,
  );
}

export function whoHasDataFolder(dataDir: string): LockHolder | undefined {
  return holderOf(lockFolder(dataDir));
}

function lockFolder(dataDir: string): string {
  return join(dataDir, 'up.lock');
}

function upFile(dataDir: string): string {
  return join(dataDir, 'up.json');
}
