import type { VerdictKind } from '../workflows/types.ts';

type Failed = { class: string; cluster: string; kind: VerdictKind };
export type Searched = Failed & { test: string; commits: readonly string[] };

/** So many tests of its class must have been searched for before one that was not is said to have their culprit. */
const AGREEING = 2;

/**
 * The culprit of a failure that no search had room for: that of the tests of its class that fail with the same error,
 * where these were searched for and each was broken by the same one patch. Otherwise nothing is said of it.
 */
export function sharedCulprit(
  failure: Failed,
  searched: readonly Searched[],
): { commits: string[]; reason: string } | undefined {
  const alike = searched.filter(
    (one) => one.class === failure.class && one.cluster === failure.cluster && one.kind === failure.kind,
  );
  const [first] = alike;
  const [commit, ...others] = first?.commits ?? [];
  if (!first || commit === undefined || others.length > 0 || alike.length < AGREEING) return undefined;
  if (alike.some(({ commits }) => commits.length !== 1 || commits[0] !== commit)) return undefined;
  const reason = `not searched for itself: ${alike.length} tests of its class that fail with the same error were, ${first.test} among them`;
  return { commits: [commit], reason };
}
