import type { ApprovalQuestion, ApprovalRisk } from '../workflows/approval-types.ts';
import type { Digest, Patch, Source } from '../workflows/types.ts';

type Bound = {
  release: string;
  /** The repaired stack's tip: it names every file and every patch of it. */
  source: Source;
  patch: Digest;
  into: string;
  ref: string;
};

/** What an approval of a repair is bound to; read anew when the repaired stack is pushed. */
export function repairBinds({ release, source, patch, into, ref }: Bound): Record<string, string> {
  return { release, commit: source.commit, change: patch, into, ref };
}

/** Asked before a repaired stack becomes a candidate, where the policy is `suggest` or a reviewer objects. */
export function repairQuestion(
  about: Bound & {
    id: string;
    settings: Digest;
    requestedBy: string;
    patches: readonly Pick<Patch, 'author' | 'subject' | 'commit'>[];
    summary: string;
    details: Digest;
    risk?: ApprovalRisk;
  },
): ApprovalQuestion {
  const { id, release, settings, requestedBy, patches, summary, details, into, risk } = about;
  const subject = patches.find(({ commit }) => commit === into)?.subject ?? into.slice(0, 12);
  return {
    ...{ id, kind: 'repair', settings, release, summary, details },
    title: `${release}: may the agent's change go into patch "${subject}"?`.slice(0, 300),
    binds: repairBinds(about),
    requester: requestedBy,
    excluded: [...new Set(patches.map(({ author }) => author))],
    ...(risk && { risk }),
  };
}
