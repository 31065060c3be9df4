import type { FixCard, GitChange } from '../../workflows/fix-types.ts';

/** A change of a repository whose branch takes no push (`land: branch`): on a branch of its own, merged by people. */

/** By the commit: what was approved, and nothing that a text says. */
export const ownRef = (commit: string): string => `refs/heads/patchwright/${commit.slice(0, 12)}`;

type Own = Pick<GitChange, 'ref' | 'onto'>;

export const ofItsOwn = (what: string[], { ref, onto }: Own): FixCard => ({
  what: [...what, `${ref} is a new branch, which people merge into ${onto}; then it is verified there`],
  risk: `Nothing reads that branch; once people merge it, whatever deploys or reads ${onto} gets the change at once.`,
  inverse: `nothing: what people merge into ${onto} they revert there`,
});

export const notMerged = ({ commit, ref, onto, target }: GitChange): string =>
  `${commit.slice(0, 12)} is not in ${onto} of ${target}: ${ref} still waits to be merged, or was merged as something else`;

export const whyNoUndo = ({ commit, onto, target }: GitChange): string =>
  `${onto} of ${target} takes no push of ours: revert ${commit.slice(0, 12)} there by a request to merge`;
