import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { BuildSettings } from '../../config/schema.ts';
import { judgeBuildFailure } from '../../decisions/build-failure.ts';
import { gitIn } from '../../git/clone.ts';
import { withLock } from '../../lib/lock.ts';
import type { Source } from '../../workflows/types.ts';
import { permanent } from '../failures.ts';
import { lastWords } from '../sandbox/log.ts';
import { type BuildDeps, cleanCheckout, mirrorOf } from './deps.ts';
import { runJob } from './run-job.ts';

const LOG_TAIL_BYTES = 64 << 10;

export type FetchOrder = { source: Source; command: readonly string[]; settings: BuildSettings; folder: string };

/**
 * Brings what a build depends on into the caches of this machine: the fork's `build.fetch`, outside the sandbox and
 * with a network, in a checkout of its own that nothing else uses. Once for each state of the files that declare
 * dependencies, unless `again`: then the stamp was older than an emptied cache. Safe to repeat.
 *
 * @throws a permanent failure where it ends badly: no retry brings a repository back within minutes.
 */
export async function fetchDependencies(deps: BuildDeps, order: FetchOrder, { again = false } = {}): Promise<void> {
  const fetched = join(deps.cacheDir, 'fetched');
  const stamp = join(fetched, await stampOf(deps, order));
  if (again) await rm(stamp, { force: true });
  if (existsSync(stamp)) return;
  mkdirSync(fetched, { recursive: true });
  const waitMs = order.settings.timeoutMinutes * 60_000;
  await withLock(`${stamp}.lock`, { purpose: `fetch for ${order.source.fork}`, waitMs }, async () => {
    // Base and candidate mostly need the same.
    if (existsSync(stamp)) return;
    await fetchOnce(deps, order);
    await writeFile(stamp, `${new Date().toISOString()}\n`);
  });
}

async function fetchOnce(deps: BuildDeps, { source, command, settings, folder }: FetchOrder): Promise<void> {
  const dir = join(folder, 'fetch');
  // Below the state folder: whoever looks for state folders does not go on into it.
  const checkout = join(dir, 'checkout');
  const { end } = await runJob(dir, `the fetch step of ${source.fork}`, async () => {
    await cleanCheckout(deps, source, checkout);
    const env = deps.allowedEnvironment(settings.environment);
    const seconds = settings.timeoutMinutes * 60;
    return { kind: 'fetch', name: `${source.fork}: build.fetch`, command, checkout, env, seconds };
  });
  const said = lastWords(dir, LOG_TAIL_BYTES);
  await rm(dir, { recursive: true, force: true });
  if (end.kind === 'exited' && end.exitCode === 0) return;
  if (end.kind === 'exited') throw unreachable(source.fork, judgeBuildFailure(said, end.exitCode).reasons);
  if (end.kind === 'ended-by') throw unreachable(source.fork, [`the fetch step was ended: ${end.detail}`]);
  throw permanent('BadConfiguration', `build.fetch of ${source.fork} cannot be started: ${end.reason}`);
}

export function unreachable(fork: string, reasons: readonly string[]) {
  return permanent(
    'DependenciesUnreachable',
    `what the build of ${fork} depends on cannot be had: ${reasons.join('; ')}. The build itself has no network: ` +
      'check that `build.fetch` brings all of it, and the network and the repository that it uses, then ' +
      '`patchwright release retry`',
  );
}

const DECLARES =
  /^(pom\.xml|extensions\.xml|maven\.config|.*\.gradle(\.kts)?|gradle\.properties|.*\.lockfile|package-lock\.json|build\.sbt|.*\.toml)$/;
const DEEPEST = 5;

/** Names what the fetch step depends on: its command and every file that declares dependencies, as git has them. */
async function stampOf(deps: BuildDeps, { source, command }: FetchOrder): Promise<string> {
  const git = gitIn({ run: deps.run, environment: deps.gitEnvironment }, mirrorOf(deps, source.fork));
  const listed = await git('ls-tree', '-r', '-z', source.commit);
  const declaring = listed.split('\0').filter((line) => {
    const path = line.slice(line.indexOf('\t') + 1);
    return DECLARES.test(basename(path)) && path.split('/').length <= DEEPEST && !path.split('/').includes('src');
  });
  return createHash('sha256')
    .update(JSON.stringify([command, declaring]))
    .digest('hex');
}
