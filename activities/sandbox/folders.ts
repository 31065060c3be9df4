import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';

/** A folder that the sandbox's uid may pass through and not list, whatever our umask. */
export function enterableFolder(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o711);
}

/**
 * Replaced in one step and not synced: after a crash of the machine nothing of a sandbox lives anyway, and a
 * sync would cost more than the launch.
 */
export function writeRecord(path: string, value: unknown): void {
  writeFileSync(`${path}.tmp`, JSON.stringify(value));
  renameSync(`${path}.tmp`, path);
}
