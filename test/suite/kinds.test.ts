import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { suiteVerdicts } from '../../store/suite-report.ts';
import type { Build, Verdict } from '../../workflows/types.ts';
import type { ProductVariant } from './sample.ts';
import { makeBuild, runSuite, SAMPLE_SUITE, startWorld, type World, writeSettings } from './world.ts';

// A time limit only ends a test that hangs: real servers and JVMs share the machine.
vi.setConfig({ testTimeout: 600_000 });

/** One patch of the stack, and what it does to the product. The last one is harmless. */
const PATCHES: Record<string, ProductVariant> = {
  first: { first: true },
  pollutes: { pollutes: true },
  breaks: { breaks: true },
  hangs: { hangs: true },
  leaks: { leaks: true },
  second: { second: true },
  races: { races: true },
  harmless: {},
};
const NAMES = Object.keys(PATCHES);
const UNITS = ['LoadOneTest', 'LoadTwoTest', 'PairTest', 'RaceTest', 'StuckTest', 'TableTest', 'UseTest', 'VictimTest'];

let world: World;
let verdicts: Verdict[];
let holding: number;
const of = (name: string) => verdicts.find(({ test: id }) => id === `sample.${name}`);

/**
 * The product with some of the patches; named by them, as commits are. In a fork without a sandbox, since a race that
 * is told by counting needs a file that outlives a process.
 */
async function build(names: readonly string[]): Promise<Build> {
  const variant: ProductVariant = Object.assign({}, ...names.map((name) => PATCHES[name]));
  return { ...(await makeBuild(world, names.join('+') || 'base', variant, `{${UNITS.join(',')}}.java`)), fork: 'bare' };
}

beforeAll(async () => {
  world = await startWorld();
  const jvm = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+ExitOnOutOfMemoryError'];
  const suites = {
    kinds: {
      ...SAMPLE_SUITE,
      // One slot, so that everything runs in one process as long as that lives.
      slots: 1,
      jvm: [...jvm, `-Drace=${join(world.dataDir, 'race')}`],
      // A hang costs its limit in every run.
      limits: { methodSeconds: 4, silenceSeconds: 60 },
      reruns: { perArm: 3 },
    },
  };
  world.startWorker(writeSettings(world, suites));
  const stack: Build[] = [];
  for (let n = 1; n <= NAMES.length; n += 1) {
    const prefix = await build(NAMES.slice(0, n));
    // The candidate's own name, as if it were a commit.
    const named = { ...prefix, commit: NAMES[n - 1] ?? '' };
    world.prefixes.set(named.commit, { kind: 'built', build: named, reused: true });
    stack.push(named);
  }
  // Two patches that touch the same lines: the race does not fit without the leak.
  world.parts.build = async (commits) =>
    commits.includes('races') && !commits.includes('leaks')
      ? undefined
      : { ...(await build(commits)), commit: commits.join('+') };
  const outcome = await runSuite(world, 'sample-1/1/kinds', 'kinds', await build([]), stack);
  holding = outcome.holding.length;
  verdicts = await suiteVerdicts(world.db, 'sample-1/1/kinds');
}, 600_000);
afterAll(() => world.stop());

test('a test that hangs on the candidate and passes on the base is a regression like any other', () => {
  expect(of('StuckTest#returns()')).toMatchObject({
    kind: 'regression',
    candidate: { pass: 0, fail: 6 },
    base: { pass: 3, fail: 0 },
    signature: 'time-out',
    culprit: ['hangs'],
  });
});

test('a static initialiser that throws is a regression of every test that touches it', () => {
  for (const name of ['TableTest#hasThreeRows()', 'TableTest#keepsItsRows()']) {
    expect(of(name), name).toMatchObject({ kind: 'regression', culprit: ['breaks'] });
  }
});

test('what passes alone and fails in its batch, on the candidate only, is a regression by its order', () => {
  expect(of('VictimTest#findsItClean()')).toMatchObject({
    kind: 'regression',
    orderDependent: true,
    candidate: { pass: 0, fail: 5 },
    base: { pass: 5, fail: 0 },
    culprit: ['pollutes'],
  });
});

test('a leak that takes the process down is a regression of the test that it hits', () => {
  expect(of('LoadTwoTest#fits()')).toMatchObject({ kind: 'regression', orderDependent: true, culprit: ['leaks'] });
  expect(of('LoadOneTest#fits()')).toBeUndefined();
});

test('two patches that are wrong only together are the culprit together', () => {
  expect(of('PairTest#isRight()')).toMatchObject({
    kind: 'regression',
    culprit: ['first', 'second'],
    culpritReason: expect.stringContaining('together'),
  });
});

test('a race that is lost every other time is destabilised, with its patch', () => {
  const race = of('RaceTest#wins()');
  expect(race).toMatchObject({ kind: 'destabilised', base: { fail: 0 }, culprit: ['races'] });
  expect(race?.candidate.fail).toBeGreaterThan(0);
  expect(race?.candidate.pass).toBeGreaterThan(0);
  expect(race?.culpritReason).toContain('5');
});

test('each says what it cost and keeps what its log says beyond the base’s', () => {
  expect(verdicts).toHaveLength(7);
  expect(holding).toBe(7);
  for (const verdict of verdicts) {
    expect(verdict.cost?.rerunSeconds, verdict.test).toBeGreaterThan(0);
    expect(verdict.cost?.culpritSeconds, verdict.test).toBeGreaterThan(0);
    expect(verdict.reason, verdict.test).toMatch(/fails \d+ of \d+/);
  }
  const difference = readFileSync(world.artifacts.path(of('StuckTest#returns()')?.logDifference ?? ''), 'utf8');
  expect(difference).toContain('at product.Product.mayHang');
  const victim = readFileSync(world.artifacts.path(of('VictimTest#findsItClean()')?.logDifference ?? ''), 'utf8');
  expect(victim).not.toContain('looking at it');
});
