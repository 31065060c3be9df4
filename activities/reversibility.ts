import { join } from 'node:path';
import type { Settings } from '../config/schema.ts';
import { k18Reversibility, type Reversibility } from '../decisions/kafka-rules/one-way.ts';
import { type GitTools, gitIn } from '../git/clone.ts';
import type { Digest } from '../workflows/types.ts';

export type ReversibilityDeps = GitTools & { dataDir: string; settings: (digest: Digest) => Promise<Settings> };

export function createReversibilityActivities(deps: ReversibilityDeps) {
  return {
    /**
     * Whether the old artifact can be put back once the new one has run, from what the patch stack touches. Reads
     * only: safe to repeat.
     */
    async judgeReversibility(order: {
      fork: string;
      settings: Digest;
      base: string;
      candidate: string;
    }): Promise<Reversibility> {
      const { forks, environments } = await deps.settings(order.settings);
      const fork = forks[order.fork];
      const git = gitIn(deps, join(deps.dataDir, 'git', `${order.fork}.git`));
      const listed = await git(
        'diff',
        '--name-only',
        '-z',
        '--no-ext-diff',
        '--no-textconv',
        order.base,
        order.candidate,
      );
      const touched = listed.split('\0').filter((path) => path !== '');
      const isKafka = fork?.release.environments.some((name) => environments[name]?.system === 'kafka') ?? false;
      const byRule = isKafka ? k18Reversibility(touched, 'not yet') : ({ kind: 'reversible' } as const);
      const own = (fork?.release.oneWay ?? []).flatMap(({ what, paths }) => {
        const hits = touched.filter((path) => new RegExp(paths).test(path));
        return hits.length === 0 ? [] : [`touches ${what}: ${hits.slice(0, 20).join(', ')}`];
      });
      if (own.length === 0) return byRule;
      const reasons = [...(byRule.kind === 'one-way' ? byRule.reasons : []), ...own];
      return { kind: 'one-way', rule: 'K18', reasons, rehearsal: 'needed' };
    },
  };
}

export type ReversibilityActivities = ReturnType<typeof createReversibilityActivities>;
