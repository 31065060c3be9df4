import type { Build, Patch, ReleaseOutcome, SuiteOutcome, Verdict } from '../workflows/types.ts';
import { countWords, culpritWords, evidenceWords, kindWords, type PatchName, testName } from './verdict-words.ts';

/** The sentences of a release's thread: plain, short, for a platform engineer who reads them on a phone. */

export function cutWords(patches: readonly Patch[], base: string, version: string, commit: string): string {
  const count = patches.length === 1 ? '1 patch' : `${patches.length} patches`;
  const lines = patches.map((patch, i) => `${i + 1}. ${patch.subject}`);
  return [`Cut ${version} at ${commit.slice(0, 12)}: ${count} on ${base}`, ...lines.slice(-8)].join('\n');
}

export function buildWords(candidate: { build: Build; reused: boolean }, base: { reused: boolean }): string {
  const names = candidate.build.artifacts.map(({ name }) => name).join(', ');
  const how = candidate.reused ? 'Found the build of' : 'Built';
  const baseHow = base.reused ? 'the base was built before' : 'the base was built by the same pipeline';
  return `${how} ${names} (digest ${candidate.build.digest.slice(0, 12)}); ${baseHow}`;
}

/** `patches`: of the candidate, oldest first, so that a culprit has a name. */
export function suiteWords(outcome: SuiteOutcome, patches: readonly PatchName[] = []): string {
  const { tests } = outcome;
  const ran = `${outcome.suite}: ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped in ${Math.round(outcome.seconds)} s on ${outcome.slots} slots`;
  if (outcome.problem !== undefined) return `${ran}. It does not count: ${outcome.problem}`;
  if (tests.failed === 0) return ran;
  const all = kindWords(outcome.verdicts ?? {});
  const judged = `Verdicts: ${all}; reruns took ${Math.round(outcome.rerunSeconds)} s`;
  if (outcome.holding.length === 0) {
    return [`${ran}. ${clearWords(outcome)}`, ...(all === '' ? [] : [judged])].join('\n');
  }
  const named = outcome.holding.slice(0, 5).map((verdict) => `• ${holdingWords(verdict, patches)}`);
  const more = outcome.holding.length - named.length;
  return [ran, ...named, ...(more > 0 ? [`and ${more} more`] : []), ...(all === '' ? [] : [judged])].join('\n');
}

function holdingWords(verdict: Verdict, patches: readonly PatchName[]): string {
  const order = verdict.orderDependent ? ' (by the order of the tests)' : '';
  const power = verdict.kind === 'undecided' && verdict.power !== undefined ? `power ${verdict.power}` : '';
  const details = [countWords(verdict), culpritWords(verdict, patches), power, evidenceWords(verdict)].filter(Boolean);
  return `${verdict.kind}${order} ${testName(verdict)}: ${details.join('; ')}${endedWords(verdict)}`;
}

function clearWords({ quarantined = 0 }: SuiteOutcome): string {
  const apart = quarantined === 0 ? '' : `; ${quarantined} in quarantine ${quarantined === 1 ? 'does' : 'do'} not gate`;
  return `None of the failures is the patches' (reruns on candidate and base)${apart}`;
}

/** A test whose quarantine has ended gates again: whoever forgot it reads so. */
function endedWords({ quarantine }: Verdict): string {
  return quarantine?.expired ? `; its quarantine ended on ${quarantine.until} (${quarantine.ticket})` : '';
}

/** Why suites hold a release; empty when they do not. */
export function holdReasons(outcomes: readonly SuiteOutcome[], patches: readonly PatchName[] = []): string[] {
  return outcomes.flatMap((outcome) => [
    ...(outcome.problem === undefined ? [] : [`${outcome.suite}: ${outcome.problem}`]),
    ...outcome.holding.map((verdict) => {
      const culprit = culpritWords(verdict, patches);
      const by = culprit === '' ? '' : ` by ${culprit}`;
      return `${verdict.kind} in ${outcome.suite}: ${testName(verdict)}${by}: ${verdict.message}`;
    }),
  ]);
}

export function endWords(release: string, outcome: ReleaseOutcome): string {
  if (outcome.kind === 'released') return `${release} is released`;
  const reasons = outcome.reasons.slice(0, 5).map((reason) => `• ${reason}`);
  return [`${release} is ${outcome.kind} at ${outcome.at}`, ...reasons].join('\n');
}

export function toneOf(outcome: ReleaseOutcome): 'good' | 'warn' | 'bad' {
  if (outcome.kind === 'released') return 'good';
  return outcome.kind === 'frozen' || outcome.kind === 'failed' || outcome.kind === 'rolled-back' ? 'bad' : 'warn';
}
