import { execFileSync } from 'node:child_process';
import type { Report } from '../../report/report.ts';

/**
 * A repaired release, by the fork's repository and the report: two candidates, the second of the repaired stack; each
 * reference written once (its reflog), by one effect; the branch as it was; every effect done.
 */
export function proveRepaired(repository: string, report: Report, branch: string): string[] {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: repository, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const { release, candidates, effects, outcome } = report;
  const problems: string[] = [];
  if (outcome?.kind !== 'released')
    problems.push(`${release} ended as ${outcome?.kind}: ${outcome?.reasons.join('; ')}`);
  if (candidates.length !== 2) problems.push(`${candidates.length} candidates, not a held and a repaired one`);
  const [held, repaired] = candidates.map(({ commit }) => commit);
  const wanted: Record<string, string | undefined> = {
    [`refs/patchwright/${release}/1`]: held,
    [`refs/patchwright/${release}/repaired-1`]: repaired,
    [`refs/patchwright/${release}/2`]: repaired,
    [`refs/tags/patchwright/${release}`]: repaired,
  };
  const found = Object.fromEntries(
    git('for-each-ref', '--format=%(refname) %(objectname)', 'refs/tags/patchwright', 'refs/patchwright')
      .split('\n')
      .map((line) => line.split(' ') as [string, string])
      .filter(([ref]) => ref.endsWith(`/${release}`) || ref.includes(`/${release}/`)),
  );
  for (const ref of new Set([...Object.keys(wanted), ...Object.keys(found)])) {
    if (found[ref] !== wanted[ref]) problems.push(`git: ${ref} is ${found[ref]}, not ${wanted[ref]}`);
    if (found[ref] === undefined) continue;
    const written = git('reflog', 'show', '--format=%H', ref).split('\n').filter(Boolean).length;
    if (written !== 1) problems.push(`git: ${ref} was written ${written} times`);
  }
  if (git('rev-parse', 'main') !== branch) problems.push('git: the branch is not what it was');
  for (const { key, state, reason } of effects)
    if (state !== 'done') problems.push(`effect ${key} is ${state}${reason ? `: ${reason}` : ''}`);
  const pushes = effects.filter(({ kind }) => kind === 'git-ref').map(({ key }) => key);
  // The four above, and the reference from which the next release is compared.
  if (pushes.length !== Object.keys(wanted).length + 1) problems.push(`${pushes.length} pushes: ${pushes.join(', ')}`);
  return problems;
}
