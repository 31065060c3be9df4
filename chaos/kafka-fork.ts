import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { bareGit } from '../examples/kafka/git.ts';
import { BRANCH_REF, makeFork } from '../examples/kafka/make-fork.ts';
import type { Ground } from './ground.ts';

const CONFIGURATION = fileURLToPath(new URL('../patchwright.yaml', import.meta.url));

const repository = (folder: string) => join(folder, 'kafka.git');

/** The example itself, as `npm start` releases it, with a thread in Slack and a shorter soak. */
const example = ({ meanGapMs, suites }: { meanGapMs: number; suites?: string[] }): Ground => ({
  fork: 'kafka',
  system: 'kafka',
  environments: ['staging', 'production'],
  meanGapMs,
  repository,
  yaml(folder, slack) {
    const settings = parse(readFileSync(CONFIGURATION, 'utf8'), { merge: true }) as Example;
    const { kafka } = settings.forks;
    kafka.repository = repository(folder);
    if (suites) kafka.release.suites = suites;
    for (const environment of Object.values(settings.environments)) environment.gates.bakeSeconds = 10;
    const { channel, url, tokenFile } = slack;
    settings.announcements = { slack: { channel, apiUrl: url, token: { file: tokenFile } } };
    return stringify(settings, { aliasDuplicateObjects: false });
  },
  async prepare(folder, say) {
    const dir = repository(folder);
    await makeFork({ dir, progress: (step, text) => say(`${step}: ${text}`) });
    await bareGit(dir).git(['config', 'core.logAllRefUpdates', 'always']);
  },
  /** A change of one text file: a new commit, which is in every jar, and so a new candidate. */
  async push(folder, n) {
    const git = bareGit(repository(folder));
    const tip = (await git.git(['rev-parse', BRANCH_REF])).trim();
    const note = (await git.git(['hash-object', '-w', '--stdin'], { input: `run ${n}\n` })).trim();
    const entries = await git.git(['ls-tree', tip]);
    const tree = (
      await git.git(['mktree'], { input: `${entries.trimEnd()}\n100644 blob ${note}\tCHAOS-${n}\n` })
    ).trim();
    const commit = await git.writeCommit({
      tree,
      parents: [tip],
      author: { name: 'Chaos', email: 'chaos@example.org', seconds: Date.UTC(2026, 0, n) / 1000 },
      message: `Note run ${n}\n\nOne more candidate.\n\nReason: chaos needs it\nUpstream-Status: Inappropriate [test]\nDrop-When: the run is over\n`,
    });
    await git.updateRefs({ [BRANCH_REF]: commit });
  },
});

export const kafkaFork = example({ meanGapMs: 9_000 });

/** Of the suites the patches' own tests alone: most of a release is roll-out then, which only chaos in one waits for. */
export const kafkaRolloutFork = example({ meanGapMs: 9_000, suites: ['own'] });

type Example = {
  forks: { kafka: { repository: string; release: { suites: string[] } } };
  environments: Record<string, { gates: { bakeSeconds: number } }>;
  announcements: object;
};
