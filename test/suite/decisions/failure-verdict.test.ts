import { describe, expect, test } from 'vitest';
import {
  type Evidence,
  holdsRelease,
  judgeFailure,
  type NearerRuns,
  type Replay,
} from '../../../decisions/failure-verdict.ts';
import {
  type ArmRuns,
  countArms,
  countRuns,
  NO_RUNS,
  NOT_RUN,
  type RunAnswer,
  type RunFacts,
  readRun,
} from '../../../decisions/run-answers.ts';
import { conclude } from '../../../runner/junit-xml.ts';
import { stoppedBeforeTests } from '../../../runner/maven-words.ts';
import type { TestEnd } from '../../../runner/protocol.ts';

const POLICY = { perArm: 5, maxPerArm: 40, maxPerArmQuick: 120, secondsPerTest: 600 };
const runs = (pass: number, fail: number, more: Partial<ArmRuns> = {}): ArmRuns => ({
  ...NO_RUNS,
  pass,
  fail,
  ...more,
});
const NO_REPLAY = { ...NOT_RUN, possible: false, seconds: 5 };
const seen = (candidate: ArmRuns, base: ArmRuns, more: Partial<Evidence> = {}): Evidence => ({
  candidate,
  base,
  seconds: 1.5,
  replays: { unit: NO_REPLAY, batch: NO_REPLAY },
  ...more,
});
const replayed = (candidate: ArmRuns, base: ArmRuns, unit: Replay = NO_REPLAY) =>
  seen(runs(5, 0), runs(5, 0), { replays: { unit, batch: { candidate, base, possible: true, seconds: 5 } } });
/** Its batch takes three minutes, and has failed once and passed once: five of them are all that the test may take. */
const long = (nearer: NearerRuns[], more: Partial<Replay> = {}) =>
  seen(runs(5, 0), runs(5, 0), {
    replays: {
      unit: NO_REPLAY,
      batch: { candidate: runs(1, 1), base: runs(1, 0), possible: true, seconds: 180, ...more },
    },
    nearer,
  });
const part = (before: number, seconds: number, look: ArmRuns, [candidate, base] = [NO_RUNS, NO_RUNS]): NearerRuns => ({
  ...{ before, seconds, look: { candidate: look, base: NO_RUNS }, count: { candidate, base } },
});
const LONG = { ...POLICY, secondsPerTest: 900 };
const inClass = (candidate: ArmRuns, base: ArmRuns): Replay => ({ candidate, base, possible: true, seconds: 1 });

describe('a batch that fails at times and is too long to be counted', () => {
  const shows = part(3, 12, runs(2, 2));
  test.each<[what: string, evidence: Evidence, judged: object]>([
    ['looks whether a short part shows it', long([part(3, 12, NO_RUNS)]), { how: '3/look', candidate: 4, base: 0 }],
    [
      'that did not: a longer one',
      long([part(3, 12, runs(4, 0)), part(9, 24, NO_RUNS)]),
      { how: '9/look', candidate: 4, base: 0 },
    ],
    [
      'that showed it: counted there, without the runs that found it',
      long([shows]),
      { how: '3/count', candidate: 10, base: 10 },
    ],
    [
      'it fails more often there than on the base',
      long([part(3, 12, runs(2, 2), [runs(5, 15), runs(19, 1)])]),
      {
        verdict: 'destabilised',
        by: '3/count',
        orderDependent: true,
        reason: expect.stringMatching(/after the 3 units before it alone, it fails 15 of 20/),
      },
    ],
    [
      'it fails as often on the base',
      long([part(3, 12, runs(2, 2), [runs(10, 30), runs(10, 30)])]),
      { verdict: 'flaky', by: '3/count' },
    ],
    [
      'nothing is shown by all that it may take',
      long([part(3, 12, runs(2, 2), [runs(30, 10), runs(36, 4)])]),
      { verdict: 'undecided', by: '3/count', power: expect.any(Number) },
    ],
    [
      'no part shows it: the batch is counted, as far as it goes',
      long([part(3, 12, runs(4, 0))]),
      { how: 'batch', candidate: 3, base: 4 },
    ],
    ['a part that leaves no time for ten runs is not looked at', long([part(3, 40, NO_RUNS)]), { how: 'batch' }],
    ['a batch that is cheap enough is counted itself', long([part(3, 1, NO_RUNS)], { seconds: 10 }), { how: 'batch' }],
    ['nothing ran before it but its own class', long([]), { how: 'batch' }],
  ])('%s', (_what, evidence, judged) => expect(judgeFailure(evidence, LONG)).toMatchObject(judged));

  test.each([1, 12, 24, 40, 80])('costs no more than the test may take on an arm, with parts of %i s', (seconds) => {
    // The candidate fails each second time, the base each fifth: nothing is clear for long.
    const every = (n: number, counts: ArmRuns, more: number) =>
      Array.from({ length: more }).reduce<ArmRuns>(
        ({ pass, fail }) => runs((pass + fail + 1) % n ? pass + 1 : pass, (pass + fail + 1) % n ? fail : fail + 1),
        counts,
      );
    const one = part(3, seconds, NO_RUNS);
    const evidence = long([one]);
    const { batch } = evidence.replays;
    for (let judged = judgeFailure(evidence, LONG); judged.kind === 'more'; judged = judgeFailure(evidence, LONG)) {
      const arms = judged.how === '3/look' ? one.look : judged.how === '3/count' ? one.count : batch;
      arms.candidate = every(2, arms.candidate, judged.candidate);
      arms.base = every(5, arms.base, judged.base);
    }
    const made = ({ pass, fail }: ArmRuns) => pass + fail;
    for (const arm of ['candidate', 'base'] as const)
      expect(180 * made(batch[arm]) + seconds * (made(one.look[arm]) + made(one.count[arm]))).toBeLessThanOrEqual(900);
  });
});

describe('what a failure is (triage.md, steps 2 to 5)', () => {
  test.each([
    ['2: fails always, passes always on the base', seen(runs(0, 8), runs(5, 0)), 'regression'],
    ['2: fails on both', seen(runs(0, 5), runs(0, 5)), 'pre-existing'],
    ['2: the base fails each time, whatever the candidate does', seen(runs(5, 0), runs(0, 5)), 'pre-existing'],
    [
      '2: the process dies on both: so it does on the base',
      seen(runs(0, 5, { crashed: 5 }), runs(0, 5, { crashed: 5 })),
      'pre-existing',
    ],
    ['2: the process dies on the candidate only', seen(runs(0, 8, { crashed: 8 }), runs(5, 0)), 'regression'],
    ['3: in its batch it fails each time, on the candidate only', replayed(runs(0, 5), runs(5, 0)), 'regression'],
    ['3: in its batch it fails each time on both', replayed(runs(0, 5), runs(0, 5)), 'pre-existing'],
    ['3: in its batch it fails at times, never on the base', replayed(runs(20, 20), runs(40, 0)), 'destabilised'],
    ['3: in its batch it fails at times on both alike', replayed(runs(20, 20), runs(20, 20)), 'flaky'],
    [
      '3: in its class it fails each time: its batch is not asked',
      replayed(NO_RUNS, NO_RUNS, inClass(runs(0, 5), runs(5, 0))),
      'regression',
    ],
    ['4: half of the time, never on the base', seen(runs(20, 20), runs(40, 0)), 'destabilised'],
    ['4: half of the time on both', seen(runs(20, 20), runs(20, 20)), 'flaky'],
    ['4: never again, on either', seen(runs(40, 0), runs(40, 0)), 'flaky'],
    ['4: a little, and forty runs cannot tell', seen(runs(37, 3), runs(40, 0)), 'undecided'],
    ['4: fails always where the base fails now and then', seen(runs(0, 10), runs(9, 1)), 'destabilised'],
    ['4: better than the base', seen(runs(40, 0), runs(20, 20)), 'flaky'],
    ['4: killed from outside, and never again', seen(runs(5, 0), runs(5, 0), { killed: true }), 'infrastructure'],
    ['5: the base does not have it', seen(runs(0, 5), runs(0, 0, { missing: 5 })), 'untestable'],
    ['the candidate cannot run it alone', seen(runs(0, 0, { missing: 5 }), runs(5, 0)), 'undecided'],
  ] as const)('%s', (_name, evidence, verdict) => {
    expect(judgeFailure(evidence, POLICY)).toMatchObject({ kind: 'verdict', verdict });
  });

  test('an order-dependent failure is marked, and its counts are those of the replays', () => {
    expect(judgeFailure(replayed(runs(0, 5), runs(5, 0)), POLICY)).toMatchObject({
      orderDependent: true,
      by: 'batch',
    });
    const own = inClass(runs(20, 20), runs(40, 0));
    const mixed = judgeFailure(replayed(NO_RUNS, NO_RUNS, own), POLICY);
    expect(mixed).toMatchObject({ verdict: 'destabilised', orderDependent: true, by: 'unit' });
    expect(judgeFailure(seen(runs(0, 8), runs(5, 0)), POLICY)).not.toHaveProperty('orderDependent');
  });

  test.each([
    ['class', 'undecided', 'its class takes longer'],
    ['process', 'undecided', 'none of it'],
    ['part', 'flaky', 'only the last'],
    ['never', 'flaky', 'replaySeconds is 0'],
  ] as const)('passes alone, and of its order was cut: %s', (cut, verdict, words) => {
    const judged = judgeFailure(seen(runs(40, 0), runs(40, 0), { cut }), POLICY);
    expect(judged).toMatchObject({ verdict, reason: expect.stringContaining(words) });
    // What fails at times alone as well does not need its order.
    const mixed = judgeFailure(seen(runs(20, 20), runs(20, 20), { cut }), POLICY);
    expect(mixed).toMatchObject({ verdict: 'flaky', reason: expect.not.stringContaining('replaySeconds') });
  });

  test.each([
    ['regression', true],
    ['destabilised', true],
    ['undecided', true],
    ['untestable', true],
    ['flaky', false],
    ['pre-existing', false],
    ['infrastructure', false],
  ] as const)('%s holds a release: %s', (kind, holds) => expect(holdsRelease(kind)).toBe(holds));
});

describe('which runs come next', () => {
  test.each([
    ['nothing is known', seen(NO_RUNS, NO_RUNS), { how: 'alone', candidate: 5, base: 5 }],
    ['an interrupted round is completed', seen(runs(0, 5), runs(3, 0)), { how: 'alone', candidate: 0, base: 2 }],
    ['a regression is confirmed', seen(runs(0, 5), runs(5, 0)), { how: 'alone', candidate: 3, base: 0 }],
    ['mixed results want more', seen(runs(3, 2), runs(5, 0)), { how: 'warm', candidate: 5, base: 5 }],
    [
      'all passing alone: its class again',
      replayed(NO_RUNS, NO_RUNS, inClass(NO_RUNS, NO_RUNS)),
      { how: 'unit', candidate: 2, base: 0 },
    ],
    [
      'nothing fails in its class: its batch again',
      replayed(NO_RUNS, NO_RUNS, inClass(runs(2, 0), NO_RUNS)),
      { how: 'batch', candidate: 1, base: 0 },
    ],
    [
      'its class shows it: often enough to tell',
      replayed(NO_RUNS, NO_RUNS, inClass(runs(0, 2), NO_RUNS)),
      { how: 'unit', candidate: 3, base: 5 },
    ],
    [
      'its batch has failed once: does it each time, and here alone?',
      replayed(runs(0, 1), NO_RUNS),
      { how: 'batch', candidate: 1, base: 1 },
    ],
    ['no class to replay: its batch', replayed(NO_RUNS, NO_RUNS), { how: 'batch', candidate: 1, base: 0 }],
    [
      'the batch shows it: often enough to tell',
      replayed(runs(0, 2), runs(1, 0)),
      { how: 'batch', candidate: 3, base: 4 },
    ],
    [
      'the batch shows it at times: counted there',
      replayed(runs(1, 1), NO_RUNS),
      { how: 'batch', candidate: 8, base: 10 },
    ],
    [
      'nothing fails in the batch either: step 4',
      replayed(runs(2, 0), NO_RUNS),
      { how: 'warm', candidate: 5, base: 5 },
    ],
    ['no batch to replay: step 4', seen(runs(5, 0), runs(5, 0)), { how: 'warm', candidate: 5, base: 5 }],
    [
      'no more than is affordable',
      seen(runs(3, 2), runs(5, 0), { seconds: 100 }),
      { how: 'warm', candidate: 1, base: 1 },
    ],
  ] as const)('%s', (_name, evidence, more) => {
    expect(judgeFailure(evidence, POLICY)).toEqual({ kind: 'more', ...more });
  });

  test('what forty runs cannot tell, a hundred and twenty can where they are cheap', () => {
    const counts = [runs(20, 20), runs(26, 14)] as const;
    expect(judgeFailure(seen(...counts, { seconds: 0.02 }), POLICY)).toMatchObject({ kind: 'more', candidate: 40 });
    expect(judgeFailure(seen(...counts, { seconds: 1.2 }), POLICY)).toMatchObject({ verdict: 'undecided' });
  });

  test('too slow for enough runs is undecided and says how little was shown, never flaky', () => {
    const judged = judgeFailure(seen(runs(6, 0), runs(6, 0), { seconds: 100 }), POLICY);
    expect(judged).toMatchObject({ verdict: 'undecided', reason: expect.stringContaining('too slow') });
    expect(judged.kind === 'verdict' ? judged.power : 1).toBeLessThan(0.05);
  });

  test('a release that has spent its reruns leaves the rest undecided, and what is known stays known', () => {
    const spent = { ...POLICY, spent: true };
    const judged = judgeFailure(seen(runs(3, 2), runs(5, 0)), spent);
    expect(judged).toMatchObject({ verdict: 'undecided', reason: expect.stringContaining('budget') });
    expect(judgeFailure(seen(runs(0, 8), runs(5, 0)), spent)).toMatchObject({ verdict: 'regression' });
  });

  test('it always ends: asked for more, and given it, a verdict comes within the limit', () => {
    for (const [c, b] of [
      [0, 0],
      [0.1, 0],
      [0.5, 0],
      [1, 0],
      [0.5, 0.5],
      [1, 1],
      [0.9, 0.2],
      [0, 1],
    ] as const) {
      let [candidate, base] = [NO_RUNS, NO_RUNS];
      let turns = 0;
      for (
        let judged = judgeFailure(seen(candidate, base, { seconds: 0.1 }), POLICY);
        judged.kind === 'more';
        turns += 1
      ) {
        expect(judged.candidate + judged.base).toBeGreaterThan(0);
        candidate = add(candidate, judged.candidate, c);
        base = add(base, judged.base, b);
        judged = judgeFailure(seen(candidate, base, { seconds: 0.1 }), POLICY);
      }
      expect(turns).toBeLessThan(10);
      expect(candidate.pass + candidate.fail).toBeLessThanOrEqual(120);
    }
  });
});

describe('runs that an earlier release made on the same base build', () => {
  const remembered = { pass: 0, fail: 5 };
  test.each([
    [
      'one run an arm shows that it still holds',
      seen(NO_RUNS, NO_RUNS, { remembered }),
      { kind: 'more', how: 'alone', candidate: 1, base: 1 },
    ],
    [
      'the base fails again: pre-existing',
      seen(runs(0, 1), runs(0, 1), { remembered }),
      { verdict: 'pre-existing', reason: expect.stringContaining('5 of 5 before') },
    ],
    [
      'the base passes now: judged from scratch',
      seen(runs(0, 1), runs(1, 0), { remembered }),
      { kind: 'more', candidate: 4, base: 4 },
    ],
    [
      'the base died this time: judged from scratch',
      seen(runs(0, 1), runs(0, 1, { crashed: 1 }), { remembered }),
      { kind: 'more', candidate: 4, base: 4 },
    ],
    [
      'it passed once before: no deterministic failure',
      seen(NO_RUNS, NO_RUNS, { remembered: { pass: 1, fail: 9 } }),
      { kind: 'more', candidate: 5, base: 5 },
    ],
    [
      'too few to go by',
      seen(NO_RUNS, NO_RUNS, { remembered: { pass: 0, fail: 4 } }),
      { kind: 'more', candidate: 5, base: 5 },
    ],
  ] as const)('%s', (_name, evidence, expected) => expect(judgeFailure(evidence, POLICY)).toMatchObject(expected));
});

/** So many more runs at this failure rate, spread evenly. */
function add(arm: ArmRuns, more: number, rate: number): ArmRuns {
  const all = arm.pass + arm.fail + more;
  const fail = Math.max(arm.fail, Math.round(all * rate));
  return { ...arm, fail, pass: all - fail };
}

describe('what one run says', () => {
  const facts: RunFacts = {
    ended: 'completed',
    complete: true,
    ownPassed: false,
    ownFailed: false,
    ownSkipped: false,
    anyFailed: false,
    results: 1,
    wholeUnit: false,
    message: null,
  };
  test.each([
    ['it passed', { ownPassed: true }, 'pass'],
    ['it failed', { ownFailed: true, anyFailed: true, message: 'AssertionError' }, 'fail'],
    ['its class could not begin', { anyFailed: true, message: 'IllegalStateException' }, 'fail'],
    ['the process died', { ownFailed: true, anyFailed: true, ended: 'crash', complete: false }, 'crash'],
    ['nothing was there to run', { results: 0, ended: 'nothing-executed' }, 'missing'],
    [
      'its whole class is not there',
      { wholeUnit: true, complete: false, ownFailed: true, anyFailed: true, ended: 'nothing-executed' },
      'not-executed',
    ],
    [
      'its whole class is not there, and no result says so',
      { wholeUnit: true, complete: false, results: 0, ended: 'nothing-executed' },
      'not-executed',
    ],
    ['in a replay nothing of its class ran', { anyFailed: true, ended: 'nothing-executed' }, 'not-executed'],
    ['its assumptions do not hold here', { ownSkipped: true }, 'missing'],
    [
      'compiled against something else',
      { ownFailed: true, message: "java.lang.NoSuchMethodError: 'void a.B.c()'" },
      'unlinkable',
    ],
    [
      'a static initialiser is not a missing class',
      { ownFailed: true, message: 'java.lang.NoClassDefFoundError: Could not initialize class a.B' },
      'fail',
    ],
    ['the invocations of a method that had failed as a whole', { results: 3 }, 'pass'],
    ['a unit that was cut short', { wholeUnit: true, complete: false, ended: 'timeout', results: 2 }, 'fail'],
    ['a unit whose other tests fail', { wholeUnit: true, anyFailed: true, results: 9 }, 'pass'],
  ] as const)('%s', (_name, more, answer) => expect(readRun({ ...facts, ...more })).toBe(answer));

  test('a class that fails as a whole and that the base lacks, or cannot compile, is never pre-existing', () => {
    const five = (answer: RunAnswer) => Array.from({ length: 5 }, () => answer);
    const judge = (...arms: Parameters<typeof countArms>) => {
      const { candidate, base } = countArms(...arms);
      return judgeFailure(seen(candidate, base), POLICY);
    };
    expect(judge(five('fail'), five('not-executed'))).toMatchObject({ verdict: 'untestable' });
    expect(judge(five('unlinkable'), five('not-executed'))).toMatchObject({ verdict: 'untestable' });
    expect(judge(five('not-executed'), five('not-executed'))).toMatchObject({ verdict: 'pre-existing' });
    expect(judge([...five('not-executed'), ...five('not-executed')], five('pass'))).toMatchObject({
      verdict: 'regression',
    });
  });

  const hung = { ended: 'silence', detail: 'no report and no output for 300 s' } as const;
  const limits = { methodSeconds: 1, unitSeconds: 1, silenceSeconds: 300 };
  const answerOf = (stop: Parameters<typeof conclude>[3], asked?: string) => {
    const told: TestEnd[] = [];
    const item = {
      item: 0,
      unit: 'core:x.A',
      arm: 'base' as const,
      selector: '',
      limits,
      ...(asked && { test: asked }),
    };
    const end = conclude(item, { test: (one) => told.push(one) }, { all: 0, failed: 0 }, stop, '');
    const [failed] = told;
    return readRun({
      ...{ ended: end.ended, complete: end.complete, ownPassed: false, ownSkipped: false, wholeUnit: !asked },
      ...{ ownFailed: failed !== undefined, anyFailed: failed !== undefined, results: told.length },
      message: failed?.message ?? null,
    });
  };

  test.each([
    ['a test that hangs has failed', 'x.A#t()', hung, 'fail'],
    ['while Maven compiles, it has not run', 'x.A#t()', stoppedBeforeTests(hung), 'not-executed'],
    ['a class that hangs has failed', undefined, hung, 'fail'],
    ['while Maven compiles, nothing of it has run', undefined, stoppedBeforeTests(hung), 'not-executed'],
  ] as const)('%s', (_what, asked, stop, answer) => {
    expect(answerOf(stop, asked)).toBe(answer);
  });

  test('a base that once hangs while it compiles has one run less, and no failure', () => {
    const base: RunAnswer[] = ['pass', answerOf(stoppedBeforeTests(hung), 'x.A#t()'), 'pass'];
    expect(countArms(['fail', 'fail', 'fail'], base).base).toEqual({ pass: 2, fail: 0, missing: 1, crashed: 0 });
  });

  test('an API that a patch took away is a regression, one that the base never had says nothing', () => {
    expect(countArms(['unlinkable', 'unlinkable'], ['pass', 'pass'])).toMatchObject({
      candidate: { fail: 2 },
      base: { pass: 2 },
    });
    expect(countArms(['fail'], ['unlinkable'])).toMatchObject({
      candidate: { fail: 1 },
      base: { fail: 0, missing: 1 },
    });
    expect(countArms(['unlinkable'], ['unlinkable'])).toMatchObject({ candidate: { fail: 1 }, base: { fail: 1 } });
    expect(countRuns(['pass', 'crash', 'missing'], [])).toEqual({ pass: 1, fail: 1, missing: 1, crashed: 1 });
  });
});
