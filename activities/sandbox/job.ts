import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allowedEnvironment, COMPILE_CACHE } from '../../config/env.ts';
import { startDetached, stateOf } from '../../lib/detached.ts';
import { readJsonFile, writeJsonFile } from '../../lib/json-file.ts';
import type { FetchStep } from './fetch-step.ts';
import type { TakeLimits } from './files.ts';
import type { Sandbox, SandboxEnd, SandboxSpec } from './types.ts';

/**
 * One command that outlives the worker: `job-runner.ts`, detached, holds the sandbox and its watchdog, so that all of
 * it ends with the runner, and whoever comes next finds the runner by its state folder:
 *
 *   process.json, exit.json   of the runner (lib/detached.ts)
 *   job.json                  what it is to do
 *   stdout, stderr            what the command says, head and tail, as it comes
 *   taken/                    the files that it made, where it ended well
 *   result.json               how it ended; missing where the runner was killed
 */
export type SandboxJob =
  | ({
      kind: 'sandboxed';
      sandbox: Sandbox;
      /** Of `ensureBase`: the workspace lies over it. */
      base: string;
      take: { paths: readonly string[] } & TakeLimits;
    } & Pick<SandboxSpec, 'command' | 'env' | 'limits'>)
  /** The one step with a network, outside. */
  | ({ kind: 'fetch' } & Omit<FetchStep, 'outputDir'>);

export interface JobResult {
  /** `not-started` also where the job itself is wrong, or there is no room for it: `reason` says what to do. */
  end: SandboxEnd;
  /** Paths as they were asked for, below `taken/`. */
  taken: string[];
}

export type JobState = { kind: 'none' | 'running' | 'killed' } | { kind: 'ended'; result: JobResult };

const RUNNER = fileURLToPath(new URL('./job-runner.ts', import.meta.url));

/** Starts the job of this folder, or adopts the one that runs in it. Safe to repeat. */
export async function startJob(dir: string, job: SandboxJob): Promise<void> {
  if (stateOf(dir).kind === 'running') return;
  for (const name of ['result.json', 'taken']) rmSync(join(dir, name), { recursive: true, force: true });
  writeJsonFile(join(dir, 'job.json'), job, 0o600);
  const env = allowedEnvironment(COMPILE_CACHE);
  await startDetached({ dir, command: process.execPath, args: [RUNNER, dir], env, cwd: dir });
}

/** `killed`: its runner is gone without a result, and with it everything that ran inside. */
export function jobState(dir: string): JobState {
  const { kind } = stateOf(dir);
  if (kind === 'running') return { kind };
  if (kind === 'unknown' && !existsSync(dir)) return { kind: 'none' };
  const result = readJsonFile<JobResult>(join(dir, 'result.json'));
  if (result !== undefined) return { kind: 'ended', result };
  return { kind: kind === 'unknown' ? 'none' : 'killed' };
}

export const takenFile = (dir: string, path: string) => join(dir, 'taken', path);
