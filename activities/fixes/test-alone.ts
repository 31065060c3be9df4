import { rm } from 'node:fs/promises';
import { isFileOf } from '../../decisions/repair.ts';
import type { Git } from '../../git/clone.ts';
import { commitTree } from '../../git/fix-stack.ts';
import type { GitChange } from '../../workflows/fix-types.ts';

/**
 * The branch with nothing of a change but the file of its failing test, as a commit: a test that the change brings along
 * can be run without the rest of it. Undefined where the change does not touch that file. Safe to repeat.
 *
 * @param index a file that nothing else uses.
 */
export async function testAlone(
  git: Git,
  { base, commit, failingTest }: Pick<GitChange, 'base' | 'commit' | 'failingTest'>,
  index: string,
): Promise<string | undefined> {
  if (failingTest === undefined) return undefined;
  const { test } = failingTest;
  const changed = await git('diff', '--name-only', '-z', '--no-renames', base, commit);
  const own = changed.split('\0').filter((path) => path !== '' && isFileOf(path, { unit: test, test }));
  if (own.length === 0) return undefined;
  const env = { GIT_INDEX_FILE: index };
  try {
    await must(git, ['read-tree', base], env);
    for (const path of own) {
      const listed = await git('ls-tree', '-z', commit, '--', `:(literal)${path}`);
      const [, mode, object] = /^(\d{6}) blob ([0-9a-f]{40,64})\t/.exec(listed) ?? [];
      if (mode !== undefined)
        await must(git, ['update-index', '--add', '--cacheinfo', `${mode},${object},${path}`], env);
      // It asks for a work tree, which a bare clone has none of, and looks at nothing there.
      else await must(git, ['update-index', '--force-remove', '--', path], { ...env, GIT_WORK_TREE: '.' });
    }
    const tree = await must(git, ['write-tree'], env);
    const alone = await commitTree(git, { tree, parent: base, message: `The test of ${commit} alone` });
    await git('update-ref', `refs/patchwright/kept/${alone}`, alone);
    return alone;
  } finally {
    await rm(index, { force: true });
  }
}

async function must(git: Git, args: string[], env: Record<string, string>): Promise<string> {
  const { exitCode, stdout, stderr } = await git.tryGit(args, { env });
  if (exitCode !== 0) throw new Error(`git ${args[0]}: ${stderr.trim()}`);
  return stdout.trim();
}
