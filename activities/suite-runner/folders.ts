import { join } from 'node:path';

/** The folder of a suite run. Its id is made by us (`kafka-7/1/fast`), and checked all the same: it becomes a path. */
export function runFolder(dataDir: string, suiteRun: string): string {
  const parts = suiteRun.split('/');
  if (!parts.every((part) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/.test(part)))
    throw new Error(`"${suiteRun}" is not the id of a suite run`);
  return join(dataDir, 'runs', ...parts);
}

export const slotFolder = (dataDir: string, suiteRun: string, slot: number) =>
  join(runFolder(dataDir, suiteRun), `slot-${slot}`);
