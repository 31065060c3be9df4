import { type GitTools, gitIn } from './clone.ts';

/** What people and the next comparison go by: the commit of the fork that is released now. */
export const RELEASED = 'refs/patchwright/released';

export const tagOf = (release: string) => `refs/tags/patchwright/${release}`;

/** Beside the tag of a release that was taken back: what was published under a name stays under it. */
export const takenBackTagOf = (release: string) => `${tagOf(release)}-taken-back`;

type Remote = GitTools & { dir: string; repository: string };

export function remoteRefs(remote: Remote) {
  const { tryGit } = gitIn(remote, remote.dir);
  const git = async (args: readonly string[], env: Record<string, string> = {}) => {
    const { exitCode, stdout, stderr } = await tryGit(args, { env, timeoutMs: 5 * 60_000 });
    if (exitCode !== 0) throw new Error(`git ${args[0]}: ${stderr.trim() || `exit ${exitCode}`}`);
    return stdout.trim();
  };
  return {
    /** The object that a reference names there. */
    async read(ref: string): Promise<string | undefined> {
      const listed = await git(['ls-remote', '--', remote.repository, ref]);
      return listed.split(/\s/)[0] || undefined;
    },

    /** Moves a reference where it still names `seen` (nothing: where it is not there); without `to` it is deleted. */
    async move(ref: string, { seen, to = '' }: { seen: string | undefined; to?: string | undefined }): Promise<void> {
      const lease = `--force-with-lease=${ref}:${seen ?? ''}`;
      await git(['push', '--quiet', lease, '--', remote.repository, `${to}:${ref}`]);
    },

    /** A tag with words of its own, in our clone alone: the same words make the same object. */
    async tagObject(name: string, commit: string, at: Date, words: string): Promise<string> {
      const by = {
        GIT_COMMITTER_NAME: 'Patchwright',
        GIT_COMMITTER_EMAIL: 'patchwright@localhost',
        GIT_COMMITTER_DATE: at.toISOString(),
      };
      await git(['tag', '--annotate', '--no-sign', '--force', '--message', words, '--', name, commit], by);
      return git(['rev-parse', '--verify', `refs/tags/${name}`]);
    },
  };
}
