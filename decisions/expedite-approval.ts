import type { ApprovalQuestion } from '../workflows/approval-types.ts';
import type { Build, Digest, Patch } from '../workflows/types.ts';
import { notCounted } from './approval.ts';

type About = { release: string; candidate: Pick<Build, 'commit' | 'version' | 'digest'> };

/** What an approval of the expedited lane is bound to; read anew from the order when an environment is asked. */
export function expediteBinds({ release, candidate: { commit, version, digest } }: About): Record<string, string> {
  return { release, artifacts: digest, commit, version, lane: 'expedited' };
}

/** The lane that does not wait its turn takes two people by default (design, *Lanes*). Gates and rules stay. */
export function expediteQuestion(
  about: About & {
    id: string;
    settings: Digest;
    requestedBy: string;
    patches: readonly Pick<Patch, 'author' | 'subject'>[];
    /** Whoever asked for changes of a repair that is in it. */
    steered?: readonly string[];
    environments: readonly string[];
  },
): ApprovalQuestion {
  const { id, release, settings, requestedBy, candidate, patches, steered = [], environments } = about;
  const where = environments.join(', then ');
  const lines = [
    `${candidate.version} (${candidate.commit.slice(0, 12)}) asks for the expedited lane through ${where}: it goes before what waits there, does not wait to cool down, and starts in freeze windows that let expedited ones in.`,
    'Suites, rules and gates are those of every release. Whatever the answer, it may go in the ordinary lane.',
    `Patches: ${patches.map(({ subject }) => subject).join('; ')}`,
  ];
  return {
    ...{ id, kind: 'expedite', settings, release },
    title: `${release}: may ${candidate.version} take the expedited lane?`,
    summary: lines.join('\n').slice(0, 3_000),
    binds: expediteBinds(about),
    requester: requestedBy,
    excluded: notCounted(patches, steered),
  };
}
