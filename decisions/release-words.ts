import type { Build, Patch, ReleaseOutcome, SuiteOutcome, Verdict } from '../workflows/types.ts';

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

export function suiteWords(outcome: SuiteOutcome): string {
  const { tests } = outcome;
  const ran = `${outcome.suite}: ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped in ${Math.round(outcome.seconds)} s on ${outcome.slots} slots`;
  if (outcome.problem !== undefined) return `${ran}. It does not count: ${outcome.problem}`;
  if (tests.failed === 0) return ran;
  if (outcome.holding.length === 0) return `${ran}. ${clearWords(outcome)}`;
  const named = outcome.holding.slice(0, 5).map((verdict) => {
    const { candidate, base } = verdict;
    const counts = `candidate ${candidate.pass} of ${candidate.pass + candidate.fail} pass, base ${base.pass} of ${base.pass + base.fail}`;
    const culprit = verdict.culprit?.length
      ? `; patch ${verdict.culprit.map((commit) => commit.slice(0, 12)).join(' with ')}`
      : '';
    return `• ${verdict.kind} ${verdict.unit}#${verdict.test} (${counts}${culprit}${endedWords(verdict)})`;
  });
  const more = outcome.holding.length - named.length;
  return [ran, ...named, ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
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
export function holdReasons(outcomes: readonly SuiteOutcome[]): string[] {
  return outcomes.flatMap((outcome) => [
    ...(outcome.problem === undefined ? [] : [`${outcome.suite}: ${outcome.problem}`]),
    ...outcome.holding.map((verdict) => {
      const culprit = verdict.culprit?.length
        ? ` by ${verdict.culprit.map((commit) => commit.slice(0, 12)).join(' with ')}`
        : '';
      return `${verdict.kind} in ${outcome.suite}: ${verdict.unit}#${verdict.test}${culprit}: ${verdict.message}`;
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
