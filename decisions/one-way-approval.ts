import type { ApprovalQuestion } from '../workflows/approval-types.ts';
import type { Build, Digest, Patch } from '../workflows/types.ts';
import { notCounted } from './approval.ts';

type About = { release: string; candidate: Pick<Build, 'commit' | 'version' | 'digest'>; reasons: readonly string[] };

/** What an approval of a one-way candidate is bound to; read anew from the order when the roll-out begins. */
export function oneWayBinds({ release, candidate, reasons }: About): Record<string, string> {
  const { commit, version, digest } = candidate;
  return { release, artifacts: digest, commit, version, reasons: reasons.join('; ') };
}

/** Asked before anything but the first environment takes what cannot safely be taken back. */
export function oneWayQuestion(
  about: About & {
    id: string;
    settings: Digest;
    requestedBy: string;
    patches: readonly Pick<Patch, 'author' | 'subject'>[];
    /** Whoever asked for changes of a repair that is in it. */
    steered?: readonly string[];
    environments: readonly string[];
    /** To what was approved before; nothing at the first time. */
    difference?: readonly string[];
    /** What a rehearsal of the way back showed. */
    evidence?: readonly string[];
  },
): ApprovalQuestion {
  const {
    id,
    release,
    candidate,
    reasons,
    settings,
    requestedBy,
    patches,
    steered = [],
    environments,
    difference = [],
    evidence = [],
  } = about;
  const where = environments.join(', then ');
  const lines = [
    `${candidate.version} (${candidate.commit.slice(0, 12)}) is to go to ${where}. It may not be possible to go back: the old artifact may not read what this one writes.`,
    ...reasons.map((reason) => `- ${reason}`),
    `If it fails there, it is frozen and somebody is called, instead of rolled back.`,
    ...evidence,
    ...difference,
    `Patches: ${patches.map(({ subject }) => subject).join('; ')}`,
  ];
  return {
    ...{ id, kind: 'one-way-release', settings, release },
    title: `${release}: ${candidate.version} is one-way; may it go to ${where}?`,
    summary: shortened(lines.join('\n'), release),
    binds: oneWayBinds(about),
    requester: requestedBy,
    excluded: notCounted(patches, steered),
    risk: { environments: environments.slice(environments.length > 1 ? 1 : 0), irreversible: true },
  };
}

const MOST = 3_000;

function shortened(text: string, release: string): string {
  if (text.length <= MOST) return text;
  const words = (left: number) => `\n… cut here: ${left} more characters; all of it: npx patchwright report ${release}`;
  const shown = text.slice(0, MOST - words(text.length).length);
  return `${shown}${words(text.length - shown.length)}`;
}

/** The environments that need it: all but the first, which is there to find out; the only one, where there is one. */
export function needsOneWayApproval(environments: readonly string[], environment: string): boolean {
  return environments.length === 1 || environments.indexOf(environment) > 0;
}
