import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../config/schema.ts';
import { checkoutFiles } from '../git/clone.ts';
import type { RunCommand } from '../lib/run.ts';
import type { Digest, Patch, Source } from '../workflows/types.ts';
import { permanent } from './failures.ts';
import type { SandboxOf } from './sandbox/for-fork.ts';

export type CheckDeps = {
  run: RunCommand;
  dataDir: string;
  settings: (digest: Digest) => Promise<Settings>;
  allowedEnvironment: (names: readonly string[]) => Record<string, string>;
  gitEnvironment: Record<string, string>;
  sandboxOf: SandboxOf;
};

const CHECK_MS = 5 * 60_000;

export function createCheckActivities(deps: CheckDeps) {
  return {
    /**
     * Runs the `Check:` of every patch that has one, in a clean checkout of the candidate, and returns a
     * reason for each that no longer holds: the patch is there, but it does nothing any more.
     * Safe to repeat: each time a checkout of its own, which is removed again.
     */
    async checkPatches(order: { source: Source; patches: Patch[]; settings: Digest; key: string }): Promise<string[]> {
      const fork = (await deps.settings(order.settings)).forks[order.source.fork];
      if (fork === undefined) throw permanent('UnknownFork', `no fork "${order.source.fork}" is configured`);
      const { commit } = order.source;
      const checkout = join(deps.dataDir, 'checks', order.key.replaceAll('/', '-'));
      await rm(checkout, { recursive: true, force: true });
      const tools = { run: deps.run, environment: deps.gitEnvironment };
      await checkoutFiles(tools, join(deps.dataDir, 'git', `${order.source.fork}.git`), commit, checkout);
      const env = deps.allowedEnvironment(fork.build.environment);
      try {
        const reasons: string[] = [];
        for (const patch of order.patches) {
          if (patch.check === undefined) continue;
          const { exitCode, stdout, stderr } = await deps.run('sh', ['-c', patch.check], {
            cwd: checkout,
            env,
            timeoutMs: CHECK_MS,
          });
          if (exitCode === 0) continue;
          const said = (stderr.trim() || stdout.trim()).split('\n')[0]?.slice(0, 200);
          reasons.push(
            `patch ${patch.commit.slice(0, 12)} "${patch.subject}" is no longer effective: its check ended with exit ${exitCode}${said ? ` (${said})` : ''}`,
          );
        }
        return reasons;
      } finally {
        await rm(checkout, { recursive: true, force: true });
      }
    },
  };
}

export type CheckActivities = ReturnType<typeof createCheckActivities>;
