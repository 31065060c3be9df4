import type { RunCounts, VerdictKind } from '../workflows/types.ts';
import type { Cut, Nearer } from './replay-plan.ts';
import type { ArmRuns, BothArms } from './run-answers.ts';
import { compareArms, LEAST_RUNS, powerSoFar } from './sequential-test.ts';

/** `possible`: it is known, short enough, and more than what runs alone. `seconds`: of one replay. */
export type Replay = BothArms & { possible: boolean; seconds: number };
/** Its unit alone in its own order, or all that its process had run before the unit as well. */
export type ReplayScope = 'unit' | 'batch';

/** A shorter part of the batch's order: `before` units and its own. `look`: on the candidate alone. */
export type NearerRuns = { before: number; seconds: number; look: BothArms; count: BothArms };

export type Evidence = BothArms & {
  /** Seconds of one run alone. */
  seconds: number;
  /** Once more in the order and the warm process in which it failed. */
  replays: Record<ReplayScope, Replay>;
  /** The shortest first. */
  nearer?: readonly NearerRuns[];
  /** What of its order there is no time for. */
  cut?: Cut;
  /** Runs of this test on the bases of earlier releases. */
  history?: RunCounts;
  /** Runs on the very same base build, in the same suite and environment, in an earlier release. */
  remembered?: RunCounts;
  /** The process was killed from outside (exit 137): where nothing shows it again, the machine did it. */
  killed?: boolean;
};

export type RerunPolicy = {
  /** Runs of each failed test alone, on each arm. */
  perArm: number;
  /** Runs an arm where results are mixed; the second number for tests under a second. */
  maxPerArm: number;
  maxPerArmQuick: number;
  /** What one test may take on one arm where results are mixed. */
  secondsPerTest: number;
  /** The release has used up what it may spend on reruns. */
  spent?: boolean;
  /** Runs alone decide: nothing is run again in its order. */
  alone?: true;
};

export type Ruling = {
  kind: 'verdict';
  verdict: VerdictKind;
  /** A sentence with the counts. */
  reason: string;
  power?: number;
  orderDependent?: boolean;
  /** Which runs decided. */
  by: 'alone' | ReplayScope | Nearer;
};

/**
 * Not enough is known: so many more runs on each arm. `alone`: each in a new process; `warm`: one process an arm;
 * otherwise replays.
 */
export type MoreRuns = { kind: 'more'; how: 'alone' | 'warm' | ReplayScope | Nearer; candidate: number; base: number };

export type Judgement = Ruling | MoreRuns;

type RunsAnArm = { candidate: number; base: number };

/** More candidate runs before a difference of 5 against 5 is called a regression (triage.md, step 2). */
const CONFIRMATIONS = 3;
/**
 * Replays on the candidate until "nothing fails" is believed. What the base does matters once something does. What
 * order alone decides fails each time, and a batch may take as long as half the suite: once has to do there.
 */
const FIRST_REPLAYS: Record<ReplayScope, number> = { unit: 2, batch: 1 };
/** A batch that has failed once: whether it does so each time, and on the candidate alone, before it costs ten. */
const NEXT_REPLAYS: Record<ReplayScope, RunsAnArm | undefined> = { unit: undefined, batch: { candidate: 2, base: 1 } };
/** Replays an arm before a difference of all against none is called a regression (p = 0.004). */
const REPLAYS = 5;
/** Replays of a shorter part on the candidate until it is believed that it does not show there. */
const LOOKS = 4;
const QUICK_SECONDS = 1;

/**
 * What one failed test is, from controlled reruns on both arms (triage.md, *Verdicts*, steps 2 to 5), or which runs
 * are still needed to say so. The failure in the suite itself is not among the counts: it is why the test was chosen.
 */
export function judgeFailure(evidence: Evidence, policy: RerunPolicy): Judgement {
  const judged = judgeByRuns(evidence, policy);
  if (judged.kind === 'verdict' || !policy.spent) return judged;
  return ruling('undecided', `${countsOf(evidence)}; the release's rerun budget is used up`, {
    power: power(evidence, policy),
  });
}

function judgeByRuns(evidence: Evidence, policy: RerunPolicy): Judgement {
  const { candidate, base } = evidence;
  const known = judgeRemembered(evidence, policy);
  if (known) return known;
  const [c, b] = [total(candidate), total(base)];
  const short = missingRuns(evidence, policy.perArm);
  if (short) return short;
  if (c === 0) return ruling('undecided', 'the test could not be run alone on the candidate');
  if (b === 0) return ruling('untestable', 'the base does not have this test, or cannot run it');
  if (base.pass === 0) return ruling('pre-existing', `fails on the base as well, ${base.fail} of ${b}`);
  if (candidate.pass === 0 && base.fail === 0) {
    const confirmed = policy.perArm + CONFIRMATIONS;
    if (c < confirmed) return { kind: 'more', how: 'alone', candidate: confirmed - c, base: 0 };
    return ruling('regression', countsOf(evidence));
  }
  if (candidate.fail === 0 && base.fail === 0 && !policy.alone) {
    // What an earlier test of its class leaves behind is commoner than what another class does, and far cheaper to see.
    const replayed = judgeReplay(evidence, policy, 'unit') ?? judgeReplay(evidence, policy, 'batch');
    if (replayed) return replayed;
  }
  return judgeMixed(evidence, policy, 'alone');
}

/** Step 2's runs that have not been made. */
function missingRuns({ candidate, base }: Evidence, perArm: number): Judgement | undefined {
  const missing = (arm: ArmRuns) => Math.max(0, perArm - total(arm) - arm.missing);
  const more = { candidate: missing(candidate), base: missing(base) };
  return more.candidate > 0 || more.base > 0 ? { kind: 'more', how: 'alone', ...more } : undefined;
}

/**
 * A base that failed each time in an earlier release, by the same digest of build, suite and environment, need not
 * show it five times again: once is enough to see that this still holds. One that passes now is judged from scratch.
 */
function judgeRemembered({ candidate, base, remembered }: Evidence, { perArm }: RerunPolicy): Judgement | undefined {
  if (!remembered || remembered.pass > 0 || remembered.fail < perArm || base.pass > 0 || base.crashed > 0) {
    return undefined;
  }
  const more = {
    candidate: total(candidate) + candidate.missing > 0 ? 0 : 1,
    base: total(base) + base.missing > 0 ? 0 : 1,
  };
  if (more.candidate + more.base > 0) return { kind: 'more', how: 'alone', ...more };
  if (base.fail === 0) return undefined;
  return ruling(
    'pre-existing',
    `fails on the base as well, ${base.fail} of ${total(base)} now and ${remembered.fail} of ${remembered.fail} before (same base build, suite and environment)`,
  );
}

/** Step 3: alone it passes on both arms. Nothing where this replay shows no failure either. */
function judgeReplay(evidence: Evidence, policy: RerunPolicy, scope: ReplayScope): Judgement | undefined {
  const { candidate, base, possible } = evidence.replays[scope];
  if (!possible) return undefined;
  const [c, b] = [total(candidate), total(base)];
  const first = Math.max(0, FIRST_REPLAYS[scope] - c - candidate.missing);
  if (first > 0) return { kind: 'more', how: scope, candidate: first, base: 0 };
  const baseHasIt = base.missing === 0 || b > 0;
  if (candidate.fail === 0 || !baseHasIt) return undefined;
  if (candidate.pass === 0 && (base.fail === 0 || base.pass === 0)) {
    for (const goal of [NEXT_REPLAYS[scope], { candidate: REPLAYS, base: REPLAYS }]) {
      const more = { candidate: Math.max(0, (goal?.candidate ?? 0) - c), base: Math.max(0, (goal?.base ?? 0) - b) };
      if (more.candidate + more.base > 0) return { kind: 'more', how: scope, ...more };
    }
    const reason = `passes alone on both arms; ${inOrder(scope)} it ${armCounts(candidate, base)}`;
    return ruling(base.fail === 0 ? 'regression' : 'pre-existing', reason, { orderDependent: true, by: scope });
  }
  return (scope === 'batch' ? judgeNearer(evidence, policy) : undefined) ?? judgeMixed(evidence, policy, scope);
}

/**
 * A batch that fails at times and is too long to be counted: shorter parts of its order, the cheapest first, until one
 * shows it; then that one is counted on both arms. All of it stays within what the test may take on one arm. The runs
 * that found the part are not counted: it was chosen for their failures. Nothing where no part is worth it.
 */
function judgeNearer(evidence: Evidence, policy: RerunPolicy): Judgement | undefined {
  const { replays, nearer = [] } = evidence;
  const { candidate, seconds } = replays.batch;
  const whole = mostWithin(policy, seconds, policy.secondsPerTest);
  if (whole >= policy.maxPerArm) return undefined;
  let spent = total(candidate) * seconds;
  for (const part of nearer) {
    const { look, before } = part;
    const made = total(look.candidate) + look.candidate.missing;
    spent += Math.max(LOOKS, made) * part.seconds;
    const most = mostWithin(policy, part.seconds, policy.secondsPerTest - spent);
    // The next ones are longer.
    if (most < LEAST_RUNS || most <= whole) return undefined;
    if (made < LOOKS) return { kind: 'more', how: `${before}/look`, candidate: LOOKS - made, base: 0 };
    if (look.candidate.fail > 0) return countNearer(part, most);
  }
  return undefined;
}

function countNearer({ before, count }: NearerRuns, most: number): Judgement {
  const by: Nearer = `${before}/count`;
  const { candidate, base } = count;
  const power = round(powerSoFar(candidate, base, most));
  const where = `passes alone, fails at times in its batch; run after ${before === 1 ? 'the one unit' : `the ${before} units`} before it alone,`;
  const reason = `${where} it ${armCounts(candidate, base)}`;
  const compared = compareArms(candidate, base, most);
  if (compared.kind !== 'open') {
    const kinds = { worse: 'destabilised', 'no-worse': 'flaky', 'open-for-good': 'undecided' } as const;
    return ruling(kinds[compared.kind], reason, { by, orderDependent: true, power });
  }
  const missing = (arm: ArmRuns) => Math.max(0, Math.min(most, compared.next) - total(arm) - arm.missing);
  const more = { candidate: missing(candidate), base: missing(base) };
  if (more.candidate + more.base > 0) return { kind: 'more', how: by, ...more };
  return ruling('undecided', `${reason}; an arm does not have it`, { by, orderDependent: true, power });
}

const inOrder = (scope: ReplayScope) =>
  scope === 'unit' ? 'in the order of its class' : 'in the order and process of its batch';

const CUT_WORDS: Record<Cut, string> = {
  class: 'its class takes longer than replaySeconds, so it was not run again in its order',
  process: 'with its class, what its process ran just before takes longer than replaySeconds: none of it was run again',
  part: 'of what its process ran before, only the last replaySeconds were run again',
  never: 'its order was not run again, since replaySeconds is 0',
};

/** Step 4: neither arm is certain, or everything passes now. The runs counted are those in which it showed. */
function judgeMixed(evidence: Evidence, policy: RerunPolicy, by: 'alone' | ReplayScope): Judgement {
  const { candidate, base } = by === 'alone' ? evidence : evidence.replays[by];
  const reason = by === 'alone' ? armCounts(candidate, base) : `${inOrder(by)} it ${armCounts(candidate, base)}`;
  if (by === 'alone' && evidence.killed && candidate.fail + base.fail === 0) {
    return ruling('infrastructure', `its process was killed from outside; since then it ${reason}`);
  }
  const most = mostRuns(evidence, policy, by);
  const order = by === 'alone' ? {} : { orderDependent: true };
  const conclude = (kind: VerdictKind, more = '') =>
    ruling(kind, `${reason}${more}`, { by, ...order, power: round(powerSoFar(candidate, base, most)) });
  const cut = by === 'alone' && candidate.fail + base.fail === 0 ? evidence.cut : undefined;
  const cutWords = cut ? `; ${CUT_WORDS[cut]}` : '';
  const compared = compareArms(candidate, base, most, by === 'alone' ? evidence.history : undefined);
  switch (compared.kind) {
    case 'worse':
      return conclude('destabilised');
    case 'no-worse':
      // An order of which nothing was run again may be why it failed: that it passes alone does not clear it.
      return conclude(cut === 'class' || cut === 'process' ? 'undecided' : 'flaky', cutWords);
    case 'open-for-good':
      return conclude('undecided', `${most < policy.maxPerArm ? '; too slow for more runs' : ''}${cutWords}`);
    case 'open': {
      const next = Math.min(most, compared.next);
      const more = { candidate: Math.max(0, next - total(candidate)), base: Math.max(0, next - total(base)) };
      return { kind: 'more', how: by === 'alone' ? 'warm' : by, ...more };
    }
  }
}

/** Forty runs an arm, more where they are cheap, fewer where they are dear. */
function mostRuns({ seconds, replays }: Evidence, policy: RerunPolicy, by: 'alone' | ReplayScope): number {
  const each = by === 'alone' ? seconds : replays[by].seconds;
  return Math.max(policy.perArm, mostWithin(policy, each, policy.secondsPerTest));
}

function mostWithin({ maxPerArm, maxPerArmQuick }: RerunPolicy, each: number, seconds: number): number {
  const most = each < QUICK_SECONDS ? Math.max(maxPerArm, maxPerArmQuick) : maxPerArm;
  return Math.min(most, Math.floor(seconds / Math.max(each, 0.001)));
}

/** The verdicts that hold a release (triage.md). */
export function holdsRelease(kind: VerdictKind): boolean {
  return kind === 'regression' || kind === 'destabilised' || kind === 'undecided' || kind === 'untestable';
}

const countsOf = ({ candidate, base }: BothArms) => armCounts(candidate, base);

function armCounts(candidate: RunCounts, base: RunCounts): string {
  const failed = (arm: RunCounts) => (total(arm) === 0 ? 'not run' : `${arm.fail} of ${total(arm)}`);
  return `fails ${failed(candidate)} on the candidate, ${failed(base)} on the base`;
}

function power(evidence: Evidence, policy: RerunPolicy): number {
  return round(powerSoFar(evidence.candidate, evidence.base, mostRuns(evidence, policy, 'alone')));
}

const total = ({ pass, fail }: RunCounts) => pass + fail;
const round = (x: number) => Math.round(x * 1000) / 1000;

type Details = Partial<Pick<Ruling, 'power' | 'orderDependent' | 'by'>>;
const ruling = (kind: VerdictKind, reason: string, details: Details = {}): Ruling => ({
  kind: 'verdict',
  verdict: kind,
  reason,
  by: 'alone',
  ...details,
});
