import { execFileSync } from 'node:child_process';
import type { Report } from '../../report/report.ts';

/**
 * The fork's repository says it by itself: the references that a release pushes are there, on the commit that
 * the report names, with the tree of what was on the branch; each was written once (its reflog), and there is one tag.
 */
export function proveGit(repository: string, report: Report, branchTree: string): string[] {
  const git = gitIn(repository);
  const problems: string[] = [];
  const commit = report.candidates[0]?.commit ?? 'none';
  const refs = new Map(
    git('for-each-ref', '--format=%(refname) %(objectname)', 'refs/tags/patchwright', 'refs/patchwright')
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  );
  const { release } = report;
  const released = report.outcome?.kind === 'released';
  const tags = [...refs.keys()].filter((ref) => ref.startsWith('refs/tags/') && belongs(ref, release));
  if (tags.length !== (released ? 1 : 0)) problems.push(`git: ${tags.length} tags for ${release}: ${tags.join(', ')}`);
  const wanted = [`refs/patchwright/${release}/1`];
  if (released) wanted.push(`refs/tags/patchwright/${release}`);
  for (const ref of wanted) {
    if (refs.get(ref) !== commit) problems.push(`git: ${ref} is ${refs.get(ref) ?? 'not there'}, not ${commit}`);
    if (!refs.has(ref)) continue;
    const written = git('reflog', 'show', '--format=%H', ref).split('\n').filter(Boolean).length;
    if (written !== 1) problems.push(`git: ${ref} was written ${written} times`);
  }
  if (released && refs.get('refs/patchwright/released') !== commit)
    problems.push(`git: refs/patchwright/released is ${refs.get('refs/patchwright/released')}, not ${commit}`);
  if (commit !== 'none' && git('rev-parse', `${commit}^{tree}`) !== branchTree)
    problems.push(`git: ${commit} is not what was on the branch when ${release} started`);
  return problems;
}

/** What stands on the branch now. */
export const treeOf = (repository: string, branch: string) => gitIn(repository)('rev-parse', `${branch}^{tree}`);

export const commitOf = (repository: string, branch: string) => gitIn(repository)('rev-parse', branch);

const belongs = (ref: string, release: string) => ref.endsWith(`/${release}`) || ref.includes(`/${release}/`);

const gitIn =
  (repository: string) =>
  (...args: string[]) =>
    execFileSync('git', args, { cwd: repository, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
