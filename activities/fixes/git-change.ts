import { join } from 'node:path';
import { codeOf } from '../../config/code.ts';
import type { ForkSettings } from '../../config/schema.ts';
import { NO_CASE, passesAlready } from '../../decisions/failing-case.ts';
import { parseGitDiff } from '../../decisions/git-diff.ts';
import { type Git, withMirror } from '../../git/clone.ts';
import { type ChangeWords, commitChange, revertOf, treeOnto } from '../../git/ticket-change.ts';
import { oneLine } from '../../lib/plain-text.ts';
import type { Proposal } from '../../workflows/agent-types.ts';
import type { FixPlan, GitChange } from '../../workflows/fix-types.ts';
import { createWorkspaces, type WorkspaceDeps } from '../agent/workspace.ts';
import { permanent } from '../failures.ts';
import { type CheckDeps, checkCommit } from './check.ts';
import type { Drafted, FixAt, Made, Proof } from './kind.ts';

export type GitFixDeps = CheckDeps & WorkspaceDeps;

/** What kinds of fix have in common that are files: all of it in our own clone, none of it an effect. */
export function createGitChanges(deps: GitFixDeps) {
  const mirrorOf = (name: string) => join(deps.dataDir, 'git', `${name}.git`);

  return {
    /** Brings our clone up to date and works in it. */
    within<T>({ settings }: FixAt, name: string, work: (git: Git, code: ForkSettings) => Promise<T>): Promise<T> {
      const code = requireCode(settings, name);
      return withMirror(deps, mirrorOf(name), code.repository, (git) => work(git, code));
    },

    mirrorOf,
    checkCommit: (at: Parameters<typeof checkCommit>[1]) => checkCommit(deps, at),

    /** What was handed in, as a commit on what it was made on. */
    async commitOf(
      git: Git,
      { name, base, proposal, words }: { name: string; base: string; proposal: Proposal; words: ChangeWords },
    ): Promise<string> {
      const workspaces = createWorkspaces(deps, mirrorOf(name));
      await workspaces.ensure(base, { tree: proposal.tree }, () => deps.artifacts.read(proposal.patch));
      const commit = await commitChange(git, { tree: proposal.tree, base, words });
      // Kept by a reference of ours, until long after it was decided.
      await git('update-ref', `refs/patchwright/kept/${commit}`, commit);
      return commit;
    },

    /** Its change on another base; the patch of record is made anew. */
    async rebased(
      git: Git,
      { change, onto, words }: { change: GitChange; onto: string; words: ChangeWords },
    ): Promise<Drafted<GitChange>> {
      const { commit: of, target } = change;
      const scratch = join(deps.dataDir, 'git', `onto-${of}`);
      const merged = await treeOnto(git, { commit: of, onto, scratch });
      if ('reasons' in merged)
        return { kind: 'refused', reasons: [`on what came to ${target} since: ${merged.reasons.join('; ')}`] };
      const commit = await commitChange(git, { tree: merged.tree, base: onto, words });
      await git('update-ref', `refs/patchwright/kept/${commit}`, commit);
      const patch = (await deps.artifacts.put(await patchOf(git, onto, commit))).sha256;
      return { kind: 'drafted', change: { ...change, base: onto, commit, tree: merged.tree, patch } };
    },

    /** The inverse as a commit, kept like the change. */
    async inverseOf(git: Git, change: Pick<GitChange, 'base' | 'commit'>, ticket: string): Promise<string> {
      const inverse = await revertOf(git, { ...change, ticket });
      await git('update-ref', `refs/patchwright/kept/${inverse}`, inverse);
      return inverse;
    },

    /** The ticket's own failing case: it has to fail before and to pass with the change. */
    async proveCase(at: FixAt, name: string, { base, commit, failingCase }: GitChange): Promise<Proof> {
      if (failingCase === undefined) return { proven: true, lines: [NO_CASE] };
      const code = requireCode(at.settings, name);
      const command = ['sh', '-c', failingCase];
      const run = (of: string, key: string) =>
        checkCommit(deps, { name, code, commit: of, command, key: `${at.run}/case-${key}` });
      const [before, after] = [await run(base, 'before'), await run(commit, 'after')];
      const shown = `failing case \`${oneLine(failingCase, 160)}\`: before: ${before.words}; with the change: ${after.words}`;
      if (before.kind === 'passed') return { proven: false, lines: [passesAlready(shown)] };
      return { proven: after.kind === 'passed', lines: [shown] };
    },
  };
}

export type GitChanges = ReturnType<typeof createGitChanges>;

export function requireCode(settings: FixAt['settings'], name: string): ForkSettings {
  const code = codeOf(settings, name);
  if (code === undefined)
    throw permanent('BadConfiguration', `${name} is no longer configured: hand the ticket off again`);
  return code;
}

export function proposalOf(made: Made): Proposal {
  if ('proposal' in made) return made.proposal;
  throw permanent('BadConfiguration', 'a change of files was made by fields: this is an error of ours');
}

/** The patch of record: what our git says the change is. */
async function patchOf(git: Git, from: string, to: string): Promise<string> {
  const options = ['-p', '--binary', '--full-index', '--no-ext-diff', '--no-textconv', '--no-renames'];
  const { stdout, exitCode, stderr } = await git.tryGit(['diff-tree', ...options, from, to]);
  if (exitCode !== 0) throw new Error(`git diff-tree: ${stderr.trim()}`);
  return stdout;
}

export const wordsOf = (at: FixAt, plan: FixPlan, more: Record<string, string> = {}): ChangeWords => ({
  ...{ what: plan.what, why: plan.why },
  trailers: { ...more, Ticket: at.ticket, 'Proposed-By': `patchwright ${at.run}` },
});

/** Of what a change is checked by, the files that it touches itself: then the check says nothing of it. */
export function touchesCheck(patch: string, command: readonly string[]): string[] {
  const parsed = parseGitDiff(patch);
  const paths = parsed.kind === 'diff' ? parsed.files.flatMap(({ path, from = path }) => [path, from]) : [];
  return [...new Set(paths)].filter((path) => command.some((word) => word.replace(/^\.\//, '') === path));
}

/** Lines of a patch, counted. */
export function sizeWords(patch: string): string {
  const lines = patch.split('\n');
  const count = (sign: string) =>
    lines.filter((line) => line.startsWith(sign) && !line.startsWith(sign.repeat(3))).length;
  const files = lines.flatMap((line) => /^diff --git a\/(.+) b\/\1$/.exec(line)?.[1] ?? []);
  return `${files.slice(0, 8).join(', ')}${files.length > 8 ? ` and ${files.length - 8} more` : ''} (+${count('+')} −${count('-')})`;
}
