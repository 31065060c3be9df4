import { oneLine } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import type { Git } from './clone.ts';
import { commitTree } from './fix-stack.ts';
import { pickOnto } from './patch-stack.ts';

/** Words of a model: each becomes one line, so that none can pass for a trailer of ours. */
export type ChangeWords = { what: string; why: string; trailers: Record<string, string> };

const SUBJECT = 72;
const BODY = 800;

/** A commit message whose last paragraph is ours alone. */
export function changeMessage({ what, why, trailers }: ChangeWords): string {
  const subject = oneLine(redact(what), SUBJECT) || 'Fix';
  const last = Object.entries(trailers).map(([name, value]) => `${name}: ${oneLine(redact(value), 400)}`);
  return `${subject}\n\nWhy - ${oneLine(redact(why), BODY)}\n\n${last.join('\n')}\n`;
}

/** The change as one commit on its base. Safe to repeat: the same files and words are the same commit. */
export const commitChange = (git: Git, at: { tree: string; base: string; words: ChangeWords }): Promise<string> =>
  commitTree(git, { tree: at.tree, parent: at.base, message: changeMessage(at.words) });

/** The commit that takes it back: on top of it, with the files of its base. */
export async function revertOf(git: Git, at: { commit: string; base: string; ticket: string }): Promise<string> {
  const subject = await git('show', '-s', '--format=%s', at.commit);
  const message = `Revert "${oneLine(subject, SUBJECT)}"\n\nThis reverts ${at.commit}: its verification failed.\n\nTicket: ${at.ticket}\n`;
  return commitTree(git, { tree: await git('rev-parse', `${at.base}^{tree}`), parent: at.commit, message });
}

/** The change's files on another base, or what they conflict in. */
export async function treeOnto(
  git: Git,
  at: { commit: string; onto: string; scratch: string },
): Promise<{ tree: string } | { reasons: string[] }> {
  const subject = await git('show', '-s', '--format=%s', at.commit);
  const picked = await pickOnto(git, at.onto, [{ commit: at.commit, subject }], at.scratch);
  if (picked.kind !== 'cut') return { reasons: picked.reasons };
  return { tree: await git('rev-parse', `${picked.commits[0]}^{tree}`) };
}

const MOST = 8;

/** What came onto a branch since, a line each. */
export async function commitsSince(git: Git, from: string, to: string): Promise<string[]> {
  const { exitCode, stdout } = await git.tryGit(['log', '--format=%h %s', `--max-count=${MOST}`, `${from}..${to}`]);
  if (exitCode !== 0) return [`${from.slice(0, 12)} is no longer part of it`];
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => oneLine(line, 120));
}
