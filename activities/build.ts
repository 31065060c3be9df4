import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CancelledFailure, Context } from '@temporalio/activity';
import type { BuildSettings, Settings } from '../config/schema.ts';
import { judgeBuildFailure } from '../decisions/build-failure.ts';
import { checkoutFiles } from '../git/clone.ts';
import { startDetached, stateOf, stopDetached } from '../lib/detached.ts';
import { withLock } from '../lib/lock.ts';
import { logger } from '../lib/log.ts';
import type { RunCommand } from '../lib/run.ts';
import type { ArtifactStore } from '../store/artifacts.ts';
import type { Db } from '../store/database.ts';
import { findBuild, recordBuild } from '../store/releases.ts';
import type { Artifact, Build, BuildOutcome, Digest, Source } from '../workflows/types.ts';
import { permanent } from './failures.ts';
import { pollWithHeartbeat } from './heartbeat.ts';
import type { SandboxOf } from './sandbox/for-fork.ts';

export type BuildDeps = {
  run: RunCommand;
  db: Db;
  artifacts: ArtifactStore;
  dataDir: string;
  cacheDir: string;
  settings: (digest: Digest) => Promise<Settings>;
  /** The allowed variables by name, from the worker's own environment. */
  allowedEnvironment: (names: readonly string[]) => Record<string, string>;
  gitEnvironment: Record<string, string>;
  sandboxOf: SandboxOf;
};

export type BuildOrder = Source & { settings: Digest; release?: string };

const LOG_TAIL_BYTES = 256 << 10;

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
      const settings = (await deps.settings(order.settings)).forks[order.fork]?.build;
      if (settings === undefined) throw permanent('UnknownFork', `no fork "${order.fork}" is configured`);
      const toolchain = await readToolchain(deps, settings);
      const buildKey = keyOf(order, settings, toolchain);
      const log = logger('build', { release: order.release, key: buildKey.slice(0, 12) });

      const folder = join(deps.dataDir, 'builds', buildKey);
      mkdirSync(folder, { recursive: true });
      return withLock(
        join(folder, 'lock'),
        { purpose: `build ${order.fork} ${order.commit.slice(0, 12)}`, waitMs: settings.timeoutMinutes * 60_000 },
        async () => {
          const known = await findBuild(deps.db, buildKey);
          if (known?.artifacts.every((artifact) => deps.artifacts.has(artifact.sha256))) {
            return { kind: 'built', build: known, reused: true };
          }
          const started = Date.now();
          const ended = await buildInCheckout(deps, settings, order, folder);
          if (ended.kind === 'broken') return ended;
          const artifacts = await collect(deps, settings, join(folder, 'checkout'));
          const { sha256: logDigest } = await deps.artifacts.put({ file: join(folder, 'build', 'stdout.log') });
          const build: Build = {
            fork: order.fork,
            commit: order.commit,
            version: order.version,
            digest: digestOver(artifacts),
            artifacts,
            buildKey,
          };
          const seconds = (Date.now() - started) / 1000;
          await recordBuild(deps.db, { ...build, command: settings.command, toolchain, seconds, log: logDigest });
          await rm(join(folder, 'checkout'), { recursive: true, force: true });
          log.info({ seconds, digest: build.digest }, 'built');
          return { kind: 'built', build, reused: false };
        },
      );
    },
  };
}

export type BuildActivities = ReturnType<typeof createBuildActivities>;

/** SHA-256 over the sorted list of artifact names and their SHA-256 (design, *Candidate digest*). */
export function digestOver(artifacts: readonly Artifact[]): Digest {
  const lines = artifacts.map(({ name, sha256 }) => `${name} ${sha256}\n`).sort();
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/** What makes two builds the same build. The commit and the version are inside the artifacts, so they belong to it. */
function keyOf(source: Source, settings: BuildSettings, toolchain: Record<string, string>): Digest {
  const { command, artifacts, environment } = settings;
  const key = {
    fork: source.fork,
    commit: source.commit,
    version: source.version,
    command,
    artifacts,
    environment,
    toolchain,
  };
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

type Ended = { kind: 'done' } | { kind: 'broken'; reasons: string[] };

async function buildInCheckout(
  deps: BuildDeps,
  settings: BuildSettings,
  order: BuildOrder,
  folder: string,
): Promise<Ended> {
  const fill = (argument: string) =>
    argument.replaceAll('{version}', order.version).replaceAll('{commit}', order.commit);
  const env = {
    ...deps.allowedEnvironment(settings.environment),
    PATCHWRIGHT_VERSION: order.version,
    PATCHWRIGHT_COMMIT: order.commit,
  };
  const checkout = join(folder, 'checkout');
  // What still runs, or ended well while nobody was there to see it, is taken over as it is.
  const found = stateOf(join(folder, 'build'));
  const adopted = found.kind === 'running' || (found.kind === 'ended' && found.exitCode === 0);
  if (!adopted) await cleanCheckout(deps, order, checkout);
  const step = (name: string, argv: readonly string[]) =>
    runStep({
      dir: join(folder, name),
      argv: argv.map(fill),
      env,
      cwd: checkout,
      timeoutMs: settings.timeoutMinutes * 60_000,
    });

  const stamp = await fetchStamp(deps, settings, checkout);
  const fetch = async () => {
    if (stateOf(join(folder, 'fetch')).kind === 'ended') await rm(join(folder, 'fetch'), { recursive: true });
    const { exitCode, logTail } = await step('fetch', settings.fetch ?? []);
    if (exitCode !== 0) throw unreachable(order.fork, judgeBuildFailure(logTail, exitCode).reasons);
    mkdirSync(join(deps.cacheDir, 'fetched'), { recursive: true });
    await writeFile(stamp, `${new Date().toISOString()}\n`);
  };
  if (settings.fetch && !adopted && !existsSync(stamp)) await fetch();

  for (let attempt = 1; ; attempt += 1) {
    const { exitCode, logTail } = await step('build', settings.command);
    if (exitCode === 0) return { kind: 'done' };
    if (exitCode === undefined || exitCode === 137 || exitCode === 143) {
      await rm(join(folder, 'build'), { recursive: true, force: true });
      throw new Error(
        `the build of ${order.commit.slice(0, 12)} was killed (exit ${exitCode ?? 'unknown'}); it is started again`,
      );
    }
    const failure = judgeBuildFailure(logTail, exitCode);
    if (failure.kind === 'broken') return failure;
    // The stamp may be older than an emptied repository: fetch once more before giving up.
    if (!settings.fetch || attempt > 1) throw unreachable(order.fork, failure.reasons);
    await rm(join(folder, 'build'), { recursive: true, force: true });
    await fetch();
  }
}

function unreachable(fork: string, reasons: string[]) {
  return permanent(
    'DependenciesUnreachable',
    `what the build of ${fork} depends on cannot be had: ${reasons.join('; ')}. Check the network and the repository that the build uses, then \`patchwright release retry\``,
  );
}

/** Nothing of an earlier build is left: neither files nor the record of its process. Our own git writes the files. */
async function cleanCheckout(deps: BuildDeps, order: BuildOrder, checkout: string): Promise<void> {
  await rm(checkout, { recursive: true, force: true });
  await rm(join(checkout, '..', 'build'), { recursive: true, force: true });
  const tools = { run: deps.run, environment: deps.gitEnvironment };
  await checkoutFiles(tools, join(deps.dataDir, 'git', `${order.fork}.git`), order.commit, checkout);
}

/** Names what the fetch step depends on: its command and every file that declares dependencies. */
async function fetchStamp(deps: BuildDeps, settings: BuildSettings, checkout: string): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(settings.fetch ?? []));
  const declares =
    /^(pom\.xml|extensions\.xml|.*\.gradle(\.kts)?|gradle\.properties|.*\.lockfile|package-lock\.json|build\.sbt|.*\.toml)$/;
  const walk = async (folder: string, depth: number): Promise<void> => {
    const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && depth < 4 && entry.name !== 'src' && entry.name !== 'target')
        await walk(path, depth + 1);
      else if (entry.isFile() && declares.test(entry.name))
        hash.update(path.slice(checkout.length)).update(await readFile(path));
    }
  };
  await walk(checkout, 0);
  return join(deps.cacheDir, 'fetched', hash.digest('hex'));
}

type Step = { dir: string; argv: string[]; env: Record<string, string>; cwd: string; timeoutMs: number };

/** Runs one command to its end as a process that outlives this worker; who comes next adopts it. */
async function runStep({
  dir,
  argv: [command = '', ...args],
  env,
  cwd,
  timeoutMs,
}: Step): Promise<{ exitCode: number | undefined; logTail: string }> {
  const state = stateOf(dir);
  if (state.kind === 'unknown') await startDetached({ dir, command, args, env, cwd });
  const started = Date.now();
  try {
    const ended = await pollWithHeartbeat(100, () => {
      const now = stateOf(dir);
      if (now.kind === 'ended') return now;
      if (Date.now() - started > timeoutMs) throw new Error(`${command} ran longer than ${timeoutMs / 60_000} minutes`);
      return undefined;
    });
    return { exitCode: ended.exitCode, logTail: await tail(join(dir, 'stdout.log'), join(dir, 'stderr.log')) };
  } catch (error) {
    // A cancelled or overlong build is ended here; a worker that dies leaves it to the next one.
    if (!(error instanceof CancelledFailure) || Context.current().cancellationSignal.aborted) {
      await stopDetached(dir, { graceMs: 5_000 });
    }
    throw error;
  }
}

async function tail(...files: string[]): Promise<string> {
  const parts = await Promise.all(
    files.map(async (file) => {
      if (!existsSync(file)) return '';
      const { size } = await stat(file);
      const handle = await open(file, 'r');
      try {
        const length = Math.min(size, LOG_TAIL_BYTES);
        const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
        return buffer.toString('utf8');
      } finally {
        await handle.close();
      }
    }),
  );
  return parts.join('\n');
}

async function collect(deps: BuildDeps, settings: BuildSettings, checkout: string): Promise<Artifact[]> {
  const artifacts = await Promise.all(
    settings.artifacts.map(async ({ name, path }) => {
      const file = join(checkout, path);
      if (!existsSync(file)) {
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
