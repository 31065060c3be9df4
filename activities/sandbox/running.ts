import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile } from '../../lib/json-file.ts';
import { isAlive, type ProcessIdentity, signalProcess, startTimeOf } from '../../lib/process-identity.ts';
import type { Workspace } from './types.ts';

const claimed = new Set<string>();
const fileOf = (dir: string) => join(dir, 'command.json');

/**
 * One command at a time in a workspace: two mounts of one overlay would corrupt it. The running one
 * is written down, so that whoever comes after a crash can find and end it.
 *
 * @throws where one runs.
 */
export function claimCommand(workspace: Workspace): { record(pid: number): void; release(): void } {
  const { id, dir } = workspace;
  if (claimed.has(dir) || runningIn(dir)) throw new Error(`a command already runs in the workspace ${id}`);
  claimed.add(dir);
  return {
    record(pid) {
      const startTime = startTimeOf(pid);
      if (startTime !== undefined) writeFileSync(fileOf(dir), JSON.stringify({ pid, startTime }));
    },
    release() {
      claimed.delete(dir);
      rmSync(fileOf(dir), { force: true });
    },
  };
}

/** The process that holds the sandbox of the command that runs in this workspace. */
export function runningIn(dir: string): ProcessIdentity | undefined {
  const record = readJsonFile<ProcessIdentity>(fileOf(dir));
  return record && isAlive(record) ? record : undefined;
}

/** Ends what a dead process left running in this workspace. */
export function endCommandOf(dir: string): boolean {
  const record = runningIn(dir);
  return record !== undefined && signalProcess(record, 'SIGKILL');
}
