import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { ForkSettings } from '../config/schema.ts';
import type { Digest, Patch, Source } from '../workflows/types.ts';
import { type BuildDeps, ensureCheckout } from './build/deps.ts';
import { permanent } from './failures.ts';
import { lastWords, logWords, storeLog } from './sandbox/log.ts';
import { runInSandbox } from './sandbox/run.ts';
import type { Sandbox, SandboxEnd } from './sandbox/types.ts';
import { withWorkspace } from './sandbox/workspaces.ts';

export type CheckDeps = Omit<BuildDeps, 'db' | 'cacheDir'>;

const CHECK_SECONDS = 5 * 60;

/** `log`: the whole of what the check printed. */
export type FailedCheck = { reason: string; patch: string; check: string; log: Digest };

export function createCheckActivities(deps: CheckDeps) {
  return {
    /**
     * Runs the `Check:` of every patch that has one, and returns each that no longer holds: the patch is there, but it
     * does nothing any more. Each runs in the sandbox, in a fresh workspace over one checkout of
     * the candidate: none sees what another wrote.
     * Safe to repeat: what an attempt that died left behind is swept, and a check changes nothing but its workspace.
     */
    async checkPatches(order: {
      source: Source;
      patches: Patch[];
      settings: Digest;
      key: string;
    }): Promise<FailedCheck[]> {
      const fork = (await deps.settings(order.settings)).forks[order.source.fork];
      if (fork === undefined) throw permanent('UnknownFork', `no fork "${order.source.fork}" is configured`);
      const sandbox = deps.sandboxOf(fork);
      const base = await ensureCheckout(deps, sandbox, order.source);
      const outputDir = join(deps.dataDir, 'checks', order.key.replaceAll('/', '-'));
      try {
        const failed: FailedCheck[] = [];
        for (const { check, commit, subject } of order.patches) {
          if (check === undefined) continue;
          const problem = await runCheck(deps, { check, fork, sandbox, base, outputDir });
          if (problem === undefined) continue;
          const { how, log } = problem;
          const reason = `patch ${commit.slice(0, 12)} "${subject}" is no longer effective: its check ${how}; ${logWords(log)}`;
          failed.push({ reason, patch: commit, check, log });
        }
        return failed;
      } finally {
        await rm(outputDir, { recursive: true, force: true });
      }
    },
  };
}

export type CheckActivities = ReturnType<typeof createCheckActivities>;

type Check = { check: string; fork: ForkSettings; sandbox: Sandbox; base: string; outputDir: string };

/**
 * How the check ended, if not well. The worker holds the sandbox: a check that dies with it is simply run again.
 *
 * @throws where it could not be started: that says nothing about the patch.
 */
async function runCheck(
  deps: CheckDeps,
  { check, fork, sandbox, base, outputDir }: Check,
): Promise<{ how: string; log: Digest } | undefined> {
  const { cancellationSignal, cancelled } = Context.current();
  const { end } = await withWorkspace(sandbox, { base }, (workspace) => {
    const env = deps.allowedEnvironment(fork.build.environment);
    const spec = { command: ['sh', '-c', check], workspace, env, limits: { seconds: CHECK_SECONDS } };
    return runInSandbox(sandbox, spec, { outputDir, signal: cancellationSignal });
  });
  if (cancellationSignal.aborted) await cancelled;
  if (end.kind === 'exited' && end.exitCode === 0) return undefined;
  if (end.kind === 'not-started') throw new Error(`a check could not be started: ${end.reason}`);
  const log = await storeLog(deps.artifacts, outputDir);
  return { how: howItEnded(end, lastWords(outputDir, 64 << 10)), log };
}

function howItEnded(end: Exclude<SandboxEnd, { kind: 'not-started' }>, said: string): string {
  if (end.kind === 'ended-by') return `was ended by its ${end.limit} limit: ${end.detail}`;
  const words = said
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '' && !line.startsWith('Picked up JAVA_TOOL_OPTIONS'));
  return `ended with exit ${end.exitCode}${words === undefined ? '' : ` (${words.slice(0, 200)})`}`;
}
