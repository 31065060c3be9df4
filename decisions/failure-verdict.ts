import type { RunCounts, VerdictKind } from '../workflows/types.ts';
import { fisherWorse, powerOf, worseByAtMost } from './statistics.ts';

/** What runs of one test alone said on one arm. `missing`: the arm does not have the test. */
export type ArmRuns = RunCounts & {
  missing: number;
  /** Of the failures, those in which the process died. */
  crashed: number;
};

export type Evidence = { candidate: ArmRuns; base: ArmRuns /** Of one run. */; seconds: number };

/** Configured per suite (`reruns`). */
export type RerunPolicy = { perArm: number; maxPerArm: number; maxPerArmQuick: number; secondsPerTest: number };

export type Judgement =
  | { kind: 'verdict'; verdict: VerdictKind; power?: number; reason: string }
  /** Not enough is known. `alone`: each in a new process; otherwise one warm process an arm. */
  | { kind: 'more'; candidate: number; base: number; alone: boolean };

export const NO_RUNS: ArmRuns = { pass: 0, fail: 0, missing: 0, crashed: 0 };

/** More candidate runs before a difference of 5 against 5 is called a regression (triage.md, step 2). */
const CONFIRMATIONS = 3;
/** Runs an arm at which the counts are looked at; α is shared among the looks, so that looking often costs nothing. */
const LOOKS = [5, 10, 20, 40, 80, 120, 240, 400];
const ALPHA = 0.01;
/** No worse than the base by this, or by half of the base's own rate where that is more. */
const MARGIN = 0.1;

/**
 * What one failed test is, from controlled reruns on both arms (triage.md, *Verdicts*), or which runs are still
 * needed to say so. The failure in the suite itself is not among the counts: it is why the test was chosen.
 */
export function judgeFailure({ candidate, base, seconds }: Evidence, policy: RerunPolicy): Judgement {
  const [c, b] = [total(candidate), total(base)];
  const short = { candidate: policy.perArm - c - candidate.missing, base: policy.perArm - b - base.missing };
  if (short.candidate > 0 || short.base > 0) {
    return { kind: 'more', candidate: Math.max(0, short.candidate), base: Math.max(0, short.base), alone: true };
  }
  if (c === 0) return verdict('undecided', 'the test could not be run alone on the candidate');
  if (b === 0) return verdict('untestable', 'the base does not have this test, or cannot run it');
  if (candidate.pass === 0 && base.pass === 0) {
    const died = candidate.crashed === c && base.crashed === b;
    return died
      ? verdict('infrastructure', `the process dies on both arms (${c} and ${b} runs)`)
      : verdict('pre-existing', `fails on the base as well, ${b} of ${b}`);
  }
  if (candidate.pass === 0 && base.fail === 0) {
    const confirmed = policy.perArm + CONFIRMATIONS;
    return c < confirmed
      ? { kind: 'more', candidate: confirmed - c, base: 0, alone: true }
      : verdict('regression', `fails ${c} of ${c} on the candidate, passes ${b} of ${b} on the base`);
  }
  return judgeMixed(candidate, base, seconds, policy);
}

/** Step 4: neither arm is certain, or everything passes now that it runs alone. */
function judgeMixed(candidate: ArmRuns, base: ArmRuns, seconds: number, policy: RerunPolicy): Judgement {
  const [c, b] = [total(candidate), total(base)];
  const looks = looksOf(seconds, policy);
  const alpha = ALPHA / looks.length;
  const counts = `fails ${candidate.fail} of ${c} on the candidate, ${base.fail} of ${b} on the base`;
  const baseRate = base.fail / b;
  const conclude = (kind: VerdictKind, reason = counts) => {
    const candidateRate = Math.min(1, baseRate + MARGIN);
    return verdict(kind, reason, round(powerOf({ candidateRate, baseRate, runs: Math.min(c, b), alpha })));
  };
  if (fisherWorse(candidate, base) <= alpha) return conclude('destabilised');
  if (worseByAtMost(candidate, base) < Math.max(MARGIN, baseRate / 2)) return conclude('flaky');

  const affordable = Math.max(policy.perArm, Math.floor(policy.secondsPerTest / Math.max(seconds, 0.001)));
  const next = Math.min(affordable, looks.find((look) => look > Math.min(c, b)) ?? 0);
  if (next > Math.min(c, b)) {
    return { kind: 'more', candidate: Math.max(0, next - c), base: Math.max(0, next - b), alone: false };
  }
  // Too slow to be run more often: not one failure in any rerun is what a flake looks like (99.96 %, triage.md).
  if (candidate.fail === 0 && base.fail === 0) return conclude('flaky', `${counts}; too slow for more runs`);
  return conclude('undecided');
}

/** A tenth more of a rate that is not small takes more than forty runs to exclude: where one is cheap they are made. */
function looksOf(seconds: number, { maxPerArm, maxPerArmQuick }: RerunPolicy): number[] {
  const most = seconds < 1 ? Math.max(maxPerArm, maxPerArmQuick) : maxPerArm;
  return [...LOOKS.filter((look) => look < most), most];
}

/** The verdicts that hold a release (triage.md). */
export function holdsRelease(kind: VerdictKind): boolean {
  return kind === 'regression' || kind === 'destabilised' || kind === 'undecided' || kind === 'untestable';
}

/** One run of a test, as the store has it. */
export type RunFacts = {
  ended: string;
  complete: boolean;
  ownPassed: boolean;
  ownFailed: boolean;
  ownSkipped: boolean;
  anyFailed: boolean;
  results: number;
  /** True where a whole unit was run for a failure of its own (its initialisation, its crash). */
  wholeUnit: boolean;
  message: string | null;
};

export type RunAnswer = 'pass' | 'fail' | 'crash' | 'unlinkable' | 'missing';

/** What one run says about the test that it was made for. */
export function readRun(run: RunFacts): RunAnswer {
  if (run.ownFailed || (!run.wholeUnit && run.anyFailed && !run.ownPassed)) {
    if (run.message !== null && LINKAGE.test(run.message)) return 'unlinkable';
    return run.ended === 'crash' ? 'crash' : 'fail';
  }
  // A unit that was not run to its end has not shown that it can be.
  if (run.wholeUnit && !run.complete) return run.ended === 'crash' ? 'crash' : 'fail';
  if (run.ownPassed) return 'pass';
  if (run.ownSkipped) return 'missing';
  // A parameterised method that failed as a whole has no result of its own when its invocations pass.
  return run.results > 0 ? 'pass' : 'missing';
}

/** Thrown where a class or method is not there; a static initialiser that threw says NoClassDefFoundError too. */
const LINKAGE =
  /^(?:java\.lang\.)?(?:NoSuchMethodError|NoSuchFieldError|NoClassDefFoundError(?!: Could not initialize)|AbstractMethodError|IncompatibleClassChangeError|ClassNotFoundException|UnsupportedClassVersionError)\b/;

/**
 * The answers of one arm, counted. A test that cannot be linked was compiled against something that this arm does
 * not have: on the candidate that is a failure like any other (a patch took an API away), on the base it says
 * nothing about behaviour (kafka.md: KAFKA-16570) unless the candidate cannot link it either.
 */
export function countRuns(answers: readonly RunAnswer[], unlinkable: 'fail' | 'missing'): ArmRuns {
  const count = (...kinds: RunAnswer[]) => answers.filter((answer) => kinds.includes(answer)).length;
  const lost = count('unlinkable');
  return {
    pass: count('pass'),
    fail: count('fail', 'crash') + (unlinkable === 'fail' ? lost : 0),
    missing: count('missing') + (unlinkable === 'missing' ? lost : 0),
    crashed: count('crash'),
  };
}

export function weigh(candidate: readonly RunAnswer[], base: readonly RunAnswer[], seconds: number): Evidence {
  return {
    candidate: countRuns(candidate, 'fail'),
    base: countRuns(base, candidate.includes('unlinkable') ? 'fail' : 'missing'),
    seconds,
  };
}

const total = ({ pass, fail }: RunCounts) => pass + fail;
const round = (x: number) => Math.round(x * 1000) / 1000;
const verdict = (kind: VerdictKind, reason: string, power?: number): Judgement => ({
  kind: 'verdict',
  verdict: kind,
  reason,
  ...(power === undefined ? {} : { power }),
});
