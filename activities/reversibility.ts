import { join } from 'node:path';
import { isKafkaCluster } from '../config/environment-cluster.ts';
import type { Settings } from '../config/schema.ts';
import { type ApprovedBefore, differenceWords, parseRangeDiff } from '../decisions/approval-difference.ts';
import { k18Reversibility, type Reversibility } from '../decisions/kafka-rules/one-way.ts';
import { wantsRehearsal } from '../decisions/rehearsal.ts';
import { type GitTools, gitIn } from '../git/clone.ts';
import { approvedBefore } from '../store/approved-before.ts';
import type { Db } from '../store/database.ts';
import type { Digest } from '../workflows/types.ts';

export type ReversibilityDeps = GitTools & {
  db: Db;
  dataDir: string;
  settings: (digest: Digest) => Promise<Settings>;
};

/** `rehearse`: going back is to be tried before a roll-out. */
export type Judged = Reversibility & { rehearse?: true };

export type Compared = {
  fork: string;
  base: { commit: string; version: string };
  commit: string;
  reasons: string[];
};

export function createReversibilityActivities(deps: ReversibilityDeps) {
  return {
    /**
     * Whether the old artifact can be put back once the new one has run, from what the patch stack touches; and
     * whether that is to be tried. Reads only: safe to repeat.
     */
    async judgeReversibility(order: {
      fork: string;
      settings: Digest;
      base: string;
      candidate: string;
    }): Promise<Judged> {
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
      const isKafka = fork?.release.environments.some((name) => isKafkaCluster(environments[name])) ?? false;
      const byRule = isKafka ? k18Reversibility(touched) : ({ kind: 'reversible' } as const);
      const own = (fork?.release.oneWay ?? []).flatMap(({ what, paths }) => {
        const hits = touched.filter((path) => new RegExp(paths).test(path));
        return hits.length === 0 ? [] : [`touches ${what}: ${hits.slice(0, 20).join(', ')}`];
      });
      const reasons = [...(byRule.kind === 'one-way' ? byRule.reasons : []), ...own];
      const judged: Reversibility = own.length === 0 ? byRule : { kind: 'one-way', rule: 'K18', reasons };
      const rehearse = isKafka && wantsRehearsal(fork?.release.rehearsal.when ?? 'never', judged);
      return { ...judged, ...(rehearse && { rehearse: true as const }) };
    },

    /** What is another than the one-way candidate of this fork that people approved last. Reads only: safe to repeat. */
    async differenceSinceApproved(now: Compared): Promise<string[]> {
      const before = await approvedBefore(deps.db, { kind: 'one-way-release', fork: now.fork });
      return before ? differenceWords(before, now, await patchesSince(deps, before, now)) : [];
    },
  };
}

export type ReversibilityActivities = ReturnType<typeof createReversibilityActivities>;

/** Both stacks, patch by patch. What was cut then is kept by our clone as long as nobody cleans it. */
async function patchesSince(deps: ReversibilityDeps, before: ApprovedBefore, now: Compared) {
  const { tryGit } = gitIn(deps, join(deps.dataDir, 'git', `${now.fork}.git`));
  for (const commit of [before.base.commit, before.commit]) {
    if ((await tryGit(['cat-file', '-e', `${commit}^{commit}`])).exitCode !== 0) return 'unknown';
  }
  const ranges = [`${before.base.commit}..${before.commit}`, `${now.base.commit}..${now.commit}`];
  const flags = ['--no-patch', '--no-color', '--no-ext-diff', '--no-textconv'];
  const { exitCode, stdout, stderr } = await tryGit(['range-diff', ...flags, ...ranges, '--']);
  if (exitCode !== 0) throw new Error(`git range-diff: ${stderr.trim() || `exit ${exitCode}`}`);
  return parseRangeDiff(stdout);
}
