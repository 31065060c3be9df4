import type { Patch, RunCounts, Verdict, VerdictKind } from '../workflows/types.ts';
import { NOT_SEARCHED } from './base-stand-in.ts';

/** The sentences about verdicts, for a thread and for a report: plain text. */

/** `TopicTest#accepts()`; a test that does not name its class is told with its unit. */
export function testName({ unit, test }: Pick<Verdict, 'unit' | 'test'>): string {
  const short = (name: string) => name.replace(/^[\w.$]*\.(?=[\w$]+(?:#|$))/, '');
  return test.includes('#') || test === unit ? short(test) : `${short(unit)} ${test}`;
}

/** `fails 8 of 8 on the candidate, 0 of 5 on the base`. */
export function countWords({ candidate, base, against }: Pick<Verdict, 'candidate' | 'base' | 'against'>): string {
  const failed = ({ pass, fail }: RunCounts) => (pass + fail === 0 ? 'not run' : `${fail} of ${pass + fail}`);
  return `fails ${failed(candidate)} on the candidate, ${failed(base)} on ${against ?? 'the base'}`;
}

/** `patch 3 "Subject" (0123456789ab)`, two of them joined by *together with*; nothing where there is none. */
export function culpritWords(
  verdict: Pick<Verdict, 'culprit' | 'culpritReason'>,
  patches: readonly PatchName[],
): string {
  const named = (verdict.culprit ?? []).map((commit) => {
    const at = patches.findIndex((patch) => patch.commit === commit);
    return at < 0 ? commit.slice(0, 12) : `patch ${at + 1} "${patches[at]?.subject}" (${commit.slice(0, 12)})`;
  });
  if (named.length === 0) {
    if (verdict.culpritReason === NOT_SEARCHED) return 'no patch was searched for';
    return verdict.culpritReason === undefined ? '' : 'no patch stands out';
  }
  const alternatives = verdict.culpritReason?.startsWith('one of these') === true;
  return alternatives ? `one of ${named.join(', ')}` : named.join(' together with ');
}

export type PatchName = Pick<Patch, 'commit' | 'subject'>;

/** Where an artifact lies below the store's folder. */
export const artifactName = (digest: string) => `artifacts/${digest.slice(0, 2)}/${digest}`;

/** What to read: what the log says beyond the base's, or the log; nothing where only the suite run is named. */
export function evidenceWords({ logDifference, evidence }: Pick<Verdict, 'logDifference' | 'evidence'>): string {
  if (logDifference !== undefined) return `new in its log: ${artifactName(logDifference)}`;
  return /^[0-9a-f]{64}$/.test(evidence) ? `log: ${artifactName(evidence)}` : '';
}

const KINDS: readonly VerdictKind[] = [
  'regression',
  'destabilised',
  'undecided',
  'untestable',
  'infrastructure',
  'flaky',
  'pre-existing',
];

/** `2 regression, 1 flaky`, those that hold first. */
export function kindWords(kinds: Partial<Record<VerdictKind, number>>): string {
  return KINDS.flatMap((kind) => (kinds[kind] ? [`${kinds[kind]} ${kind}`] : [])).join(', ');
}

/** Verdicts in the order in which they matter. */
export function byWeight<V extends Pick<Verdict, 'kind' | 'unit' | 'test'>>(verdicts: readonly V[]): V[] {
  return [...verdicts].sort(
    (a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || (a.test < b.test ? -1 : a.test > b.test ? 1 : 0),
  );
}
