import { gitIn, withMirror } from '../git/clone.ts';
import { RELEASED, remoteRefs, tagOf, takenBackTagOf } from '../git/released-names.ts';
import { effectResult, runEffect } from '../store/journal.ts';
import { standingReleases } from '../store/standing-releases.ts';
import type { Digest } from '../workflows/types.ts';
import { permanent } from './failures.ts';
import type { GitDeps } from './git.ts';

export type TakenBack = {
  release: string;
  rollout: string;
  environment: string;
  fork: string;
  commit: string;
  settings: Digest;
};

/** `unnamed`: it had not been named, since its release had not ended. `to`: what is released again, if anything is. */
export type NameTakenBack =
  | { kind: 'unnamed' }
  | { kind: 'taken-back'; moved: boolean; to?: { release: string; commit: string }; tag: string };

/**
 * A release that its watch took back is released no more: the reference goes back to the newest release that still
 * stands, where it still names this one; where none stands it is deleted. The tag stays, for what was published under a
 * name is never another thing later; a second tag beside it says what became of it.
 */
export async function takeNameBack(deps: GitDeps, mirror: string, order: TakenBack): Promise<NameTakenBack> {
  const { release, rollout, commit } = order;
  if ((await effectResult(deps.db, `${release}/tag`)) === undefined) return { kind: 'unnamed' };
  const repository = (await deps.settings(order.settings)).forks[order.fork]?.repository;
  if (repository === undefined) throw permanent('UnknownFork', `no fork "${order.fork}" is configured`);
  const remote = remoteRefs({ ...deps, dir: mirror, repository });
  // The same commit may have been released twice: it is the artifact that was taken back.
  const standing = (await standingReleases(deps.db, order.fork)).find((one) => one.commit !== commit);
  const tag = takenBackTagOf(release);
  return withMirror(deps, mirror, repository, async () => {
    const to = standing?.commit;
    const moved = await runEffect(
      deps.db,
      { key: `${rollout}/taken-back/released`, kind: 'git-ref', release, intent: { ref: RELEASED, from: commit, to } },
      {
        readBack: async () => ((await remote.read(RELEASED)) === to ? true : undefined),
        perform: async () => {
          if ((await remote.read(RELEASED)) !== commit) return false;
          await remote.move(RELEASED, { seen: commit, to });
          return true;
        },
      },
    );
    await runEffect(
      deps.db,
      { key: `${rollout}/taken-back/tag`, kind: 'git-ref', release, intent: { ref: tag, commit } },
      {
        readBack: async () => ((await remote.read(tag)) === undefined ? undefined : { tag }),
        perform: async () => {
          const name = tag.slice('refs/tags/'.length);
          const to = await remote.tagObject(name, commit, await dateOf(deps, mirror, commit), wordsOf(order));
          await remote.move(tag, { seen: undefined, to });
          return { tag };
        },
      },
    );
    const again = moved && standing ? { to: { release: standing.id, commit: standing.commit } } : {};
    return { kind: 'taken-back', moved, ...again, tag };
  });
}

/** Fields of ours alone: a reason may quote what others wrote, and the tag is read wherever the repository is. */
const wordsOf = ({ release, environment, rollout }: TakenBack) =>
  `${release} was taken back\n\nIts watch in ${environment} rolled it back (${rollout}) after it had been released as ${tagOf(release).slice('refs/tags/'.length)}.\nWhy: npx patchwright report ${release}\n`;

/** Of the commit: the same tag whoever makes it, and whenever. */
async function dateOf(deps: GitDeps, mirror: string, commit: string): Promise<Date> {
  return new Date(await gitIn(deps, mirror)('show', '-s', '--format=%cI', commit));
}
