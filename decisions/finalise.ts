import type { ApprovalQuestion } from '../workflows/approval-types.ts';
import type { EnvironmentState } from '../workflows/environment-messages.ts';
import type { Digest } from '../workflows/types.ts';

/** Why a level cannot be finalised in an environment as it stands, or undefined. A sentence, because a person reads it. */
export function finaliseProblem({ environment, running, paused, frozen, promoted }: EnvironmentState) {
  if (running) return `${running.request.order.rollout} rolls out in ${environment}: finalise after it`;
  const brake = paused ?? frozen;
  if (brake) return `${environment} is ${paused ? 'paused' : 'frozen'} by ${brake.by}: ${brake.reason}`;
  if (!promoted)
    return `nothing was promoted in ${environment}: a level is finalised after a roll-out that went through`;
  return undefined;
}

type File = { name: string; sha256: Digest };

/**
 * What each node runs, as its artifact's digest: the candidate's where every file that was read back is the
 * candidate's, else one that is nobody's.
 */
export function runsOf(
  readBacks: Readonly<Record<string, readonly File[]>>,
  candidate: { digest: Digest; artifacts: readonly File[] },
): Record<string, string> {
  const isOurs = (file: File) =>
    candidate.artifacts.some(({ name, sha256 }) => name === file.name && sha256 === file.sha256);
  return Object.fromEntries(
    Object.entries(readBacks).map(([node, files]) => {
      const other = files.find((file) => !isOurs(file));
      if (files.length > 0 && !other) return [node, candidate.digest];
      return [node, other ? `${other.name} ${other.sha256.slice(0, 12)}` : 'nothing of the candidate'];
    }),
  );
}

export type BakedWave = { watch: boolean; gate: 'pass' | 'fail' | 'inconclusive' | undefined };

/** The bake of a roll-out that was promoted, its watch included while that can still take it back. */
export function bakeOf(
  waves: readonly BakedWave[],
  { endedAtMs, nowMs, watchSeconds }: { endedAtMs: number; nowMs: number; watchSeconds: number },
): 'passed' | 'running' | 'failed' {
  const own = waves.filter(({ watch }) => !watch);
  if (own.some(({ gate }) => gate === undefined)) return 'running';
  if (own.some(({ gate }) => gate !== 'pass') || waves.some(({ gate }) => gate === 'fail')) return 'failed';
  const watch = waves.find((wave) => wave.watch);
  // A watch is extended once; one that somebody's hands ended keeps no verdict.
  const lastsMs = (2 * watchSeconds + 60) * 1000;
  return watch && watch.gate === undefined && nowMs < endedAtMs + lastsMs ? 'running' : 'passed';
}

type About = {
  environment: string;
  rollout: string;
  level: string;
  candidate: { digest: Digest; version: string; commit: string };
};

/** What an approval to finalise is bound to; read anew right before the effect. */
export function finaliseBinds({ environment, rollout, level, candidate }: About): Record<string, string> {
  const { digest, version, commit } = candidate;
  return { environment, rollout, level, artifacts: digest, version, commit };
}

/** Asked once everything but the approval holds (K16). */
export function finaliseQuestion(
  about: About & {
    id: string;
    release: string;
    settings: Digest;
    requestedBy: string;
    authors: readonly string[];
    from: string;
  },
): ApprovalQuestion {
  const { id, release, settings, requestedBy, authors, environment, level, from, candidate } = about;
  const lines = [
    `metadata.version of ${environment} is ${from}, and is to be ${level}. It cannot be taken back: an artifact that does not know ${level} will not start there again (K17).`,
    `Every node runs ${candidate.version} (${candidate.commit.slice(0, 12)}), every broker knows ${level}, and the bake has passed; all of it is looked at again right before.`,
  ];
  return {
    ...{ id, kind: 'finalise', settings, release },
    title: `${environment}: finalise ${level} on ${candidate.version}, for good?`,
    summary: lines.join('\n'),
    binds: finaliseBinds(about),
    requester: requestedBy,
    excluded: [...new Set(authors)],
    risk: { environments: [environment], irreversible: true },
  };
}
