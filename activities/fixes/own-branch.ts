import type { FixCard, GitChange } from '../../workflows/fix-types.ts';

/** A change of a repository whose branch takes no push (`land: branch`): on a branch of its own, merged by people. */

/** By the commit: what was approved, and nothing that a text says. */
export const ownRef = (commit: string): string => `refs/heads/patchwright/${commit.slice(0, 12)}`;

type Own = Pick<GitChange, 'ref' | 'onto'>;

export const ofItsOwn = (what: string[], { ref, onto }: Own): FixCard => ({
  what: [...what, `${ref} is a new branch, which people merge into ${onto}; then it is verified there`],
  risk: `Whatever runs for each new branch runs for ${ref} at once; once people merge it, whatever deploys or reads ${onto} gets the change.`,
  inverse: `nothing: what people merge into ${onto} they revert there`,
});

/** Below a branch of this name git has no room for others. */
export const NO_ROOM = 'refs/heads/patchwright';

type Found = { own: string; above: string };

/** Why what was approved cannot be put on a branch of its own, or undefined: `own` is where that is, `above` `NO_ROOM`. */
export function whyNoBranch({ target, ref, commit }: GitChange, { own, above }: Found): string | undefined {
  if (own !== '' && own !== commit)
    return `${ref} of ${target} is there already, at ${own.slice(0, 12)} and not at what was approved: look who made it, delete it, and hand off again`;
  if (above !== '')
    return `${target} has a branch called patchwright, below which there can be no other: rename it, and hand off again`;
  return undefined;
}

export const notMerged = ({ commit, ref, onto, target }: GitChange): string =>
  `${commit.slice(0, 12)} is not in ${onto} of ${target}: ${ref} still waits to be merged, or was merged as something else`;

export const whyNoUndo = ({ commit, onto, target }: GitChange): string =>
  `${onto} of ${target} takes no push of ours: revert there what was merged of ${commit.slice(0, 12)}, by a request to merge`;
