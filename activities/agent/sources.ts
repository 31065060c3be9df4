import type { BlobReader } from '../../git/blobs.ts';
import { type GitTools, gitIn } from '../../git/clone.ts';
import { hiddenWords } from '../../lib/hidden-characters.ts';
import { TooMuchOutput } from '../../lib/run.ts';
import type { AgentSubject } from '../../workflows/agent-types.ts';

/** Larger files are generated or data: an agent that needs a part of one finds it by searching. */
export const MOST_BYTES = 2_000_000;
const MOST_MATCHES = 400;
const MOST_COMMITS = 30;
const MOST_NAMED = 5;

/** `blobs`: a git that stays, for whoever reads much. */
export type SourceTools = GitTools & { blobs?: BlobReader };

/**
 * A fork's source as our own bare clone has it. git reads objects only: nothing is checked out, and nothing of the
 * repository's configuration applies. What a model asks wrongly is answered in words; what the machine cannot do is thrown.
 */
export function createSources(tools: SourceTools, mirror: string) {
  const { tryGit } = gitIn(tools, mirror);
  // An exit status is an answer: no such path, nothing found, a pattern that is none.
  const ask = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await tryGit(['--literal-pathspecs', ...args]);
    return { ok: exitCode === 0, stdout, said: stderr.trim().split('\n')[0]?.slice(0, 200) ?? '' };
  };

  return {
    /** The text as it is, undefined where there is no such file. */
    async read(commit: string, path: string): Promise<string | undefined> {
      if (pathProblem(path) !== undefined) return undefined;
      const name = `${commit}:${path}`;
      const read = await tools.blobs?.(mirror, name, MOST_BYTES);
      if (read !== undefined) return read;
      try {
        // One process: a size asked for first would double what each reading costs.
        const { exitCode, stdout } = await tryGit(['show', '--no-textconv', name], { maxBytes: MOST_BYTES });
        return exitCode === 0 ? stdout : undefined;
      } catch (error) {
        if (error instanceof TooMuchOutput)
          return `(more than ${MOST_BYTES} bytes: too large to be read; search in it)`;
        throw error;
      }
    },

    /** `failed`: nothing was looked for, and the words are an error, which may repeat what was asked. */
    async search(commit: string, pattern: string, under: string): Promise<{ text: string; failed?: true }> {
      const problem = under === '' ? undefined : pathProblem(under);
      if (problem !== undefined) return { text: problem, failed: true };
      const how = ['-n', '-I', '-E', '--no-textconv', '--full-name', '-m', '50'];
      const { stdout, said } = await ask('grep', ...how, '-e', pattern, commit, '--', under || '.');
      if (stdout === '' && said !== '') return { text: `git grep: ${said}`, failed: true };
      if (stdout === '') return { text: 'nothing matches' };
      const lines = stdout.split('\n', MOST_MATCHES);
      const found = lines.map((line) => line.slice(commit.length + 1, commit.length + 400));
      const odd = found.filter((line) => hiddenWords(line) !== '');
      if (odd.length === 0) return { text: found.join('\n') };
      const where = [...new Set(odd.map((line) => line.slice(0, line.indexOf(':'))))].slice(0, MOST_NAMED);
      const hidden = hiddenWords(odd.join('\n'), { lines: false });
      return { text: `${found.join('\n').replace(/\n$/, '')}\n(of what is found in ${where.join(', ')}: ${hidden})\n` };
    },

    /** Files that have one of these texts in any case, with how many lines do. Nothing where none does. */
    async matches(commit: string, texts: readonly string[]): Promise<{ path: string; lines: number }[]> {
      if (texts.length === 0) return [];
      const how = ['-I', '-i', '-F', '-z', '--count', '--no-textconv', '--full-name'];
      const { stdout } = await ask('grep', ...how, ...texts.flatMap((text) => ['-e', text]), commit, '--');
      return [...stdout.matchAll(/([^\0\n]+)\0(\d+)\n/g)].map(([, named = '', lines = '0']) => {
        return { path: named.slice(commit.length + 1), lines: Number(lines) };
      });
    },

    async list(commit: string, under: string): Promise<string> {
      const problem = under === '' ? undefined : pathProblem(under);
      if (problem !== undefined) return problem;
      const folder = under === '' ? [] : [under];
      return (await ask('ls-tree', '-r', '--name-only', commit, '--', ...folder)).stdout || 'there are no files';
    },

    /** Commits that changed it, newest first; with `one` of them the change. Nothing that `commit` does not have. */
    async history(commit: string, path: string, one?: string): Promise<string> {
      const problem = path === '' ? undefined : pathProblem(path);
      if (problem !== undefined) return problem;
      const under = path === '' ? [] : ['--', path];
      if (one === undefined) {
        const how = ['log', `--max-count=${MOST_COMMITS}`, '--date=iso-strict', '--format=%h %cd %s'];
        return (await ask(...how, commit, ...under)).stdout || 'no commit changed it';
      }
      if (!(await ask('merge-base', '--is-ancestor', one, commit)).ok) return `there is no commit ${one} here`;
      const how = ['show', '--no-ext-diff', '--no-textconv', '--no-color', '--date=iso-strict', '--format=%h %cd%n%B'];
      try {
        const { stdout } = await tryGit(['--literal-pathspecs', ...how, one, ...under], { maxBytes: MOST_BYTES });
        return stdout || `${one} changed nothing there`;
      } catch (error) {
        if (error instanceof TooMuchOutput) return `${one} changed too much to be shown: name a file as \`path\``;
        throw error;
      }
    },

    /** Files that differ, with lines added and removed; of a binary one neither is known. */
    async changed(base: string, candidate: string): Promise<ChangedFile[]> {
      const how = ['--numstat', '-z', '--no-renames', '--no-ext-diff', '--no-textconv'];
      const { ok, stdout, said } = await ask('diff', ...how, base, candidate, '--');
      if (!ok) throw new Error(`git diff: ${said}`);
      return [...stdout.matchAll(/(\d+|-)\t(\d+|-)\t([^\0]+)\0/g)].map(([, added = '-', removed = '-', path = '']) => {
        return { path, ...(added !== '-' && { lines: { added: Number(added), removed: Number(removed) } }) };
      });
    },

    /** How a file or a folder differs between two commits or trees; empty where it does not. */
    async compare(from: string, to: string, path: string): Promise<string> {
      const problem = pathProblem(path);
      if (problem !== undefined) return problem;
      const how = ['--no-renames', '--no-ext-diff', '--no-textconv', '--no-color'];
      const asked = ['--literal-pathspecs', 'diff', ...how, from, to, '--', path];
      try {
        const { exitCode, stdout, stderr } = await tryGit(asked, { maxBytes: MOST_BYTES });
        return exitCode === 0 ? stdout : `git diff: ${stderr.trim().split('\n')[0]?.slice(0, 200)}`;
      } catch (error) {
        if (error instanceof TooMuchOutput) return `(more than ${MOST_BYTES} bytes differ: name a file)`;
        throw error;
      }
    },

    /** Only of the stack: nothing else of the repository's history is anybody's business here. */
    async showPatch(
      { base, candidate, guilty = '', stack }: Pick<AgentSubject, 'base' | 'candidate' | 'guilty' | 'stack'>,
      commit: string,
    ): Promise<string> {
      const ranges = [`${base}..${candidate}`, ...(stack === undefined ? [] : [`${stack.base}..${stack.tip}`])];
      const patches = await Promise.all(ranges.map(async (range) => (await ask('rev-list', range)).stdout.split('\n')));
      const full = [...patches.flat(), guilty].find((one) => one.startsWith(commit));
      if (full === undefined) return `${commit} is no patch of this stack`;
      return (await ask('show', '--no-ext-diff', '--no-textconv', '--no-color', full)).stdout;
    },
  };
}

export type ChangedFile = { path: string; lines?: { added: number; removed: number } };

export type Sources = ReturnType<typeof createSources>;

function pathProblem(path: string): string | undefined {
  const fine = path !== '' && !path.startsWith('/') && !path.split('/').includes('..') && !path.includes('\0');
  return fine ? undefined : `"${path.slice(0, 100)}" is not a path inside the repository`;
}
