import { existsSync, mkdirSync } from 'node:fs';
import { refuseWorkspaces } from '../../git/not-theirs.ts';
import type { RunCommand } from '../../lib/run.ts';

export interface GitPlace {
  /** A repository of ours, which no sandboxed code has written to. */
  clone: string;
  run: RunCommand;
  /** PATH and HOME. */
  env: Readonly<Record<string, string>>;
}

const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.attributesFile=/dev/null',
  'core.quotePath=false',
  'core.autocrlf=false',
  'core.symlinks=true',
  'protocol.ext.allow=never',
  'diff.external=',
  'gc.auto=0',
  'advice.detachedHead=false',
];

export type OurGit = ReturnType<typeof ourGit>;

/** Our git in our clone, with nobody's configuration and no way to run anything else. `must` throws git's own words. */
export function ourGit({ clone, run, env }: GitPlace, index?: string) {
  const args = SETTINGS.flatMap((setting) => ['-c', setting]);
  const quiet = { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' };
  const all: Record<string, string> = { ...env, ...quiet };
  if (index !== undefined) all.GIT_INDEX_FILE = index;
  const runGit = async (...rest: string[]) => {
    refuseWorkspaces(clone);
    return run('git', [...args, ...rest], { cwd: clone, env: all, maxBytes: 64 << 20, timeoutMs: 600_000 });
  };
  const must = async (...rest: string[]) => {
    const { exitCode, stdout, stderr } = await runGit(...rest);
    if (exitCode !== 0) throw new Error(`git ${rest[0]}: ${stderr.trim().slice(-500) || `exit ${exitCode}`}`);
    return stdout.replace(/\n$/, '');
  };
  return { run: runGit, must };
}

/**
 * One commit in a repository that stands alone: nothing in it points back to our clone, so it can be the base of
 * workspaces. `depth`: how much history comes along.
 *
 * @throws where `dir` exists and is not empty for git, or the clone lacks the commit.
 */
export async function checkoutAlone(
  options: GitPlace & { commit: string; dir: string; depth?: number },
): Promise<void> {
  const { clone, commit, dir, depth = 1 } = options;
  if (!/^[0-9a-f]{40,64}$/.test(commit)) throw new Error(`"${commit}" is not a commit`);
  if (existsSync(`${dir}/.git`)) throw new Error(`${dir} is a repository already`);
  mkdirSync(dir, { recursive: true });
  const git = ourGit({ ...options, clone: dir });
  await git.must('init', '--quiet', '--template=', '.');
  // A candidate's commit is on no branch: our own clone may give it by name.
  const give = 'git -c uploadpack.allowAnySHA1InWant=true -c uploadpack.allowFilter=true upload-pack';
  await git.must(
    'fetch',
    '--quiet',
    '--no-tags',
    `--depth=${depth}`,
    `--upload-pack=${give}`,
    `file://${clone}`,
    commit,
  );
  await git.must('checkout', '--quiet', '--detach', commit);
}
