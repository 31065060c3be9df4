import { chmodSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

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

/**
 * Lets the sandbox's uids read files of ours, and what is below folders of ours, whatever our umask was when they were
 * made. The way there is not opened to anybody: the launch has its own.
 */
export function letSandboxesRead(paths: readonly string[]): void {
  // Whoever is not root has no other uid inside.
  if (process.getuid?.() !== 0) return;
  for (const folder of new Set(paths.map(dirname))) allow(folder, 0o055);
  for (const path of paths) allowBelow(path);
}

function allowBelow(path: string): void {
  const isFolder = statSync(path).isDirectory();
  allow(path, isFolder ? 0o055 : 0o044);
  if (!isFolder) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    // Of a fork's own folder a link could lead to any file of this machine.
    if (!entry.isSymbolicLink()) allowBelow(join(path, entry.name));
  }
}

function allow(path: string, bits: number): void {
  const mode = statSync(path).mode & 0o7777;
  if ((mode & bits) !== bits) chmodSync(path, mode | bits);
}
