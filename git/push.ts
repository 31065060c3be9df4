import type { Git } from './clone.ts';

export type Pushed = { kind: 'pushed' } | { kind: 'refused'; words: string };

/**
 * Pushes one commit onto one reference, fast-forward only. `refused`: the server said no for good, and took nothing.
 *
 * @throws whatever else went wrong: it may be another thing at the next try, and whether it arrived has to be read back.
 */
export async function pushCommit(git: Git, repository: string, commit: string, ref: string): Promise<Pushed> {
  const { exitCode, stdout, stderr } = await git.tryGit(['push', '--porcelain', '--', repository, `${commit}:${ref}`]);
  if (exitCode === 0) return { kind: 'pushed' };
  const words = serversNo({ stdout, stderr });
  if (words !== undefined) return { kind: 'refused', words };
  throw new Error(`git push: ${stderr.trim() || stdout.trim() || `exit ${exitCode}`}`);
}

/** git's own line of a reference that the server would not move: a rule or a hook of its, and no lock that somebody holds. */
const REJECTED = /^!\t[^\t]*\t\[remote rejected\] \((.*)\)$/m;
const FOR_GOOD =
  /declined|violation|refusing to allow|protected|denied|not allowed|prohibited|forbidden|read.?only|policy|GH\d{3}/i;
/** The account may not write there at all: the server ended it before anything was sent. */
const NO_ACCESS = /^(?:fatal: .*The requested URL returned error: 403|ERROR: .*(?:denied|not allowed|read.only)).*$/im;

/** Why the server will not take a push, in its words; undefined where it did not say so. */
export function serversNo({ stdout, stderr }: { stdout: string; stderr: string }): string | undefined {
  const reason = REJECTED.exec(stdout)?.[1];
  const said = stderr
    .split('\n')
    .flatMap((line) => /^remote: *(\S.*?)\s*$/.exec(line)?.[1] ?? [])
    .join(' ');
  if (reason !== undefined) return FOR_GOOD.test(reason) ? `${said === '' ? '' : `${said} `}(${reason})` : undefined;
  const access = NO_ACCESS.exec(stderr)?.[0];
  return access && `${said === '' ? '' : `${said} `}(${access})`;
}
