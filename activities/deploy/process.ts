import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDetached, stateOf, stopDetached } from '../../lib/detached.ts';
import { readJsonFile, writeJsonFile } from '../../lib/json-file.ts';
import { withLock } from '../../lib/lock.ts';
import { signalProcess } from '../../lib/process-identity.ts';
import { redactionKey } from '../../lib/redact-key.ts';
import { sha256OfFile } from '../../store/artifacts.ts';
import type { Artifact, ReadBack } from '../../workflows/types.ts';
import type { Driver, DriverDeps, StartPermit, StopOptions, TargetFacts } from './driver.ts';
import { type Replacement, replaceFiles, sha256Remembered } from './files.ts';
import { logEnds } from './log-ends.ts';
import {
  isLaidOut,
  type Known,
  type LaidOut,
  lastLines,
  type NodeProgram,
  nodeFiles,
  outputSinceStart,
  type StartRecord,
  settledState,
  sizeOf,
} from './node.ts';
import { isFree, portHolder, requireFreePorts } from './ports.ts';
import { stageArtifacts, stagedFile } from './staged.ts';
import { changedSettings, keptSettings } from './start-settings.ts';

const STDOUT_KEPT_BYTES = 1_000_000;

/** The driver of processes on this machine: each target is a detached process in a folder of its own. */
export function createProcessDriver(programs: readonly NodeProgram[], { artifacts, dataDir }: DriverDeps): Driver {
  const programOf = (target: string): NodeProgram => {
    const program = programs.find(({ info }) => info.name === target);
    if (program) return program;
    throw new Error(`no target ${target}; there are ${programs.map(({ info }) => info.name).join(', ')}`);
  };
  const stage = ({ info, managed }: NodeProgram, wanted: Artifact[]) =>
    stageArtifacts(info, Object.keys(managed), wanted, artifacts.fetch);
  return {
    targets: async () => programs.map(({ info }) => info),
    facts: (target) => factsOf(programOf(target)),
    stage: (target, wanted) => stage(programOf(target), wanted),
    stop: (target, options) => stop(programOf(target), options),
    async install(target, wanted) {
      await stage(programOf(target), wanted);
      await install(programOf(target), wanted);
    },
    start: (target, permit) => start(programOf(target), permit, redactionKey(dataDir)),
    waitReady: (target, timeoutMs) => waitReady(programOf(target), timeoutMs),
    readBack: (target) => readBack(programOf(target)),
    changedSettings: async (target) => changedSince(programOf(target), redactionKey(dataDir)),
    async logs(target) {
      const { info, log } = programOf(target);
      return logEnds(info.dir, [relative(info.dir, log), relative(info.dir, nodeFiles.stdout(info.dir)), 'stderr.log']);
    },
    async freeBytes(target) {
      const { bavail, bsize } = await statfs(programOf(target).info.dir);
      return bavail * bsize;
    },
  };
}

async function factsOf(program: NodeProgram): Promise<TargetFacts> {
  const { name, dir } = program.info;
  const state = stateOf(dir);
  const permit = readJsonFile<StartRecord>(nodeFiles.start(dir))?.permit;
  const strangers = isLaidOut(dir) ? await findStrangers(program) : [];
  const running = state.kind === 'running';
  if (!running) strangers.push(...(await strangersOnPorts(program)));
  return {
    name,
    state: running ? ((await isReady(program)) ? 'running' : 'starting') : isLaidOut(dir) ? 'stopped' : 'unknown',
    ...(state.kind === 'unknown' ? {} : { startedAt: state.process.startedAt }),
    ...(running ? { pid: state.process.pid } : {}),
    ...(state.kind === 'ended' && state.exitCode !== undefined ? { exitCode: state.exitCode } : {}),
    ...(permit ? { permit } : {}),
    artifacts: await managedDigests(program, sha256Remembered),
    strangers,
  };
}

/** Since its last start; nothing is known of one from before this was kept, or with another key. */
function changedSince({ info, startSettings }: NodeProgram, key: Buffer) {
  const { at, startedWith } = readJsonFile<StartRecord>(nodeFiles.start(info.dir)) ?? {};
  if (at === undefined || startedWith === undefined) return [];
  return changedSettings(startedWith, startSettings(), { key, salt: at }) ?? [];
}

async function managedDigests({ managed }: NodeProgram, hash: (file: string) => Promise<string>) {
  const found: { name: string; sha256: string }[] = [];
  for (const [name, file] of Object.entries(managed)) {
    if (statSync(file, { throwIfNoEntry: false })) found.push({ name, sha256: await hash(file) });
  }
  return found;
}

/** What nobody installed: see `TargetFacts.strangers`. */
async function findStrangers({ info, managed, libs }: NodeProgram): Promise<string[]> {
  const strangers: string[] = [];
  const known = readJsonFile<Known>(nodeFiles.known(info.dir))?.digests ?? {};
  for (const file of Object.values(managed)) {
    if (!statSync(file, { throwIfNoEntry: false })) {
      strangers.push(`${info.name}: ${basename(file)} is missing`);
      continue;
    }
    const sha256 = await sha256Remembered(file);
    if (!known[sha256])
      strangers.push(`${info.name}: ${basename(file)} was changed by hand: sha256 ${sha256} was never installed here`);
  }
  if (!libs) return strangers;
  const expected = readJsonFile<LaidOut>(nodeFiles.laidOut(info.dir))?.libs ?? {};
  const ours = new Set(Object.values(managed).map((file) => basename(file)));
  // A part file of an install that was killed is ours, and goes with the next install.
  const found = readdirSync(libs).filter((name) => !name.endsWith('.part'));
  for (const name of found) {
    if (ours.has(name)) continue;
    const was = expected[name];
    const sha256 = await sha256Remembered(join(libs, name));
    if (was === undefined) strangers.push(`${info.name}: ${name} was added by hand (sha256 ${sha256})`);
    else if (was !== sha256) strangers.push(`${info.name}: ${name} was changed by hand: sha256 ${sha256}, was ${was}`);
  }
  for (const name of Object.keys(expected)) {
    if (!ours.has(name) && !found.includes(name)) strangers.push(`${info.name}: ${name} is missing`);
  }
  return strangers;
}

async function strangersOnPorts({ info }: NodeProgram): Promise<string[]> {
  const strangers: string[] = [];
  for (const [use, port] of Object.entries(info.ports)) {
    if (await isFree(info.host, port)) continue;
    strangers.push(
      `${info.name}: its ${use} port ${port} is taken by ${portHolder(port) ?? 'a process that cannot be seen from here'}`,
    );
  }
  return strangers;
}

async function install({ info, managed }: NodeProgram, wanted: Artifact[]): Promise<void> {
  const state = stateOf(info.dir);
  if (state.kind === 'running')
    throw new Error(`${info.name} runs (process ${state.process.pid}); it is stopped before its files are replaced`);
  const replacements: Replacement[] = [];
  for (const { name, sha256 } of wanted) {
    const target = managed[name];
    if (!target) throw new Error(`no file of ${info.name} is replaced by the artifact ${name}`);
    sweepParts(dirname(target));
    if (statSync(target, { throwIfNoEntry: false }) && (await sha256OfFile(target)) === sha256) continue;
    replacements.push({ source: stagedFile(info.dir, { name, sha256 }), target, sha256 });
  }
  await replaceFiles(replacements);
  for (const { target, sha256 } of replacements) {
    const found = await sha256OfFile(target);
    if (found !== sha256) throw new Error(`${target} reads back as ${found} after ${sha256} was installed`);
  }
}

/** What an install that was killed left behind. */
function sweepParts(folder: string): void {
  if (!statSync(folder, { throwIfNoEntry: false })) return;
  for (const name of readdirSync(folder)) {
    if (/^\..+\.\d+\.part$/.test(name)) rmSync(join(folder, name), { force: true });
  }
}

async function start(
  program: NodeProgram,
  permit: StartPermit,
  key: Buffer,
): Promise<{ pid: number; adopted: boolean }> {
  const { info, command, args, env, cwd } = program;
  if (!isLaidOut(info.dir))
    throw new Error(`${info.name} was never laid out (or not to the end); run: patchwright env up`);
  return withLock(join(info.dir, 'permit.lock'), { purpose: `start ${info.name}`, waitMs: 60_000 }, async () => {
    const state = await settledState(info.dir);
    if (state.kind === 'running') return { pid: state.process.pid, adopted: true };
    await requireFreePorts(info.name, info.host, info.ports);
    const stdout = nodeFiles.stdout(info.dir);
    if (sizeOf(stdout) > STDOUT_KEPT_BYTES) renameSync(stdout, `${stdout}.1`);
    const at = new Date().toISOString();
    const startedWith = keptSettings(program.startSettings(), { key, salt: at });
    const record: StartRecord = { permit, at, logOffset: sizeOf(stdout), startedWith };
    writeJsonFile(nodeFiles.start(info.dir), record);
    const { pid, adopted } = await startDetached({ dir: info.dir, command, args, env, cwd });
    return { pid, adopted };
  });
}

async function stop({ info, stopSignal }: NodeProgram, { graceMs, kill }: StopOptions) {
  const began = Date.now();
  const state = stateOf(info.dir);
  if (state.kind === 'running') {
    signalProcess(state.process, stopSignal);
    while (stateOf(info.dir).kind === 'running' && Date.now() - began < graceMs) await sleep(25);
  }
  const late = stateOf(info.dir).kind === 'running';
  // Ends what is left of its process group as well.
  if (!late || kill) await stopDetached(info.dir, { signal: 'SIGKILL', graceMs: 0 });
  const stopped = stateOf(info.dir).kind !== 'running';
  return { stopped, killed: late && kill, seconds: (Date.now() - began) / 1000 };
}

async function isReady({ info, ready }: NodeProgram): Promise<boolean> {
  if ('log' in ready) return ready.log.test(outputSinceStart(info.dir));
  try {
    const response = await fetch(ready.http, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    // Refused, reset, timed out: whatever it is, it is not ready yet; `waitReady` tells when it never is.
    return false;
  }
}

async function waitReady(program: NodeProgram, timeoutMs: number): Promise<{ ready: boolean; detail: string }> {
  const { name, dir } = program.info;
  const began = Date.now();
  for (;;) {
    const state = stateOf(dir);
    if (state.kind === 'unknown') return { ready: false, detail: `${name} was never started` };
    if (state.kind === 'ended') {
      return {
        ready: false,
        detail: `${name} ended with ${state.exitCode ?? 'no exit code'}; its log ends:\n${endOfLogs(program)}`,
      };
    }
    if (await isReady(program)) return { ready: true, detail: `${name} is ready (process ${state.process.pid})` };
    if (Date.now() - began > timeoutMs) {
      return { ready: false, detail: `${name} is not ready; its log ends:\n${endOfLogs(program)}` };
    }
    await sleep(50);
  }
}

/** Of what this start wrote: a log that only an earlier one wrote to tells of another artifact. */
function endOfLogs({ info, log }: NodeProgram): string {
  const at = Date.parse(readJsonFile<StartRecord>(nodeFiles.start(info.dir))?.at ?? '') || 0;
  const isOfThisStart = (file: string) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= at;
  return [...new Set([log, nodeFiles.stdout(info.dir), join(info.dir, 'stderr.log')])]
    .filter(isOfThisStart)
    .map((file) => lastLines(file, 16))
    .filter((lines) => lines !== '')
    .join('\n');
}

async function readBack(program: NodeProgram): Promise<ReadBack> {
  const { name, dir } = program.info;
  const artifacts = await managedDigests(program, sha256OfFile);
  const state = stateOf(dir);
  if (state.kind !== 'running') throw new Error(`${name} does not run: nothing can say which commit it is`);
  return { artifacts, commit: await program.commit() };
}
