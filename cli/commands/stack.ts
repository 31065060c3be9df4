import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allowedEnvironment, GIT_ENVIRONMENT } from '../../config/env.ts';
import type { Settings } from '../../config/schema.ts';
import { UnknownRef, withMirror } from '../../git/clone.ts';
import { putOnBase, readStack, sourceOf } from '../../git/patch-stack.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { run } from '../../lib/run.ts';

/** `stack show`: the patches of a fork as they stand now, read from a throw-away clone. Needs nothing that runs. */
export async function stackShow(settings: Settings, forkName: string) {
  const fork = settings.forks[forkName];
  if (fork === undefined) {
    throw new ExitError(
      2,
      `no fork "${forkName}" is configured; there are: ${Object.keys(settings.forks).join(', ') || 'none'}`,
    );
  }
  const folder = mkdtempSync(join(tmpdir(), 'patchwright-stack-'));
  const tools = { run, environment: allowedEnvironment(GIT_ENVIRONMENT) };
  try {
    return await withMirror(tools, join(folder, 'clone.git'), fork.repository, async (git) => {
      const baseCommit = await git.resolve(fork.base, 'base');
      const tip = await git.resolve(fork.branch, 'branch');
      const stack = await readStack(git, baseCommit, tip);
      const where = { fork: forkName, base: sourceOf(forkName, fork, baseCommit, 0), tip };
      if ('reasons' in stack) return { ...where, state: 'refused', reasons: stack.reasons, patches: [] };
      const placed = await putOnBase(git, { ...stack, baseCommit, tip, scratch: join(folder, 'tree') });
      const reasons = placed.kind === 'cut' ? [] : placed.reasons;
      return { ...where, state: placed.kind, reasons, patches: stack.patches };
    });
  } catch (error) {
    if (error instanceof UnknownRef) throw new ExitError(2, error.message);
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
