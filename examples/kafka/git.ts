import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type RunOptions, run } from './run.ts';

/** Who wrote a commit, and when (seconds since 1970, always in UTC). */
export type Signature = { name: string; email: string; seconds: number };

export type Commit = { tree: string; parents: string[]; author: Signature; message: string };

// Whatever the user's git is set to (signing, line ends, hooks' environment), the commits come out the same.
const SAME_EVERYWHERE = [
  ...['GIT_DIR', 'GIT_WORK_TREE', 'GIT_OBJECT_DIRECTORY', 'GIT_ALTERNATE_OBJECT_DIRECTORIES'].flatMap((name) => [
    '-u',
    name,
  ]),
  'GIT_CONFIG_NOSYSTEM=1',
  'GIT_CONFIG_GLOBAL=/dev/null',
  'LC_ALL=C',
];

/** Git on one bare repository, by plumbing alone: no working tree, nothing checked out. */
export function bareGit(repository: string) {
  const git = (args: readonly string[], options: RunOptions = {}, env: readonly string[] = []) =>
    run('env', [...SAME_EVERYWHERE, ...env, 'git', `--git-dir=${repository}`, ...args], options);

  return {
    git,

    async init(): Promise<void> {
      await run('env', [
        ...SAME_EVERYWHERE,
        'git',
        'init',
        '--quiet',
        '--bare',
        '--initial-branch=main',
        '--object-format=sha1',
        '--template=',
        repository,
      ]);
    },

    /** The commit that a ref or an id stands for, or undefined. */
    async commitOf(ref: string): Promise<string | undefined> {
      const found = await git(['for-each-ref', '--format=%(objectname) %(refname)', ref]);
      return found
        .split('\n')
        .map((line) => line.split(' '))
        .find(([, name]) => name === ref)?.[0];
    },

    /** Writes a commit whose bytes, and so whose hash, follow from the argument alone. */
    async writeCommit({ tree, parents, author, message }: Commit): Promise<string> {
      const signed = `${author.name} <${author.email}> ${author.seconds} +0000`;
      const lines = [
        `tree ${tree}`,
        ...parents.map((parent) => `parent ${parent}`),
        `author ${signed}`,
        `committer ${signed}`,
      ];
      const text = `${lines.join('\n')}\n\n${message.trimEnd()}\n`;
      return (await git(['hash-object', '-t', 'commit', '-w', '--stdin'], { input: text })).trim();
    },

    /** The tree of `commit` with diffs put on it, or taken off it. Throws, with what git said, where one does not apply. */
    async applyToTree(commit: string, steps: readonly { diff: string; reverse: boolean }[]): Promise<string> {
      const index = join(repository, `index.${randomUUID()}`);
      const env = [`GIT_INDEX_FILE=${index}`];
      try {
        await git(['read-tree', commit], {}, env);
        for (const { diff, reverse } of steps) {
          const direction = reverse ? ['--reverse'] : [];
          await git(['apply', '--cached', '--whitespace=nowarn', ...direction, '-'], { input: diff }, env);
        }
        return (await git(['write-tree'], {}, env)).trim();
      } finally {
        rmSync(index, { force: true });
      }
    },

    /** Moves refs together: all of them or none. */
    async updateRefs(refs: Readonly<Record<string, string>>): Promise<void> {
      const lines = Object.entries(refs).map(([ref, commit]) => `update ${ref} ${commit}`);
      await git(['update-ref', '--stdin'], { input: `start\n${lines.join('\n')}\nprepare\ncommit\n` });
    },

    async isAncestor(ancestor: string, commit: string): Promise<boolean> {
      const bases = await git(['rev-list', '--max-count=1', ancestor, '--not', commit]);
      return bases.trim() === '';
    },
  };
}

export type BareGit = ReturnType<typeof bareGit>;
