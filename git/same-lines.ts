import type { Git } from './clone.ts';

const WHOLE = ['-p', '--binary', '--full-index', '--no-ext-diff', '--no-textconv', '--no-renames'];

/** What a commit does to its files, without where that stands in them and what they were before. */
async function linesOf(git: Git, commit: string): Promise<string | undefined> {
  const { exitCode, stdout } = await git.tryGit(['diff-tree', ...WHOLE, `${commit}^`, commit]);
  if (exitCode !== 0) return undefined;
  const lines = stdout.split('\n').filter((line) => !/^index [0-9a-f]+\.\.[0-9a-f]+/.test(line));
  return lines.map((line) => (line.startsWith('@@ ') ? '@@' : line)).join('\n');
}

/**
 * Whether a branch has the very lines of a commit by another one, as a server makes it that squashes or rebases. What git
 * calls the same patch is looked at once more: to it an indentation is nothing, and in YAML it is all the difference.
 */
export async function hasSameLines(git: Git, at: { tip: string; commit: string; base: string }): Promise<boolean> {
  const { tip, commit, base } = at;
  const alike = await git.tryGit(['cherry', tip, commit, base]);
  if (alike.stdout.trim() !== `- ${commit}`) return false;
  const paths = await git('diff-tree', '-r', '-z', '--name-only', '--no-renames', base, commit);
  const of = paths.split('\0').filter((path) => path !== '');
  const since = await git(
    '--literal-pathspecs',
    'rev-list',
    '--full-history',
    '--no-merges',
    `${base}..${tip}`,
    '--',
    ...of,
  );
  const lines = await linesOf(git, commit);
  for (const one of since.split('\n').filter((line) => line !== ''))
    if ((await linesOf(git, one)) === lines) return true;
  return false;
}
