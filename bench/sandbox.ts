/**
 * `npm run bench -- sandbox [--rounds N] [--suite-rounds N] [--no-suites] [--only-suites]`
 *
 *   1. What a sandbox adds to a command, bare and sandboxed in turns; also behind folders that only root may enter.
 *   2. A fresh workspace over 6,500 files with a first command in it, against clones of the same repository.
 *   3. Suites of real classes in warm JVMs, inside and outside in turns (bench/sandbox/suites.ts).
 *
 * Medians; the best of each beside them, since other work on the machine makes everything slower.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBase } from '../activities/sandbox/bases.ts';
import { requireSandbox } from '../activities/sandbox/open.ts';
import { checkoutAlone } from '../activities/sandbox/our-git.ts';
import { spawnSandboxed } from '../activities/sandbox/run.ts';
import type { SandboxOn, SandboxSpec, Workspace } from '../activities/sandbox/types.ts';
import { closeWorkspace, openWorkspace, withWorkspace } from '../activities/sandbox/workspaces.ts';
import { run } from '../lib/run.ts';
import { type Progress, progressOnStderr } from '../setup/progress.ts';
import type { Measured } from './run.ts';
import { measureSuites } from './sandbox/suites.ts';

/** Issue 4, 3 and 6. */
const GOALS = { launchMs: 25, freshWorkspaceMs: 50, timesFasterThanClone: 20, suiteRatio: 1.05 };
const FILES = 6_500;
const CLASSES = 12;
const ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/nonexistent', LANG: 'C.UTF-8' };
const AUTHOR = ['-c', 'user.name=bench', '-c', 'user.email=bench@example.org'];

export async function bench(args: string[]): Promise<Measured> {
  const options = {
    rounds: { type: 'string', default: '30' },
    'suite-rounds': { type: 'string', default: '6' },
    suites: { type: 'boolean', default: true },
    'only-suites': { type: 'boolean', default: false },
  } as const;
  const { values } = parseArgs({ args, allowNegative: true, options });
  const rounds = Number(values.rounds);
  const progress = progressOnStderr();
  const dir = await mkdtemp(join(tmpdir(), 'patchwright-bench-'));
  try {
    chmodSync(dir, 0o711);
    const sandbox = await requireSandbox({ dataDir: join(dir, 'data'), install: true, progress });
    const order = { dataDir: join(dir, 'data'), rounds: Number(values['suite-rounds']), classes: CLASSES };
    const suites = values.suites ? await measureSuites(sandbox, order, progress) : undefined;
    const launches = values['only-suites'] ? undefined : await measureLaunches(sandbox, dir, rounds, progress);
    const figures = { ...launches, suites, load: Number(loadavg()[0]?.toFixed(1)) };
    const met = (launches === undefined || launchesMet(launches)) && (suites?.ratio ?? 0) <= GOALS.suiteRatio;
    return { figures, goals: GOALS, met };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function measureLaunches(sandbox: SandboxOn, dir: string, rounds: number, progress: Progress) {
  const launch = await measureLaunch(sandbox, rounds, progress);
  const closed = join(dir, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  const behind = await requireSandbox({ dataDir: join(closed, 'data') });
  const launchBehindClosedFolder = await measureLaunch(behind, rounds, progress);
  const workspace = await measureWorkspaces(sandbox, dir, rounds, progress);
  return { launch, launchBehindClosedFolder, workspace };
}

function launchesMet({ launch, workspace }: Awaited<ReturnType<typeof measureLaunches>>): boolean {
  return (
    launch.addedMs < GOALS.launchMs &&
    workspace.freshMs < GOALS.freshWorkspaceMs &&
    workspace.timesFasterThanClone >= GOALS.timesFasterThanClone
  );
}

async function measureLaunch(sandbox: SandboxOn, rounds: number, progress: Progress) {
  progress('launch', `${rounds} commands bare and sandboxed, in turns`);
  const [bare, sandboxed]: number[][] = [[], []];
  await withWorkspace(sandbox, {}, async (workspace) => {
    for (let round = -3; round < rounds; round += 1) {
      const without = await timed(() => run('/usr/bin/true', [], { cwd: '/', env: ENV }));
      const within = await timed(() => must(sandbox, { command: ['/usr/bin/true'], workspace }));
      if (round < 0) continue;
      bare?.push(without);
      sandboxed?.push(within);
    }
  });
  const [b, s] = [summary(bare), summary(sandboxed)];
  return {
    bareMs: b.median,
    sandboxedMs: s.median,
    addedMs: round1(s.median - b.median),
    bestAddedMs: round1(s.best - b.best),
  };
}

async function measureWorkspaces(sandbox: SandboxOn, dir: string, rounds: number, progress: Progress) {
  progress('workspace', `making a repository of ${FILES} files`);
  const repository = join(dir, 'repository');
  const commit = await makeRepository(repository);
  const make = (into: string) => checkoutAlone({ clone: repository, run, env: ENV, commit, dir: into });
  const baseMs = await timed(() => ensureBase(sandbox, commit, make));
  const fresh: number[] = [];
  let firstStatusMs = 0;
  progress('workspace', `${rounds} fresh ones, each with a first command`);
  for (let round = -2; round < rounds; round += 1) {
    let workspace: Workspace | undefined;
    const ms = await timed(async () => {
      workspace = await openWorkspace(sandbox, { base: commit });
      await must(sandbox, { command: ['/usr/bin/test', '-f', 'module-0/File-7.java'], workspace });
    });
    if (workspace === undefined) continue;
    const used = workspace;
    if (round < 0)
      firstStatusMs = await timed(() => must(sandbox, { command: ['git', 'status', '--short'], workspace: used }));
    else fresh.push(ms);
    await closeWorkspace(sandbox, used);
  }
  const secondUidMs = await timed(() =>
    withWorkspace(sandbox, { base: commit }, () => withWorkspace(sandbox, { base: commit }, async () => undefined)),
  );
  const clones = await measureClones(repository, dir, progress);
  const { median, best } = summary(fresh);
  const fastestClone = Math.min(clones.cloneMs, clones.sharedCloneMs);
  return {
    ...{ files: FILES, overlay: sandbox.overlay, freshMs: median, bestFreshMs: best, ...clones },
    timesFasterThanClone: round1(fastestClone / median),
    ...{ baseMs: round1(baseMs), secondUidFirstTimeMs: round1(secondUidMs), firstGitStatusMs: round1(firstStatusMs) },
  };
}

async function measureClones(repository: string, dir: string, progress: Progress) {
  progress('workspace', 'clones of the same repository');
  const times: Record<string, number[]> = { clone: [], shared: [] };
  for (let round = 0; round < 5; round += 1) {
    for (const [kind, more] of [
      ['clone', []],
      ['shared', ['--shared']],
    ] as const) {
      const target = join(dir, `clone-${kind}-${round}`);
      const args = ['clone', '--quiet', ...more, repository, target];
      times[kind]?.push(await timed(() => git(dir, args)));
      await rm(target, { recursive: true });
    }
  }
  return { cloneMs: summary(times.clone).median, sharedCloneMs: summary(times.shared).median };
}

/** As large as Kafka: 6,500 files, 55 MB, in folders of a hundred. */
async function makeRepository(repository: string): Promise<string> {
  const line = (file: number, at: number) =>
    `  private static final long FIELD_${at} = ${(file * 7919 + at * 104_729) % 1_000_003}L;\n`;
  for (let file = 0; file < FILES; file += 1) {
    const folder = join(repository, `module-${Math.floor(file / 100)}`);
    if (file % 100 === 0) mkdirSync(folder, { recursive: true });
    const text = Array.from({ length: 170 }, (_, at) => line(file, at)).join('');
    writeFileSync(join(folder, `File-${file}.java`), text);
  }
  await git(repository, ['init', '--quiet', '.']);
  await git(repository, ['add', '-A']);
  await git(repository, ['-c', 'gc.auto=0', ...AUTHOR, 'commit', '--quiet', '-m', 'base']);
  // Packed, as one that was fetched is.
  await git(repository, ['gc', '--quiet']);
  return git(repository, ['rev-parse', 'HEAD']);
}

async function must(sandbox: SandboxOn, spec: SandboxSpec): Promise<void> {
  const running = spawnSandboxed(sandbox, spec);
  running.stdout.resume();
  let words = '';
  running.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString();
  });
  const end = await running.ended;
  if (end.kind !== 'exited' || end.exitCode !== 0)
    throw new Error(`${spec.command.join(' ')}: ${JSON.stringify(end)} ${words}`);
}

async function git(cwd: string, args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run('git', args, { cwd, env: ENV, timeoutMs: 600_000 });
  if (exitCode !== 0) throw new Error(`git ${args[0]}: ${stderr}`);
  return stdout.trim();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function summary(times: number[] = []): { median: number; best: number; exact: number } {
  const sorted = [...times].sort((a, b) => a - b);
  const exact = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return { median: round1(exact), best: round1(sorted[0] ?? Number.NaN), exact };
}

const round1 = (value: number): number => Math.round(value * 10) / 10;
