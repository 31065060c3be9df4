import type { ReadBack, RuleFinding } from '../../workflows/types.ts';

/** What a node must hold and run. `commit` is undefined where nobody recorded it (an old artifact put back). */
export type Wanted = { artifacts: readonly { name: string; sha256: string }[]; commit: string | undefined };

/**
 * G6: verify what runs, not what was requested: the digest of every file on the disk, and the commit that
 * the running process reports. `readsCommit` is false for a system whose settings name no way to ask.
 * It cannot be waived. (Strimzi "cannot validate" an image's version; Kafka's AppInfo `commit-id`.)
 */
export function g6RunsWhatWasInstalled(
  target: string,
  readBack: ReadBack,
  wanted: Wanted,
  readsCommit: boolean,
): RuleFinding[] {
  const reasons: string[] = [];
  for (const { name, sha256 } of wanted.artifacts) {
    const found = readBack.artifacts.find((artifact) => artifact.name === name);
    if (!found) reasons.push(`${target} has no ${name}`);
    else if (found.sha256 !== sha256) {
      reasons.push(`${name} on ${target} is ${short(found.sha256)}, not ${short(sha256)}`);
    }
  }
  if (readsCommit && wanted.commit !== undefined && !sameCommit(readBack.commit, wanted.commit)) {
    reasons.push(`${target} runs commit ${readBack.commit || '(none reported)'}, not ${wanted.commit}`);
  }
  return reasons.map((reason) => ({ rule: 'G6', reason }));
}

export const short = (sha256: string) => sha256.slice(0, 12);

/** A process may report an abbreviated commit; fewer than seven characters name nothing. */
function sameCommit(a: string, b: string): boolean {
  if (Math.min(a.length, b.length) < 7) return false;
  return a.startsWith(b) || b.startsWith(a);
}
