import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asyncLocalStorage } from '@temporalio/activity';
import type { ForkSettings } from '../../config/schema.ts';
import type { CaseKind } from '../../decisions/failing-case.ts';
import { checkoutFiles, ensureCommit } from '../../git/clone.ts';
import type { RunCommand } from '../../lib/run.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';
import { ensureBase } from '../sandbox/bases.ts';
import type { SandboxOf } from '../sandbox/for-fork.ts';
import { lastWords, storeLog } from '../sandbox/log.ts';
import { runInSandbox } from '../sandbox/run.ts';
import { withWorkspace } from '../sandbox/workspaces.ts';

export type CheckDeps = {
  run: RunCommand;
  environment: Record<string, string>;
  dataDir: string;
  artifacts: ArtifactStore;
  sandboxOf: SandboxOf;
  allowedEnvironment: (names: readonly string[]) => Record<string, string>;
};

/**
 * `undecided`: it was ended by a limit, which says nothing about what it checks. `ended` is ours to say anywhere; `words`
 * has what the program said, for whoever may read that.
 */
export type Checked = { kind: CaseKind; ended: string; words: string; log: string };

const SECONDS = 10 * 60;
const WORDS = 200;
/** Said by every JVM that has options in its environment, whatever the program does. */
const OF_THE_JVM = /^Picked up (?:_JAVA_OPTIONS|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS): /;

/**
 * Runs one command over a fresh checkout of a commit, in the sandbox: nothing of any earlier run is there.
 *
 * @throws where it could not be started: that says nothing about the commit.
 */
export async function checkCommit(
  deps: CheckDeps,
  at: { name: string; code: ForkSettings; commit: string; command: string[]; key: string },
): Promise<Checked> {
  const { name, code, commit, command } = at;
  const sandbox = deps.sandboxOf(code);
  const mirror = join(deps.dataDir, 'git', `${name}.git`);
  await ensureCommit(deps, mirror, code.repository, commit);
  const base = `${name}-${commit}`;
  await ensureBase(sandbox, base, (dir) => checkoutFiles(deps, mirror, commit, dir));
  const outputDir = join(deps.dataDir, 'checks', at.key.replace(/[^A-Za-z0-9-]/g, '-'));
  const context = asyncLocalStorage.getStore();
  try {
    const { end } = await withWorkspace(sandbox, { base }, (workspace) => {
      const env = deps.allowedEnvironment(code.build.environment);
      const spec = { command, workspace, env, limits: { seconds: SECONDS } };
      return runInSandbox(sandbox, spec, { outputDir, ...(context && { signal: context.cancellationSignal }) });
    });
    if (context?.cancellationSignal.aborted) await context.cancelled;
    if (end.kind === 'not-started') throw new Error(`a check could not be started: ${end.reason}`);
    const log = await storeLog(deps.artifacts, outputDir);
    if (end.kind === 'ended-by') {
      const ended = `was ended by its ${end.limit} limit`;
      return { kind: 'undecided', ended, words: ended, log };
    }
    const said = lastWords(outputDir, 16 << 10)
      .split('\n')
      .filter((line) => line.trim() !== '' && !OF_THE_JVM.test(line))
      .at(-1);
    const ended = `exit ${end.exitCode}`;
    const words = `${ended}${said === undefined ? '' : ` (${said.trim().slice(0, WORDS)})`}`;
    return { kind: end.exitCode === 0 ? 'passed' : 'failed', ended, words, log };
  } finally {
    await rm(outputDir, { recursive: true, force: true });
  }
}
