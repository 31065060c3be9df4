import type { PointRuns, SearchedTest } from './culprit.ts';
import { logBeta } from './statistics.ts';

/**
 * Whether the patch that the search found did it alone (triage.md, *Culprit*: leave-one-out for pairs). Two patches
 * that break a test only together, and a patch that takes back what another one had put right, look like one culprit
 * to a search over prefixes: the later of the two.
 */
export type PairSearch = {
  /** Position of the patch that was found, from 1. */
  patch: number;
  test: SearchedTest;
  /** What each stack of our own cutting said, by `stackKey`. */
  stacks: Readonly<Record<string, StackRuns>>;
};

/** A stack can be cut and run, or it cannot: patches build on each other, or what is left does not compile. */
export type StackRuns = PointRuns | 'conflict' | 'unbuildable';

export type PairFound = {
  /** In the order of the stack; one where the patch did it alone. */
  patches: number[];
  /** How it is known: a sentence. */
  reason: string;
};

/** More patches than this are not left out one by one: the nearest below are. */
const MAX_LEFT_OUT = 12;
/** Without the patch that brings the test there is nothing to run: few can say anything. */
const MAX_LEFT_OUT_BROUGHT = 3;
/** A test that fails always shows it at once; one that fails at times is asked until luck is out of the question. */
const MISSED = 0.02;
const MAX_RUNS = 60;
/** So much likelier must one answer be than the other. */
const ODDS = Math.log(20);

export const stackKey = (patches: readonly number[]) => patches.join(',');

/** The next stack to cut and how often to run the test there; nothing when the answer is known. */
export function nextStack(search: PairSearch): { patches: number[]; runs: number } | undefined {
  for (const patches of wanted(search)) {
    const known = search.stacks[stackKey(patches)];
    const runs = known === undefined ? runsFor(search.test) : moreRuns(search.test, known);
    if (runs > 0) return { patches, runs };
    if (settles(search, patches)) return undefined;
  }
  return undefined;
}

export function pairOf(search: PairSearch): PairFound {
  const { patch } = search;
  if (patch === 1) return { patches: [1], reason: 'it is the first patch of the stack' };
  if (says(search, [patch]) === 'fail')
    return { patches: [patch], reason: 'the test fails with this patch alone on the base' };
  const answers = new Map<number, Answer>();
  for (const left of leftOut(search)) {
    const answer = says(search, without(patch, left));
    if (answer === 'pass') {
      return {
        patches: [left, patch],
        reason: `the test passes when patch ${left} is left out: the two do it together`,
      };
    }
    answers.set(left, answer);
  }
  return { patches: [patch], reason: withoutWords(patch, answers) };
}

/** What is known of the stack without each earlier patch, and of which nothing is. */
function withoutWords(patch: number, answers: ReadonlyMap<number, Answer>): string {
  const lefts = Array.from({ length: patch - 1 }, (_, i) => i + 1);
  const those = (...wanted: Answer[]) => lefts.filter((left) => wanted.includes(answers.get(left) ?? 'unknown'));
  const failed = those('fail');
  if (failed.length === lefts.length) return 'it fails whichever earlier patch is left out';
  const words: [string, number[]][] = [
    ['it fails whichever of these earlier patches is left out', failed],
    ['patches that could not be left out', those('conflict', 'unbuildable')],
    ['patches without which the test is not there', those('missing')],
    ['patches without which it is not clear whether it fails', those('unclear')],
    ['patches that were not left out to see', those('unknown')],
  ];
  return words.flatMap(([what, some]) => (some.length > 0 ? [`${what}: ${rangesOf(some)}`] : [])).join('; ');
}

/** `1 to 4, 6, 7`, of positions in order. */
function rangesOf(positions: readonly number[]): string {
  const ranges: number[][] = [];
  for (const at of positions) {
    const last = ranges.at(-1);
    if (last?.at(-1) === at - 1) last.push(at);
    else ranges.push([at]);
  }
  return ranges.map((range) => (range.length < 3 ? range.join(', ') : `${range[0]} to ${range.at(-1)}`)).join(', ');
}

/** In order: the patch alone on the base; then its prefix without one earlier patch after the other. */
function wanted(search: PairSearch): number[][] {
  const { patch } = search;
  if (patch === 1) return [];
  const lefts = leftOut(search).map((left) => without(patch, left));
  return [[patch], ...lefts.filter((one) => stackKey(one) !== stackKey([patch]))];
}

function settles(search: PairSearch, patches: readonly number[]): boolean {
  const answer = says(search, patches);
  return patches.length === 1 && patches[0] === search.patch ? answer === 'fail' : answer === 'pass';
}

/** Nearest first: what a patch depends on is usually what came just before. */
function leftOut({ patch, test }: PairSearch): number[] {
  const brought = test.base.pass + test.base.fail === 0;
  const most = brought ? MAX_LEFT_OUT_BROUGHT : MAX_LEFT_OUT;
  return Array.from({ length: patch - 1 }, (_, i) => patch - 1 - i).slice(0, most);
}
const without = (patch: number, left: number) =>
  Array.from({ length: patch }, (_, i) => i + 1).filter((one) => one !== left);

type Answer = 'pass' | 'fail' | 'missing' | 'conflict' | 'unbuildable' | 'unclear' | 'unknown';

const says = ({ stacks, test }: PairSearch, patches: readonly number[]): Answer => {
  const runs = stacks[stackKey(patches)];
  return runs === undefined ? 'unknown' : read(test, runs);
};

/** Does it fail here as with all patches, or as on the base? */
function read(test: SearchedTest, runs: StackRuns): Answer {
  if (typeof runs === 'string') return runs;
  if (runs.pass + runs.fail === 0) return 'missing';
  if (test.always) return runs.pass > 0 ? 'pass' : 'fail';
  const odds = like(runs, test.candidate) - like(runs, test.base);
  return odds > ODDS ? 'fail' : odds < -ODDS ? 'pass' : 'unclear';
}

/** Log-likelihood of these runs at the rate that the other runs suggest (beta-binomial, Jeffreys' prior). */
function like(runs: PointRuns, at: PointRuns): number {
  const [fail, pass] = [at.fail + 0.5, at.pass + 0.5];
  return logBeta(fail + runs.fail, pass + runs.pass) - logBeta(fail, pass);
}

function runsFor({ always, candidate }: SearchedTest): number {
  if (always) return 2;
  const rate = (candidate.fail + 0.5) / (candidate.pass + candidate.fail + 1);
  return Math.min(MAX_RUNS, Math.max(4, Math.ceil(Math.log(MISSED) / Math.log(1 - Math.min(0.95, rate)))));
}

/** An unclear answer is asked once more, as often again. */
function moreRuns(test: SearchedTest, known: StackRuns): number {
  if (typeof known === 'string' || read(test, known) !== 'unclear') return 0;
  return Math.max(0, 2 * runsFor(test) - known.pass - known.fail);
}
