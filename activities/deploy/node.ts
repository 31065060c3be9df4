import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DetachedState, stateOf } from '../../lib/detached.ts';
import { readJsonFile } from '../../lib/json-file.ts';
import { isAlive } from '../../lib/process-identity.ts';
import type { Digest } from '../../workflows/types.ts';
import type { StartPermit, TargetInfo } from './driver.ts';
import type { KeptSettings, StartSetting } from './start-settings.ts';

/** How to run one target, whatever its system; built from settings and layout by kafka-node.ts and plain-node.ts. */
export type NodeProgram = {
  info: TargetInfo;
  /** The files that artifacts replace: artifact name → absolute path. */
  managed: Record<string, string>;
  /** A folder whose every file is checked against the layout, where there is one. */
  libs?: string;
  command: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
  /** What the settings say of how it is started, read now; without what a machine adds (its PATH). */
  startSettings(): StartSetting[];
  stopSignal: NodeJS.Signals;
  ready: { log: RegExp } | { http: string };
  /** The log that explains a failed start. */
  log: string;
  /** The commit that the running process reports; '' where the settings name no way. */
  commit(): Promise<string>;
};

/** `laid-out.json`: written last, so that a half laid out node is laid out anew. Digests of all files in libs/. */
export type LaidOut = { libs: Record<string, Digest>; at: string };

/** `known.json`: every artifact digest that was ever staged here by us, with the artifact's name. */
export type Known = { digests: Record<Digest, string> };

/** `start.json`: this start's permit, what it was started with, and where its part of stdout.log begins. */
export type StartRecord = {
  permit: StartPermit;
  at: string;
  logOffset: number;
  /** What it was started with. Missing in starts from before this was kept. */
  startedWith?: KeptSettings;
};

export const nodeFiles = {
  laidOut: (dir: string) => join(dir, 'laid-out.json'),
  known: (dir: string) => join(dir, 'known.json'),
  start: (dir: string) => join(dir, 'start.json'),
  stdout: (dir: string) => join(dir, 'stdout.log'),
  staged: (dir: string) => join(dir, 'staged'),
};

/** Whether the target was laid out whole. */
export function isLaidOut(dir: string): boolean {
  return readJsonFile<LaidOut>(nodeFiles.laidOut(dir)) !== undefined;
}

/**
 * As `stateOf`, for whoever adopts what runs: a process that was killed this moment counts as running until
 * its launcher wrote down how it ended, and must not be adopted.
 */
export async function settledState(dir: string): Promise<DetachedState> {
  for (;;) {
    const state = stateOf(dir);
    if (state.kind !== 'running' || isAlive(state.process)) return state;
    await sleep(10);
  }
}

/** What the process wrote to its standard output since its last start. */
export function outputSinceStart(dir: string): string {
  const offset = readJsonFile<StartRecord>(nodeFiles.start(dir))?.logOffset ?? 0;
  return textFrom(nodeFiles.stdout(dir), offset);
}

/** The last lines of a log, for an error's text; '' where there is none. */
export function lastLines(file: string, count: number): string {
  const size = sizeOf(file);
  return textFrom(file, Math.max(0, size - 8_192))
    .trimEnd()
    .split('\n')
    .slice(-count)
    .join('\n');
}

export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function textFrom(file: string, offset: number): string {
  return sizeOf(file) === 0 ? '' : readFileSync(file).subarray(offset).toString('utf8');
}
