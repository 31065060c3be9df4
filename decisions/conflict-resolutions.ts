import type { Proposal } from '../workflows/agent-types.ts';

/** One patch that conflicted, and what its agent handed in for it. */
export type OneResolution = { subject: string; proposal: Proposal };

/**
 * All resolutions of a stack as one proposal, for whoever decides: what code points out of any of them is asked about,
 * and a test that any of them touches proves nothing. The files are those of the last one, which stands on the others.
 */
export function togetherOf(resolved: readonly OneResolution[], last: Proposal): Proposal {
  if (resolved.length < 2) return last;
  const each = (of: (proposal: Proposal) => string) =>
    resolved.map(({ subject, proposal }) => `(patch "${subject}") ${of(proposal)}`).join(' ');
  const tests = [...new Set(resolved.flatMap(({ proposal }) => proposal.tests ?? []))].sort();
  return {
    ...last,
    pointedOut: resolved.flatMap(({ subject, proposal }) =>
      proposal.pointedOut.map((line) => `in patch "${subject}": ${line}`),
    ),
    ...(tests.length > 0 && { tests }),
    cause: each(({ cause }) => cause),
    change: each(({ change }) => change),
    risk: each(({ risk }) => risk),
  };
}

/** Changes one after the other, each under its patch's subject: a subject is one line, and no line of a difference. */
export const changesTogether = (changes: readonly { subject: string; change: string }[]): string =>
  changes
    .map(({ subject, change }) => `# Patch "${subject.replace(/[\r\n\u2028\u2029]+/g, ' ')}"\n${change.trimEnd()}\n`)
    .join('\n');
