import type { ApprovalQuestion, ApprovalRisk } from '../workflows/approval-types.ts';
import type { Digest, Patch, Source } from '../workflows/types.ts';
import { notCounted } from './approval.ts';

type Bound = {
  release: string;
  /** The repaired stack's tip: it names every file and every patch of it. */
  source: Source;
  patch: Digest;
  into: string;
  /** Of a conflict: patches that were resolved before it. `patch` has their changes too. */
  also?: readonly string[];
  ref: string;
};

/** What an approval of a repair is bound to; read anew when the repaired stack is pushed. */
export function repairBinds({ release, source, patch, into, also = [], ref }: Bound): Record<string, string> {
  return { release, commit: source.commit, change: patch, into: [...also, into].join(' '), ref };
}

/** Asked before a repaired stack becomes a candidate, where the policy is `suggest` or a reviewer objects. */
export function repairQuestion(
  about: Bound & {
    id: string;
    settings: Digest;
    requestedBy: string;
    /** Whoever asked for changes of it before. */
    steered?: readonly string[];
    patches: readonly Pick<Patch, 'author' | 'subject' | 'commit'>[];
    summary: string;
    details: Digest;
    risk?: ApprovalRisk;
  },
): ApprovalQuestion {
  const { id, release, settings, requestedBy, steered = [], patches, summary, details, into, also = [], risk } = about;
  const subjectOf = (one: string) => `"${patches.find(({ commit }) => commit === one)?.subject ?? one.slice(0, 12)}"`;
  const subjects = [...also, into].map(subjectOf);
  return {
    ...{ id, kind: 'repair', settings, release, summary, details },
    title:
      `${release}: may the agent's change go into patch${subjects.length > 1 ? 'es' : ''} ${subjects.join(', ')}?`.slice(
        0,
        300,
      ),
    binds: repairBinds(about),
    requester: requestedBy,
    excluded: notCounted(patches, steered),
    ...(risk && { risk }),
  };
}

/** A person's own words, as they are passed on: to the agent, to its reviewers, and to whoever decides after it. */
export const wishWords = (by: readonly string[], note: string): string => `${by.join(', ')} asks for: ${note.trim()}`;

/** Characters of people's wishes that reviewers and the next question are given: they may not push out all else. */
const WISHES = 1_200;

/** What the change is to mend, and what people have asked of it since: a reviewer would object to what he does not know. */
export function whatIsAsked(what: string, wishes: readonly string[]): string {
  if (wishes.length === 0) return what;
  const each = Math.floor(WISHES / wishes.length);
  const shown = wishes.map((wish) => (wish.length <= each ? wish : `${wish.slice(0, each)}… (cut here)`));
  return [what, 'Since then, of people who were to decide on an earlier change:', ...shown].join('\n');
}

/** How it ends where people have asked for changes as often as they may. */
export const tooOften = (wishes: readonly string[]): string =>
  `${wishes.length} changes were shown to people, and each was sent back: ${wishes.join(' · ')}`.slice(0, 2_000);
