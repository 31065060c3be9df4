import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeJsonFile } from './json-file.ts';
import { selfIdentity } from './process-identity.ts';

/**
 * How a worker process tells its supervisor that it serves: it writes who it is into the file
 * that it was given (`PATCHWRIGHT_READY_FILE`).
 */
export function announceReady(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeJsonFile(file, selfIdentity());
}

export function forgetReady(file: string): void {
  rmSync(file, { force: true });
}
