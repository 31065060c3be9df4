import type { FailureLog, ProofOutcome } from '../workflows/proof-types.ts';
import type { RunCounts, SuiteOutcome, TestsApart, Verdict } from '../workflows/types.ts';
import { NONE_TOUCHED } from './touched-units.ts';
import { testName } from './verdict-words.ts';

const FEWEST = 5;
const MOST = 60;

/**
 * Runs of each test with the change, so that one that fails as often as before is seen with 95 %: (1 − p)^n ≤ 0.05 for
 * a failure rate p; at least five, as for a verdict (triage.md, step 1).
 */
export function proofRuns({ pass, fail }: RunCounts): number {
  if (pass === 0 || fail === 0) return FEWEST;
  const rate = fail / (pass + fail);
  return Math.min(MOST, Math.max(FEWEST, Math.ceil(Math.log(0.05) / Math.log(1 - rate))));
}

export type ProofVerdict = { proven: boolean; reasons: string[] };

/** Fails before, passes after, and everything that passed before still passes: otherwise not proven, and why. */
export function judgeProof(outcome: ProofOutcome): ProofVerdict {
  if (outcome.kind === 'does-not-build') return { proven: false, reasons: ['it does not build', ...outcome.reasons] };
  if (outcome.kind === 'not-run') return { proven: false, reasons: [`it could not be tried: ${outcome.reason}`] };
  const reasons = outcome.tests.flatMap((test) => {
    const { before, after, message } = test;
    const name = testName(test);
    if (before.fail === 0) return [`${name} did not fail before, in ${before.pass} runs: nothing is shown`];
    if (after.pass === 0 && after.fail === 0) return [`${name} was not run with the change`];
    if (after.fail > 0)
      return [
        `${name} still fails, in ${after.fail} of ${after.pass + after.fail} runs${message ? `: ${message}` : ''}`,
      ];
    return [];
  });
  const { whole } = outcome;
  const broke = (whole?.broke ?? []).map((name) => `it breaks ${name}`);
  // Of a part of a suite it is no wonder: who resolves a conflict in a test touches what is run of it.
  const apart = whole?.units === undefined ? whole?.touched : undefined;
  const onlyTouched = apart !== undefined && whole?.passed === 0 && apart.passed > 0;
  const nothing = onlyTouched ? [`all of the suite that passed are ${whichApart(whole?.apart)}: nothing is shown`] : [];
  const all = [...reasons, ...broke, ...nothing];
  return { proven: all.length === 0, reasons: all };
}

/** More logs would push out what else the next attempt is given. */
const MOST_LOGS = 3;

/** Of what a suite was held by: what the failing log says and the base's do not, else the log. */
export const logsOf = (holding: readonly Verdict[]): FailureLog[] =>
  holding
    .map((one) => ({ name: testName(one), message: one.message, log: one.logDifference ?? one.evidence }))
    // Where no log was kept, the evidence is the suite run's name.
    .filter(({ log }) => /^[0-9a-f]{64}$/.test(log))
    .slice(0, MOST_LOGS);

/** What a proof that failed has logs of, for whoever made the change: it is not to be guessed from a test's name. */
export function failureLogs(outcome: ProofOutcome): FailureLog[] {
  if (outcome.kind === 'not-run') return [];
  if (outcome.kind === 'does-not-build')
    return outcome.log === undefined ? [] : [{ name: 'the build', log: outcome.log }];
  const failing = outcome.tests.flatMap(({ after, log, message, ...test }) =>
    after.fail === 0 || log === undefined ? [] : [{ name: testName(test), ...(message && { message }), log }],
  );
  return [...failing, ...(outcome.whole?.logs ?? [])].slice(0, MOST_LOGS);
}

/** Lines before the one on which a failure is told. */
const BEFORE = 3;

/**
 * Of a log what tells its failure, from a little before its first line on: a log begins with how its test was started.
 *
 * @param message what the failure is known to have said.
 */
export function headOfFailure(log: string, message: string | undefined, most: number): string {
  const lines = log.split('\n');
  const said = (message ?? '').trim().slice(0, 60).trim();
  const told = said === '' ? -1 : lines.findIndex((line) => line.replace(/\s+/g, ' ').includes(said));
  const at = told >= 0 ? told : lines.findIndex((line) => /\b(?:error|fail(?:ed|ure)?)\b|exception|assert/i.test(line));
  const from = Math.max(0, at - BEFORE);
  const text = lines.slice(from).join('\n');
  const before = from === 0 ? '' : `… (${from} line${from === 1 ? '' : 's'} before)\n`;
  return before + (text.length <= most ? text : `${text.slice(0, most)}\n… (cut here)`);
}

const REST_NOT_RUN = 'NOT run: the rest of the suite (`repair.proveWhole` is off)';

/** What was counted, for the thread, an approval and a report. */
export function proofWords(outcome: ProofOutcome): string {
  if (outcome.kind !== 'ran') return judgeProof(outcome).reasons.join('; ');
  const tests = outcome.tests.map((test) => {
    const { before, after } = test;
    const of = ({ pass, fail }: RunCounts) => `${fail} of ${pass + fail}`;
    return `${testName(test)} failed ${of(before)} before, ${of(after)} with the change`;
  });
  const rest = outcome.whole ? [suiteProofWords(outcome)] : tests.length > 0 ? [REST_NOT_RUN] : [];
  return ['it builds', ...tests, ...rest].join('; ');
}

/** For the thread. */
export const provenWords = (outcome: ProofOutcome, ran: readonly string[] = []): string =>
  `The agent's change is proven in a clean room: ${[proofWords(outcome), ...ran].join('; ')}`;

/** What was run beside the tests that failed, and what was not. */
export function suiteProofWords(outcome: ProofOutcome): string {
  if (outcome.kind !== 'ran' || outcome.whole === undefined) return 'NOT run';
  const { units, touched, apart, passed, failed, broke } = outcome.whole;
  if (units === 0) return `NOT run: ${NONE_TOUCHED} (\`repair.proveWhole\` is off)`;
  const counted = `${passed} passed, ${failed} failed, ${broke.length} of them broken by it${touched === undefined ? '' : `; ${apartWords(touched, apart)}`}`;
  if (units === undefined) return `whole suite: ${counted}`;
  const some = `${units} units that the stack touches or has beside what it touches`;
  return `${some}: ${counted}; NOT run: the rest of it (\`repair.proveWhole\` is off)`;
}

const apartWords = ({ passed, failed }: { passed: number; failed: number }, apart?: TestsApart) =>
  `apart from these, ${whichApart(apart)}: ${passed} passed, ${failed} failed`;

function whichApart(apart: TestsApart | undefined): string {
  const own = 'tests that the agent touched';
  if (apart === undefined) return own;
  const { classes, named, untold } = apart;
  if (untold !== undefined) return `${own} and all others, since who uses those cannot be told (${untold})`;
  const more = classes - named.length;
  return `${own} or that use what it touched (${named.join(', ')}${more > 0 ? ` and ${more} more` : ''})`;
}

/** What a suite says of a change: what passes in tests that its author touched is told apart, what fails is not. */
export function countedOf({ tests: { passed, failed }, touched, apart }: Counted) {
  if (touched === undefined) return { passed, failed };
  const own = { passed: touched.passed, failed: touched.failed };
  const others = { passed: passed - own.passed, failed: failed - own.failed };
  return { ...others, touched: own, ...(apart && { apart }) };
}

type Counted = Pick<SuiteOutcome, 'tests' | 'touched' | 'apart'>;
