import type { Build, StandIn } from '../workflows/types.ts';

/** Lines of a build's reasons that go along with every verdict. */
const MOST_REASONS = 2;
const REASON_CHARACTERS = 240;

/** What is compared with instead of a base that does not build (triage.md, step 5). */
export function standInFor(
  { version, commit }: Pick<Build, 'version' | 'commit'>,
  reasons: readonly string[],
): StandIn {
  const why = reasons.slice(0, MOST_REASONS).join('; ');
  return { version, commit, reason: why.length > REASON_CHARACTERS ? `${why.slice(0, REASON_CHARACTERS)}…` : why };
}

/** As a verdict names the arm: *fails 8 of 8 on the candidate, 0 of 5 on 3.6.2-fork.4, which was released last*. */
export const standInName = ({ version }: StandIn) => `${version}, which was released last`;

/** A verdict's reason is of an arm that is called the base; here it was another, and means less. */
export function reasonAgainst(standIn: StandIn, kind: string, reason: string): string {
  const said = reason.replaceAll(/\bthe base\b(?! does not build)/g, standInName(standIn));
  const since =
    kind === 'pre-existing' ? '; it was so before this candidate, and whether the base is so too is not known' : '';
  return `${said}${since}`;
}

/** For the thread, when both are built. */
export function standInWords(standIn: StandIn): string {
  const { version, commit, reason } = standIn;
  return [
    `The base itself does not build (${reason}). The candidate is compared with the last released candidate ${version} (${commit.slice(0, 12)}) instead.`,
    'What fails there as well is called pre-existing: it was so before this candidate, and may be an earlier patch’s doing. A regression may be a patch’s or the new base’s: no patch is searched for.',
  ].join(' ');
}

export const NO_STAND_IN =
  'no other candidate of this fork was released whose artifacts are kept and could stand for it: mend the base, or the build';

/** Why no patch is named where the base does not build. */
export const NOT_SEARCHED =
  'not searched for: the base does not build, so that what a patch did and what came with the base cannot be told apart';
