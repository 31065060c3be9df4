import type { RunCounts } from '../workflows/types.ts';

/** What runs of one test said on one arm. `missing`: the arm does not have the test. */
export type ArmRuns = RunCounts & {
  missing: number;
  /** Of the failures, those in which the process died. */
  crashed: number;
};

export const NO_RUNS: ArmRuns = { pass: 0, fail: 0, missing: 0, crashed: 0 };

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

/** `not-executed`: a whole unit of which nothing ran. Its class is not there, nothing compiles, or its start is broken. */
export type RunAnswer = 'pass' | 'fail' | 'crash' | 'unlinkable' | 'not-executed' | 'missing';

/** What one run says about the test that it was made for. */
export function readRun(run: RunFacts): RunAnswer {
  // A unit of which nothing ran may be recorded as a failure: somebody has to see it in the suite.
  if (run.ended === 'nothing-executed' && (run.wholeUnit || run.anyFailed)) return 'not-executed';
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

/** What says nothing about behaviour on an arm that does not have what the candidate has. */
const LACKING: readonly RunAnswer[] = ['unlinkable', 'not-executed'];

/**
 * The answers of one arm, counted. A test that cannot be linked was compiled against something that this arm does
 * not have, and a unit of which nothing is executed may not be there: on the candidate that is a failure like any
 * other (a patch took an API away, or broke the build), on the base it says nothing about behaviour (kafka.md:
 * KAFKA-16570) unless the candidate says the same. `candidate`: the candidate's answers.
 */
export function countRuns(answers: readonly RunAnswer[], candidate: readonly RunAnswer[]): ArmRuns {
  const isLacking = (answer: RunAnswer) => LACKING.includes(answer) && !candidate.includes(answer);
  const behaved = answers.filter((answer) => !isLacking(answer));
  const pass = behaved.filter((answer) => answer === 'pass').length;
  const missing = behaved.filter((answer) => answer === 'missing').length;
  return {
    pass,
    fail: behaved.length - pass - missing,
    missing: missing + answers.length - behaved.length,
    crashed: behaved.filter((answer) => answer === 'crash').length,
  };
}

/** Both arms of one comparison, counted. */
export function countArms(candidate: readonly RunAnswer[], base: readonly RunAnswer[]): BothArms {
  return {
    candidate: countRuns(candidate, candidate),
    base: countRuns(base, candidate),
  };
}

export type BothArms = { candidate: ArmRuns; base: ArmRuns };
export const NOT_RUN: BothArms = { candidate: NO_RUNS, base: NO_RUNS };
