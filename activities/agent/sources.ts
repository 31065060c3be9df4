import { type GitTools, gitIn } from '../../git/clone.ts';
import type { DiagnosisSubject } from '../../workflows/agent-types.ts';

/** Larger files are generated or data: an agent that needs a part of one finds it by searching. */
const MOST_CHARACTERS = 2_000_000;

/**
 * A fork's source as our own bare clone has it. git reads objects only: nothing is checked out, and nothing of the
 * repository's configuration applies.
 */
export function createSources(tools: GitTools, mirrorOf: (fork: string) => string, fork: string) {
  const git = gitIn(tools, mirrorOf(fork));
  const answer = async (...args: string[]) => {
    try {
      return await git(...args);
    } catch {
      return undefined;
    }
  };

  return {
    async read(commit: string, path: string): Promise<string | undefined> {
      const problem = pathProblem(path);
      if (problem !== undefined) return undefined;
      const text = await answer('show', '--no-textconv', `${commit}:${path}`);
      return text?.slice(0, MOST_CHARACTERS);
    },

    async search(commit: string, pattern: string, under: string): Promise<string> {
      const problem = under === '' ? undefined : pathProblem(under);
      if (problem !== undefined) return problem;
      const found = await answer(
        'grep',
        '-n',
        '-I',
        '-E',
        '--no-textconv',
        '--full-name',
        '-m',
        '50',
        '-e',
        pattern,
        commit,
        '--',
        under || '.',
      );
      if (found === undefined || found === '') return 'nothing matches';
      return found
        .split('\n')
        .slice(0, 400)
        .map((line) => line.slice(commit.length + 1, commit.length + 400))
        .join('\n');
    },

    async list(commit: string, under: string): Promise<string> {
      const problem = under === '' ? undefined : pathProblem(under);
      if (problem !== undefined) return problem;
      const found = await answer('ls-tree', '-r', '--name-only', commit, '--', ...(under === '' ? [] : [under]));
      return found || 'there are no files';
    },

    /** Only of the stack: nothing else of the repository's history is anybody's business here. */
    async showPatch(
      { base, candidate }: Pick<DiagnosisSubject, 'base' | 'candidate'>,
      commit: string,
    ): Promise<string> {
      const stack = (await answer('rev-list', `${base}..${candidate}`)) ?? '';
      const full = stack.split('\n').find((one) => one.startsWith(commit));
      if (full === undefined) return `${commit} is no patch of this stack`;
      return (
        (await answer('show', '--no-ext-diff', '--no-textconv', '--no-color', full)) ?? `${commit} cannot be shown`
      );
    },
  };
}

export type Sources = ReturnType<typeof createSources>;

function pathProblem(path: string): string | undefined {
  const fine = path !== '' && !path.startsWith('/') && !path.startsWith(':') && !path.split('/').includes('..');
  return fine && !path.includes('\0') ? undefined : `"${path.slice(0, 100)}" is not a path inside the repository`;
}
