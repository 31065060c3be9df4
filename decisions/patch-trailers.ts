import type { Patch } from '../workflows/types.ts';

/** A commit as git tells it: `trailers` in order, keys as they were written. */
export type CommitFacts = {
  commit: string;
  subject: string;
  author: string;
  parents: number;
  trailers: { key: string; value: string }[];
};

/** The words of Yocto's Upstream-Status, which say in one look whether a patch will ever go away. */
const STATUSES = ['Pending', 'Submitted', 'Accepted', 'Backport', 'Denied', 'Inappropriate', 'Inactive-Upstream'];

/** One trailer each says why a patch exists, where upstream stands, and when it may go (design.md, *Cut*). */
const REQUIRED = ['Reason', 'Upstream-Status', 'Drop-When'] as const;

/**
 * Reads a commit as a patch of the stack, or says which rules it breaks, each with the commit and what to do.
 * `Inappropriate`, `Denied` and `Submitted` need their words in brackets: without them nobody can follow it up.
 */
export function readPatch(facts: CommitFacts): { patch: Patch } | { problems: string[] } {
  const where = `${facts.commit.slice(0, 12)} "${facts.subject}"`;
  const problems: string[] = [];
  if (facts.parents !== 1) problems.push(`${where} is a merge: a patch stack is a line of single commits; rebase it`);

  const values = (key: string) =>
    facts.trailers
      .filter((trailer) => trailer.key.toLowerCase() === key.toLowerCase())
      .map(({ value }) => value.trim());
  for (const key of REQUIRED) {
    const found = values(key);
    if (found.length === 0) problems.push(`${where} has no trailer "${key}:"`);
    else if (found.length > 1)
      problems.push(`${where} has the trailer "${key}:" ${found.length} times; once is allowed`);
    else if (found[0] === '') problems.push(`${where} has an empty trailer "${key}:"`);
  }
  const checks = values('Check');
  if (checks.length > 1) problems.push(`${where} has the trailer "Check:" ${checks.length} times; once is allowed`);
  if (checks[0] === '') problems.push(`${where} has an empty trailer "Check:"`);

  const status = values('Upstream-Status')[0] ?? '';
  if (status !== '' && !STATUSES.some((word) => status === word || status.startsWith(`${word} [`))) {
    problems.push(`${where}: Upstream-Status "${status}" is none of: ${STATUSES.join(', ')} (more in [brackets])`);
  } else if (/^(Denied|Inappropriate|Submitted)$/.test(status)) {
    problems.push(`${where}: Upstream-Status "${status}" needs its reason or link in [brackets]`);
  }
  if (problems.length > 0) return { problems };

  const { commit, subject, author } = facts;
  const patch: Patch = {
    commit,
    subject,
    author,
    reason: values('Reason')[0] ?? '',
    upstreamStatus: status,
    dropWhen: values('Drop-When')[0] ?? '',
  };
  return { patch: checks[0] === undefined ? patch : { ...patch, check: checks[0] } };
}
