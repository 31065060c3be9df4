import { randomUUID } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExitError } from '../lib/exit-error.ts';
import { type DownloadOptions, downloadTemporal } from './download-temporal.ts';
import { isProgram, type Machine, onPath } from './machine.ts';
import type { Progress } from './progress.ts';
import { runToEnd } from './run.ts';
import { alone } from './setup-lock.ts';

export const TEMPORAL_VERSION = '1.8.2';
const STEP = 'Temporal server';
const GO_MODULE = fileURLToPath(new URL('./temporal/', import.meta.url));
const GO_PACKAGE = 'github.com/temporalio/cli/cmd/temporal';
// What the build compiles when nothing of it is cached; only to say how far it is.
const GO_PACKAGES = 1_150;

export interface TemporalBinary {
  path: string;
  version: string;
  from: 'path' | 'cache';
}

/** The pinned version on the PATH or in the cache, without fetching anything; else why not. */
export async function findTemporal(machine: Machine): Promise<TemporalBinary | { missing: string[] }> {
  const missing: string[] = [];
  const installed = onPath(machine, 'temporal');
  const version = installed === undefined ? undefined : await versionOf(installed);
  if (installed !== undefined && version === TEMPORAL_VERSION) {
    return { path: installed, version, from: 'path' };
  }
  missing.push(
    installed === undefined
      ? `temporal ${TEMPORAL_VERSION} on the PATH: there is no temporal`
      : `temporal ${TEMPORAL_VERSION} on the PATH: ${installed} is ${version ?? 'something else'}`,
  );
  const cached = cachedBinary(machine);
  if (isProgram(cached)) return { path: cached, version: TEMPORAL_VERSION, from: 'cache' };
  missing.push(`the cache: ${cached} does not exist`);
  return { missing };
}

/**
 * The Temporal server's binary, in this order: the PATH, the cache, Temporal's own download,
 * a build of the pinned module. (`TEMPORAL_ADDRESS` comes before all of them, and is the
 * caller's to look at.) Throws one error that names all five ways when none is possible.
 */
export async function ensureTemporal(
  machine: Machine,
  progress: Progress,
  download: DownloadOptions = {},
): Promise<TemporalBinary> {
  const found = await findTemporal(machine);
  if (!('missing' in found)) return found;
  return alone(machine, STEP, progress, async () => {
    const again = await findTemporal(machine);
    if (!('missing' in again)) return again;
    const tried = ['TEMPORAL_ADDRESS: not set', ...again.missing];
    for (const way of [() => byDownload(machine, progress, download), () => byBuild(machine, progress)]) {
      const problem = await way();
      machine.interrupted?.throwIfAborted();
      if (problem === undefined) return { path: cachedBinary(machine), version: TEMPORAL_VERSION, from: 'cache' };
      tried.push(problem);
    }
    throw new ExitError(
      3,
      `there is no Temporal server ${TEMPORAL_VERSION}, and none of five ways leads to one:\n${tried
        .map((line, index) => `  ${index + 1}. ${line}`)
        .join('\n')}\nAny one of them is enough.`,
    );
  });
}

async function byDownload(machine: Machine, progress: Progress, options: DownloadOptions) {
  const folder = temporaryFolder(machine);
  try {
    const binary = await downloadTemporal(folder, TEMPORAL_VERSION, (detail) => progress(STEP, detail), options);
    await keep(machine, binary);
    return undefined;
  } catch (error) {
    const problem = `Temporal's download: ${(error as Error).message}`;
    progress(STEP, problem);
    return problem;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function byBuild(machine: Machine, progress: Progress): Promise<string | undefined> {
  const go = onPath(machine, 'go');
  if (go === undefined) return 'go build of the pinned module: there is no go on the PATH (Go ≥ 1.21)';
  const folder = temporaryFolder(machine);
  try {
    for (const file of ['go.mod', 'go.sum']) copyFileSync(join(GO_MODULE, file), join(folder, file));
    progress(STEP, 'building it from its pinned source (about 4 minutes the first time)');
    await goBuild(go, folder, machine, progress);
    await keep(machine, join(folder, 'temporal'));
    return undefined;
  } catch (error) {
    return `go build of the pinned module: ${(error as Error).message}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What go has fetched and compiled stays in its own caches: an interrupted build carries on there. */
async function goBuild(go: string, folder: string, machine: Machine, progress: Progress): Promise<void> {
  let [fetched, compiled] = [0, 0];
  const version = `-X github.com/temporalio/cli/internal/temporalcli.Version=${TEMPORAL_VERSION}`;
  const flags = ['-v', '-trimpath', '-mod=readonly', '-ldflags', `-s -w ${version}`];
  await runToEnd(go, ['build', ...flags, '-o', join(folder, 'temporal'), GO_PACKAGE], {
    cwd: folder,
    env: { ...machine.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '', GOTOOLCHAIN: 'auto' },
    what: 'build the Temporal server',
    signal: machine.interrupted,
    onLine: (line) => {
      if (line.startsWith('go: downloading')) fetched += 1;
      else compiled += 1;
      if ((fetched + compiled) % 25 === 0) {
        progress(STEP, `building: ${fetched} modules fetched, ${compiled} of about ${GO_PACKAGES} packages compiled`);
      }
    },
  });
}

/** Into the cache in one step: a binary there is always whole, and has told its version. */
async function keep(machine: Machine, binary: string): Promise<void> {
  chmodSync(binary, 0o755);
  const version = await versionOf(binary);
  if (version !== TEMPORAL_VERSION) throw new Error(`what came is version ${version ?? 'unknown'}`);
  mkdirSync(dirname(cachedBinary(machine)), { recursive: true });
  renameSync(binary, cachedBinary(machine));
}

export function cachedBinary(machine: Machine): string {
  return join(machine.cacheDir, 'temporal', TEMPORAL_VERSION, 'temporal');
}

function temporaryFolder(machine: Machine): string {
  const folder = join(machine.cacheDir, 'temporal', `new-${randomUUID().slice(0, 8)}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function versionOf(binary: string): Promise<string | undefined> {
  if (!existsSync(binary)) return undefined;
  const { output } = await runToEnd(binary, ['--version'], {
    cwd: '/',
    env: {},
    what: 'ask for the version',
    mayFail: true,
  });
  return /temporal version (\S+)/.exec(output)?.[1];
}
