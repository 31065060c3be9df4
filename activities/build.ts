import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildSettings, ForkSettings } from '../config/schema.ts';
import { judgeBuildFailure } from '../decisions/build-failure.ts';
import { withLock } from '../lib/lock.ts';
import { logger } from '../lib/log.ts';
import { recordBuild, useBuild } from '../store/builds.ts';
import type { Artifact, Build, BuildOutcome, Digest, Source } from '../workflows/types.ts';
import { type BuildDeps, ensureCheckout } from './build/deps.ts';
import { fetchDependencies, unreachable } from './build/fetch.ts';
import { runJob } from './build/run-job.ts';
import { permanent } from './failures.ts';
import { type JobResult, jobState, type SandboxJob, takenFile } from './sandbox/job.ts';
import { lastWords, logWords, storeLog } from './sandbox/log.ts';
import { sandboxInReport } from './sandbox/open.ts';
import { sweepSandboxes } from './sandbox/sweep.ts';
import type { Sandbox } from './sandbox/types.ts';

export type { BuildDeps } from './build/deps.ts';
export type BuildOrder = Source & { settings: Digest; release?: string };

const LOG_TAIL_BYTES = 256 << 10;
const TAKE = { maxBytes: 4 * 2 ** 30, maxFiles: 1_000 };

export function createBuildActivities(deps: BuildDeps) {
  return {
    /**
     * Builds one commit in a clean checkout, or finds that it was built before.
     *
     * Safe to repeat and to run twice at once: the work is named by the build key (commit, version,
     * command, artifacts, toolchain), one at a time holds its folder, and a build that outlived its worker
     * is adopted, not started again.
     */
    async buildSource(order: BuildOrder): Promise<BuildOutcome> {
      const fork = (await deps.settings(order.settings)).forks[order.fork];
      if (fork === undefined) throw permanent('UnknownFork', `no fork "${order.fork}" is configured`);
      // First of all: without a sandbox nothing of the fork runs, and nothing is begun.
      const sandbox = deps.sandboxOf(fork);
      const toolchain = await readToolchain(deps, fork.build);
      const buildKey = keyOf(order, fork.build, toolchain, sandbox);
      const folder = join(deps.dataDir, 'builds', buildKey);
      mkdirSync(folder, { recursive: true });
      const lock = {
        purpose: `build ${order.fork} ${order.commit.slice(0, 12)}`,
        waitMs: fork.build.timeoutMinutes * 60_000,
      };
      return withLock(join(folder, 'lock'), lock, async () => {
        const known = await useBuild(deps.db, buildKey);
        if (known && (await allKept(deps, known.artifacts))) {
          return { kind: 'built', build: known, reused: true };
        }
        const ended = await buildOnce(deps, { order, fork, sandbox, toolchain, buildKey, folder });
        // A build that is recorded, or has failed for good, is not there to be adopted.
        await rm(join(folder, 'build'), { recursive: true, force: true });
        // Each build adds a checkout; a worker that runs for months would keep them all.
        await sweepSandboxes(deps.dataDir);
        return ended;
      });
    },
  };
}

export type BuildActivities = ReturnType<typeof createBuildActivities>;

async function allKept({ artifacts }: BuildDeps, made: readonly Artifact[]): Promise<boolean> {
  const there = await Promise.all(made.map(({ sha256 }) => artifacts.has(sha256)));
  return there.every(Boolean);
}

/** SHA-256 over the sorted list of artifact names and their SHA-256 (design, *Candidate digest*). */
export function digestOver(artifacts: readonly Artifact[]): Digest {
  const lines = artifacts.map(({ name, sha256 }) => `${name} ${sha256}\n`).sort();
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/**
 * What makes two builds the same build. The commit and the version are inside the artifacts, so they belong to it.
 * Whether it is sandboxed belongs to it too: without, a build sees this machine and its network, and what it made
 * there must not stand for what the sandbox makes. Its limits do not: they end a build, they change no byte of it.
 */
function keyOf(source: Source, settings: BuildSettings, toolchain: Record<string, string>, sandbox: Sandbox): Digest {
  const { fork, commit, version } = source;
  const { command, artifacts, environment } = settings;
  const key = { fork, commit, version, command, artifacts, environment, toolchain, sandbox: sandbox.kind };
  return createHash('sha256').update(JSON.stringify(key)).digest('hex');
}

async function readToolchain(deps: BuildDeps, settings: BuildSettings): Promise<Record<string, string>> {
  const env = deps.allowedEnvironment(settings.environment);
  const entries = settings.toolchain.map(async ([command = '', ...args]) => {
    const name = [command, ...args].join(' ');
    const { exitCode, stdout, stderr } = await deps
      .run(command, args, { cwd: deps.dataDir, env })
      .catch((error: Error) => {
        throw permanent('MissingTool', `${error.message}; the fork's build needs it (\`patchwright doctor\`)`);
      });
    if (exitCode !== 0)
      throw permanent('MissingTool', `${name} ended with exit ${exitCode}: ${stderr.trim().slice(0, 300)}`);
    return [name, (stdout + stderr).trim()] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

type Work = {
  order: BuildOrder;
  fork: ForkSettings;
  sandbox: Sandbox;
  toolchain: Record<string, string>;
  buildKey: Digest;
  folder: string;
};

async function buildOnce(deps: BuildDeps, work: Work): Promise<BuildOutcome> {
  const { order, fork, sandbox, toolchain, buildKey, folder } = work;
  const started = Date.now();
  const dir = join(folder, 'build');
  const ended = await runBuild(deps, work, dir);
  const log = await storeLog(deps.artifacts, dir);
  if (ended.kind === 'broken') return { kind: 'broken', reasons: [...ended.reasons, logWords(log)], log };
  const artifacts = await collect(deps, fork.build, dir, ended.taken);
  const { commit, version } = order;
  const build: Build = { fork: order.fork, commit, version, digest: digestOver(artifacts), artifacts, buildKey };
  const seconds = (Date.now() - started) / 1000;
  const { command } = fork.build;
  await recordBuild(deps.db, { ...build, command, toolchain, seconds, log, sandbox: sandboxInReport(sandbox) });
  logger('build', { release: order.release, key: buildKey.slice(0, 12) }).info(
    { seconds, digest: build.digest },
    'built',
  );
  return { kind: 'built', build, reused: false };
}

type Ended = { kind: 'done'; taken: string[] } | { kind: 'broken'; reasons: string[] };

async function runBuild(deps: BuildDeps, work: Work, dir: string): Promise<Ended> {
  const { order, fork, folder } = work;
  const what = `the build of ${order.commit.slice(0, 12)}`;
  const command = fork.build.fetch?.map((argument) => filled(argument, order));
  const fetch = command && { source: order, command, settings: fork.build, folder };
  // What still runs, or ended while nobody was there to see it, is taken over as it is.
  const begun = ['running', 'ended'].includes(jobState(dir).kind);
  if (fetch && !begun) await fetchDependencies(deps, fetch);

  for (let attempt = 1; ; attempt += 1) {
    const result = await runJob(dir, what, () => jobOf(deps, work));
    const failure = judgeEnd(result, dir);
    if (failure === undefined) return { kind: 'done', taken: result.taken };
    const { kind, reasons } = failure;
    if (kind === 'broken') return { kind, reasons };
    // A build that was killed, or could not begin, says nothing about the fork: the next attempt begins anew.
    await rm(dir, { recursive: true, force: true });
    if (kind === 'again') throw new Error(`${what}: ${reasons[0]}`);
    // The stamp may be older than an emptied cache: fetch once more before giving up.
    if (!fetch || attempt > 1) throw unreachable(order.fork, reasons);
    await fetchDependencies(deps, fetch, { again: true });
  }
}

const filled = (argument: string, { version, commit }: BuildOrder) =>
  argument.replaceAll('{version}', version).replaceAll('{commit}', commit);

async function jobOf(deps: BuildDeps, { order, fork, sandbox }: Work): Promise<SandboxJob> {
  const { command, environment, artifacts, timeoutMinutes } = fork.build;
  const stamp = { PATCHWRIGHT_VERSION: order.version, PATCHWRIGHT_COMMIT: order.commit };
  return {
    kind: 'sandboxed',
    sandbox,
    base: await ensureCheckout(deps, sandbox, order),
    command: command.map((argument) => filled(argument, order)),
    env: { ...deps.allowedEnvironment(environment), ...stamp },
    limits: { seconds: timeoutMinutes * 60 },
    take: { paths: artifacts.map(({ path }) => path), ...TAKE },
  };
}

type Failure = { kind: 'broken' | 'dependencies' | 'again'; reasons: string[] };

function judgeEnd({ end }: JobResult, dir: string): Failure | undefined {
  switch (end.kind) {
    case 'not-started':
      return { kind: 'again', reasons: [end.reason] };
    case 'ended-by':
      return { kind: 'broken', reasons: [`the build was ended by its ${end.limit} limit: ${end.detail}`, RAISE] };
    case 'exited':
      if (end.exitCode === 0) return undefined;
      // 128 and the signal: whoever sent it, the compiler did not.
      if (end.exitCode === 137 || end.exitCode === 143)
        return { kind: 'again', reasons: [`it was killed (exit ${end.exitCode})`] };
      return judgeBuildFailure(lastWords(dir, LOG_TAIL_BYTES), end.exitCode);
  }
}

const RAISE = 'if it needs more: `sandbox` and `build.timeoutMinutes` of the fork';

async function collect(
  deps: BuildDeps,
  settings: BuildSettings,
  dir: string,
  taken: readonly string[],
): Promise<Artifact[]> {
  const artifacts = await Promise.all(
    settings.artifacts.map(async ({ name, path }) => {
      const file = takenFile(dir, path);
      if (!taken.includes(path) || !existsSync(file)) {
        throw permanent(
          'BadConfiguration',
          `the build ended well, but made no ${path} (artifact ${name}); check build.artifacts`,
        );
      }
      return { name, ...(await deps.artifacts.put({ file })) };
    }),
  );
  return artifacts.sort((a, b) => (a.name < b.name ? -1 : 1));
}
