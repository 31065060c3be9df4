import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheDir } from '../config/env.ts';

/** What a set-up step may look at: whole tools (Maven, Go, git) need the whole environment. */
export interface Machine {
  env: Readonly<Record<string, string | undefined>>;
  /** Tools and libraries are kept here, for all data folders of this user. */
  cacheDir: string;
  /** Fires when the user no longer wants it: what runs is ended, and carries on the next time. */
  interrupted?: AbortSignal;
}

export function thisMachine(interrupted?: AbortSignal): Machine {
  return { env: process.env, cacheDir: cacheDir(), ...(interrupted === undefined ? {} : { interrupted }) };
}

/** Where a command is on the PATH, or undefined. */
export function onPath(machine: Machine, command: string): string | undefined {
  return (machine.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, command))
    .find(isProgram);
}

export function isProgram(path: string): boolean {
  if (!existsSync(path) || !statSync(path).isFile()) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
