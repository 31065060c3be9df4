import { expect, test } from 'vitest';
import { recordBuild } from '../../store/builds.ts';
import {
  closeRelease,
  keepSettings,
  openRelease,
  recordCandidate,
  recordCandidateBuilds,
} from '../../store/releases.ts';
import { suiteFigures } from '../../store/suite-report.ts';
import { lastReleased, lastReleasedBut } from '../../store/suite-verdicts.ts';
import { useDatabases } from '../story/database.ts';
import { type Answer, judgingWorld, type Truth } from './judging-world.ts';

const freshDatabase = useDatabases();
const passed: Answer = { status: 'passed' };
const failed = (message = 'AssertionError'): Answer => ({ status: 'failed', message });
const UNITS = { 'x.ATest': ['x.ATest#a()', 'x.ATest#b()'], 'x.BTest': ['x.BTest#a()'], 'x.CTest': ['x.CTest#a()'] };
const BASE = { base: 'd'.repeat(64) };

test('a batch of which nothing passed, on the candidate only: one representative is judged, the rest is not run again', async () => {
  const { db } = await freshDatabase();
  const world = judgingWorld(db, UNITS, { batch: 3 });
  const verdicts = await world.run('s-1/1/unit', ({ arm }) =>
    arm === 'candidate' ? failed('NoClassDefFoundError: Could not initialize class x.T') : passed,
  );
  expect(verdicts.map(({ kind }) => kind)).toEqual(['regression', 'regression', 'regression', 'regression']);
  expect(verdicts.filter(({ representative }) => representative === 'x.ATest#a()')).toHaveLength(3);
  expect(world.runs('first', 'candidate')).toBe(1);
  expect(world.runs('rerun', 'candidate')).toBe(8);
});

test('a batch that fails on both arms and passes elsewhere was the machine’s fault', async () => {
  const { db } = await freshDatabase();
  const world = judgingWorld(db, UNITS, { batch: 3 });
  const verdicts = await world.run('s-1/1/unit', ({ phase }) =>
    phase === 'elsewhere' ? passed : failed('cannot connect'),
  );
  expect(verdicts.map(({ kind, human }) => [kind, human])).toEqual(
    Array.from({ length: 4 }, () => ['infrastructure', undefined]),
  );
  expect(world.runs('rerun', 'candidate')).toBe(0);
});

test('a batch that never runs, on either arm, ends with a human after two more tries, and the suite does not count', async () => {
  const { db } = await freshDatabase();
  const world = judgingWorld(db, UNITS, { batch: 3 });
  const verdicts = await world.run('s-1/1/unit', () => failed('cannot connect'));
  expect(verdicts.every(({ kind, human }) => kind === 'infrastructure' && human === true)).toBe(true);
  expect(world.runs('elsewhere', 'candidate')).toBe(8);
  const outcome = await world.activities.finishSuite({ suiteRun: 's-1/1/unit', suite: 'unit' });
  expect(outcome).toMatchObject({
    machines: true,
    problem: expect.stringMatching(/x\.ATest#a\(\) and 3 more could not be run/),
  });
});

test('an address that is in use decides the first step and no more: it fails on the base as well', async () => {
  const { db } = await freshDatabase();
  const world = judgingWorld(db, UNITS);
  const truth: Truth = ({ test: name }) =>
    name === 'x.BTest#a()' ? failed('java.net.BindException: Address already in use') : passed;
  const [verdict] = await world.run('s-1/1/unit', truth);
  expect(verdict).toMatchObject({ kind: 'pre-existing', signature: 'address-in-use', base: { pass: 0, fail: 5 } });
  expect(world.runs('elsewhere', 'base')).toBe(2);
});

test('a base that always fails is remembered by its digest, and one run on each arm shows that it still does', async () => {
  const { db } = await freshDatabase();
  const world = judgingWorld(db, UNITS);
  const truth: Truth = ({ test: name }) => (name === 'x.BTest#a()' ? failed() : passed);
  await world.run('s-1/1/unit', truth, BASE);
  const before = [world.runs('rerun', 'candidate'), world.runs('rerun', 'base')];
  const [verdict] = await world.run('s-2/1/unit', truth, BASE);
  expect(before).toEqual([5, 5]);
  expect([world.runs('rerun', 'candidate'), world.runs('rerun', 'base')]).toEqual([6, 6]);
  expect(verdict).toMatchObject({
    kind: 'pre-existing',
    base: { fail: 1 },
    remembered: { failures: 5, suiteRun: 's-1/1/unit' },
  });
  expect(verdict?.reason).toContain('5 of 5 before');

  // Another base is another story, and a base that passes now is judged from scratch and forgotten.
  await world.run('s-3/1/unit', truth, { base: 'e'.repeat(64) });
  expect(world.runs('rerun', 'base')).toBe(11);
  const mended: Truth = (run) => (run.arm === 'base' ? passed : truth(run));
  expect(await world.run('s-4/1/unit', mended, BASE)).toMatchObject([
    { kind: 'regression', base: { pass: 5, fail: 0 } },
  ]);
  const [again] = await world.run('s-5/1/unit', truth, BASE);
  expect(again).not.toHaveProperty('remembered');
});

test('a release that has spent its reruns leaves what is open undecided, and says so', async () => {
  const { db } = await freshDatabase();
  const world = judgingWorld(db, UNITS, { rerunSeconds: 12 });
  const truth: Truth = ({ test: name, arm, nth }) =>
    name.endsWith('#a()') && arm === 'candidate' && nth % 2 === 1 ? failed(`E${name}`) : passed;
  const verdicts = await world.run('s-1/1/unit', truth);
  expect(verdicts.map(({ kind }) => kind)).toEqual(['undecided', 'undecided', 'undecided']);
  expect(verdicts[0]?.reason).toContain('budget');
  expect((await suiteFigures(db, 's-1/1/unit')).rerunSeconds).toBe(30);
});

test('a test that the base lacks is judged against what stands for it', async () => {
  const { db } = await freshDatabase();
  const world = judgingWorld(db, UNITS);
  const truth: Truth = ({ test: name, arm }) => {
    if (name !== 'x.CTest#a()') return passed;
    return arm === 'candidate' ? failed() : arm === 'released' ? passed : undefined;
  };
  expect(await world.run('s-1/1/unit', truth)).toMatchObject([{ kind: 'untestable' }]);
  const { tests, released } = await world.activities.lackedByBase({ suiteRun: 's-1/1/unit' });
  expect(tests).toEqual([{ unit: 'x.CTest', test: 'x.CTest#a()' }]);
  // Nothing of this fork was ever released.
  expect(released).toBeUndefined();
  await world.activities.judgeAgainst({ suiteRun: 's-1/1/unit', arm: 'released', tests });
  expect(await world.judge('s-1/1/unit', truth)).toMatchObject([
    { kind: 'regression', base: { pass: 5, fail: 0 }, against: 'the last released candidate' },
  ]);
});

test('only the last candidate of a release was released: one that was repaired stands for nothing', async () => {
  const { db } = await freshDatabase();
  await judgingWorld(db, UNITS).run('s-1/1/unit', () => passed);
  const settings = await keepSettings(db, {});
  const order = { fork: 'sample', ref: 'main', requestedBy: 'ada', suites: ['unit'], environments: [], settings };
  const release = await openRelease(db, order);
  const builds = ['1', '2'].map((n) => ({
    ...{ fork: 'sample', commit: n.repeat(40), version: n, digest: n.repeat(64), buildKey: `key-${n}` },
    artifacts: [{ name: 'a.jar', sha256: n.repeat(64), bytes: 1 }],
  }));
  for (const [index, build] of builds.entries()) {
    const { commit, version, buildKey } = build;
    await recordCandidate(db, { release, n: index + 1, commit, version, sandbox: 'on' });
    await recordBuild(db, { ...build, command: ['c'], toolchain: {}, seconds: 1, log: 'f'.repeat(64), sandbox: 'on' });
    await recordCandidateBuilds(db, { release, n: index + 1, buildKey, baseBuildKey: buildKey });
  }
  await closeRelease(db, release, { kind: 'released' });
  const [repaired, last] = builds;
  expect(await lastReleased(db, 's-1/1/unit')).toEqual(last);
  expect(await lastReleasedBut(db, 'sample', repaired!.digest)).toEqual(last);
  expect(await lastReleasedBut(db, 'sample', last!.digest)).toBeUndefined();
});

test('a patch that takes an API away fails where it is in the stack, and does not bring the test', async () => {
  const { db } = await freshDatabase();
  const world = judgingWorld(db, UNITS);
  const suiteRun = 's-1/1/unit';
  const truth: Truth = ({ test: name, arm }) =>
    name === 'x.BTest#a()' && ['candidate', 'prefix-2'].includes(arm)
      ? failed('NoSuchMethodError: x.B.gone()')
      : passed;
  const [verdict] = await world.run(suiteRun, truth);
  expect(verdict).toMatchObject({ kind: 'regression', candidate: { fail: 8 }, base: { pass: 5 } });
  for (const arm of ['prefix-1', 'prefix-2']) {
    const tests = [{ unit: 'x.BTest', test: 'x.BTest#a()', runs: 1 }];
    expect(await world.activities.planArmProbe({ suiteRun, arm, tests })).toEqual({ batches: 1 });
    await world.perform(suiteRun, 'culprit', truth);
  }
  const { tests, arms } = await world.activities.culpritState({ suiteRun, limit: 24 });
  const name = tests[0]?.name ?? '';
  expect(arms).toMatchObject({
    'prefix-1': { [name]: { pass: 1, fail: 0, missing: 0 } },
    'prefix-2': { [name]: { pass: 0, fail: 1, missing: 0 } },
  });
});

test('what passes alone is tried in its batch, and what never fails again is flaky with its counts', async () => {
  const { db } = await freshDatabase();
  const world = judgingWorld(db, UNITS);
  const truth: Truth = ({ test: name, phase }) => (name === 'x.BTest#a()' && phase === 'suite' ? failed() : passed);
  expect(await world.run('s-1/1/unit', truth)).toMatchObject([
    { kind: 'flaky', candidate: { pass: 40, fail: 0 }, base: { pass: 40, fail: 0 }, power: expect.any(Number) },
  ]);
  // The whole of what its process had run, once on the candidate.
  const replays = world.done.filter(({ phase }) => phase === 'replay');
  expect(replays.map(({ items }) => items.map(({ unit }) => unit).join())).toEqual(['x.ATest,x.BTest']);
});

test('what fails in some replays of its batch is counted after a part of what ran before, which costs less', async () => {
  const { db } = await freshDatabase();
  const names = [...'ABCDEFGHI'].map((letter) => `x.${letter}Test`);
  const units = Object.fromEntries(names.map((name) => [name, [`${name}#a()`]]));
  const world = judgingWorld(db, units, { batch: 9, reruns: { secondsPerTest: 100 } });
  // Replays on the candidate: two of the whole, four after one unit, four after two; then those that count.
  const truth: Truth = ({ test: name, phase, arm, nth }) =>
    (name === 'x.ITest#a()' &&
      (phase === 'suite' || (phase === 'replay' && arm === 'candidate' && [1, 8].includes(nth)))) ||
    (name === 'x.ITest#a()' && phase === 'replay' && arm === 'candidate' && nth > 10)
      ? failed()
      : passed;
  expect(await world.run('s-1/1/unit', truth)).toMatchObject([
    {
      ...{ kind: 'destabilised', orderDependent: true, countedAfter: 2 },
      ...{ candidate: { pass: 0, fail: 10 }, base: { pass: 10, fail: 0 } },
      reason: expect.stringMatching(/run after the 2 units before it alone, it fails 10 of 10/),
    },
  ]);
  const replays = world.done.filter(({ phase }) => phase === 'replay').map(({ items }) => items.length);
  expect(replays.filter((length) => length === 9)).toHaveLength(3);
  expect([2, 3].map((units) => replays.filter((length) => length === units).length)).toEqual([4, 24]);
});

test('what an earlier test of its class leaves behind is found in its class alone, the batch is not run again', async () => {
  const { db } = await freshDatabase();
  const world = judgingWorld(db, UNITS, { suite: { rerun: ['r', '{method}'] } });
  const truth: Truth = ({ test: name, arm, phase }) =>
    name === 'x.ATest#b()' && arm === 'candidate' && (phase === 'suite' || phase === 'replay') ? failed() : passed;
  expect(await world.run('s-1/1/unit', truth)).toMatchObject([
    {
      ...{ test: 'x.ATest#b()', kind: 'regression', orderDependent: true },
      reason: expect.stringMatching(/in the order of its class it fails 5 of 5 on the candidate, 0 of 5 on the base/),
    },
  ]);
  const replays = world.done.filter(({ phase }) => phase === 'replay');
  expect([...new Set(replays.map(({ items }) => items.map(({ unit }) => unit).join()))]).toEqual(['x.ATest']);
});

test('failures that somebody else has found are judged without a suite having run here', async () => {
  const { db } = await freshDatabase();
  const world = judgingWorld(db, {});
  const { savePlan } = await import('../../store/suites.ts');
  const { saveFailures } = await import('../../store/suite-failures.ts');
  const run = {
    suiteRun: 't-1/1/unit',
    release: 't-1',
    candidateNumber: 1,
    fork: 'sample',
    suite: 'unit',
    settings: 's',
    slots: 1,
    arms: {},
  };
  await savePlan(db, run, []);
  const failure = {
    unit: 'x.ZTest',
    test: 'x.ZTest#z()',
    unique_id: '',
    message: 'AssertionError',
    reason: null,
    seconds: 1,
    log: null,
  };
  await saveFailures(db, run.suiteRun, [{ ...failure, cluster: 'AssertionError' }]);
  const truth: Truth = ({ arm, nth }) => (arm === 'candidate' && nth % 2 === 0 ? failed() : passed);
  expect(await world.judge(run.suiteRun, truth)).toMatchObject([{ kind: 'destabilised', base: { fail: 0 } }]);
});
