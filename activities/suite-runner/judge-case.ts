import { createHash } from 'node:crypto';
import { release as kernel } from 'node:os';
import type { SuiteSettings } from '../../config/suite.ts';
import { representatives } from '../../decisions/failure-cluster.ts';
import type { Evidence, ReplayScope, RerunPolicy } from '../../decisions/failure-verdict.ts';
import { type FirstEvidence, type Group, signatureOf, suspectGroups } from '../../decisions/first-step.ts';
import {
  cutOf,
  isWhole,
  type Nearer,
  nearerStretches,
  type SlotStep,
  type Stretch,
} from '../../decisions/replay-plan.ts';
import { rerunLimits, type TestItem } from '../../decisions/rerun-plan.ts';
import { type BothArms, countArms, NOT_RUN, type RunAnswer, readRun } from '../../decisions/run-answers.ts';
import { methodOf } from '../../decisions/test-pattern.ts';
import type { Limits } from '../../runner/protocol.ts';
import { listFailures, type OpenFailure, runsAlone, type TestRun } from '../../store/suite-failures.ts';
import { methodHistory, unitHistory } from '../../store/suite-history.ts';
import {
  type BaseKey,
  baseHistory,
  batchFigures,
  knownBaseFailures,
  type Ran,
  type ReplayedUnit,
  replayedUnits,
  rerunSecondsOfRelease,
  whereRan,
} from '../../store/suite-verdicts.ts';
import { JUDGE_PHASES, suiteRunOf } from '../../store/suites.ts';
import type { Digest } from '../../workflows/types.ts';
import { type SuiteRunnerDeps, suiteSettings } from './deps.ts';

export type TestKey = { unit: string; test: string };
export const keyOf = ({ unit, test }: TestKey) => `${unit} ${test}`;

export type Suspected = Group<OpenFailure & { batch?: string; nothingExecuted: boolean }>;

/** Everything that the judgement of a suite run's failures rests on, read at one time. */
export type Case = Awaited<ReturnType<typeof openCase>>;

/** `base`: digest of the base build, where there is one. */
export async function openCase(deps: SuiteRunnerDeps, suiteRun: string, base?: Digest) {
  const { db } = deps;
  const run = await suiteRunOf(db, suiteRun);
  const settings = await deps.settings(run.settings);
  const suite = suiteSettings(settings, run.fork, run.suite);
  const failures = await listFailures(db, suiteRun);
  const ran = await whereRan(db, suiteRun, [...new Set(failures.map(({ unit }) => unit))]);
  const figures = await batchFigures(db, [...new Set([...ran.values()].map(({ batch }) => batch))]);
  const runs = groupRuns(await runsAlone(db, suiteRun, JUDGE_PHASES));
  const tests = failures.map(({ unit, test }) => ({ unit, test }));
  const baseKey: BaseKey | undefined = base === undefined ? undefined : keyOfBase(deps, suite, run.suite, base, ran);
  const suspects = suspectGroups(
    failures.map((failure) => ({
      ...failure,
      ...(ran.has(failure.unit) ? { batch: ran.get(failure.unit)?.batch ?? '' } : {}),
      nothingExecuted: failure.reason === 'nothing-executed',
    })),
    figures,
  );
  const budget = settings.forks[run.fork]?.release?.rerunSeconds ?? Number.POSITIVE_INFINITY;
  const policy: RerunPolicy = { ...suite.reruns, spent: (await rerunSecondsOfRelease(db, run.release)) >= budget };
  return {
    run,
    suite,
    failures,
    ran,
    runs,
    suspects: new Map(suspects.flatMap((group) => group.members.map((member) => [keyOf(member), group] as const))),
    chosen: representatives(failures),
    replayed: await replayedUnits(db, suiteRun, [...new Set(tests.map(({ test }) => test))]),
    stretches: new Map<string, Stretch>(),
    steps: new Map<string, SlotStep>(),
    history: await baseHistory(db, { fork: run.fork, suite: run.suite, suiteRun, tests }),
    remembered: baseKey
      ? await knownBaseFailures(db, baseKey, suiteRun)
      : new Map<string, { failures: number; suiteRun: string }>(),
    baseKey,
    policy,
    budget,
    limitsOf: await limitsFor(deps, run.fork, suite, failures),
  };
}

function groupRuns(runs: readonly TestRun[]): Map<string, TestRun[]> {
  const groups = new Map<string, TestRun[]>();
  for (const run of runs) groups.set(keyOf(run), [...(groups.get(keyOf(run)) ?? []), run]);
  return groups;
}

/** What could make a base fail or not beside its bytes: the suite's configuration, the hosts and their environment. */
function keyOfBase(
  deps: SuiteRunnerDeps,
  suite: SuiteSettings,
  name: string,
  base: Digest,
  ran: ReadonlyMap<string, Ran>,
): BaseKey {
  const hosts = [...new Set([...ran.values()].map(({ host }) => host))].sort();
  const about = { suite, env: deps.environment(suite.environment), hosts, kernel: kernel(), uid: process.getuid?.() };
  return { base, suite: name, environment: createHash('sha256').update(JSON.stringify(about)).digest('hex') };
}

/** The runs of one failure on both arms in one phase. */
export function armsOf(
  { runs }: Pick<Case, 'runs'>,
  failure: TestKey & { base_arm: string },
  phase: TestRun['phase'],
): BothArms {
  const own = (runs.get(keyOf(failure)) ?? []).filter((run) => run.phase === phase);
  const answers = (arm: string) => own.filter((run) => run.arm === arm).map(readRun);
  return countArms(answers('candidate'), answers(failure.base_arm));
}

export function evidenceOf(it: Case, failure: OpenFailure, stretch: Stretch): Evidence {
  const alone = (it.runs.get(keyOf(failure)) ?? []).filter(({ phase }) => phase === 'rerun');
  const seconds =
    alone.length === 0 ? failure.seconds : alone.reduce((sum, run) => sum + run.seconds, 0) / alone.length;
  const { steps, unit } = stretch;
  const whole = unit !== undefined && isWhole(failure.test, itemOf(it, failure), unit, it.suite);
  const cut = cutOf(stretch, whole, it.suite.reruns.replaySeconds);
  const history = it.history.get(keyOf(failure));
  const remembered = failure.base_arm === 'base' ? it.remembered.get(keyOf(failure)) : undefined;
  return {
    ...armsOf(it, failure, 'rerun'),
    seconds,
    replays: {
      unit: {
        ...replayOf(it, failure, 'unit'),
        possible: steps.length > 0 && !whole,
        seconds: steps.at(-1)?.seconds ?? 0,
      },
      batch: {
        ...replayOf(it, failure, 'batch'),
        possible: steps.length > 1,
        seconds: steps.reduce((sum, step) => sum + step.seconds, 0),
      },
    },
    nearer: nearerStretches(steps).map((part) => {
      const before = part.length - 1;
      return {
        before,
        seconds: part.reduce((sum, step) => sum + step.seconds, 0),
        look: replayOf(it, failure, `${before}/look`),
        count: replayOf(it, failure, `${before}/count`),
      };
    }),
    ...(cut ? { cut } : {}),
    ...(history ? { history } : {}),
    ...(remembered ? { remembered: { pass: 0, fail: remembered.failures } } : {}),
    killed: signatureOf(failure.message) === 'killed',
  };
}

/** Which replays: of its class alone, of all that its process ran before, or of a part of that. */
export type Shown = ReplayScope | Nearer;

export function replayOf(
  { replayed }: { replayed: readonly ReplayedUnit[] },
  failure: OpenFailure,
  scope: Shown,
): BothArms {
  const answers = (arm: string) => replayAnswers(replayed, failure, arm, scope);
  return replayed.length === 0 ? NOT_RUN : countArms(answers('candidate'), answers(failure.base_arm));
}

/** The replays in which an order-dependent failure shows. */
export function showsIn(it: { replayed: readonly ReplayedUnit[] }, failure: OpenFailure): Shown {
  const after = failure.verdict?.countedAfter;
  if (after !== undefined) return `${after}/count`;
  return replayOf(it, failure, 'unit').candidate.fail > 0 ? 'unit' : 'batch';
}

/** What each replay on one arm says about a test. */
export function replayAnswers(
  replayed: readonly ReplayedUnit[],
  failure: OpenFailure,
  arm: string,
  scope: Shown,
): RunAnswer[] {
  const dies = failure.reason === 'crash' || signatureOf(failure.message) === 'out-of-memory';
  return replayed
    .filter((unit) => unit.arm === arm && isShownIn(failure, unit, scope))
    .map((unit) => {
      // What fills a heap takes down whichever test comes then, not the same one each time.
      const before = replayed.filter(({ batch, item }) => batch === unit.batch && item <= unit.item);
      if (dies && before.some((one) => one.ended === 'crash' || one.outOfMemory)) return 'crash';
      const status = (test: string, wanted: string) =>
        unit.tests.some((one) => one.test === test && one.status === wanted);
      return readRun({
        ended: unit.ended,
        complete: unit.complete,
        ownPassed: status(failure.test, 'passed'),
        ownFailed: status(failure.test, 'failed'),
        ownSkipped: status(failure.test, 'skipped'),
        anyFailed: status(failure.unit, 'failed') || status(failure.class, 'failed'),
        results: unit.results,
        wholeUnit: failure.test === unit.unit,
        message: unit.tests.find((one) => one.test === failure.test && one.status === 'failed')?.message ?? null,
      });
    });
}

/** A replay runs the unit as it ran in the suite, or the whole class where another system ran it (`ownClass`). */
const isOwnUnit = (failure: OpenFailure, { unit }: ReplayedUnit) => unit === failure.unit || unit === failure.class;

/** Whatever came first in its process ran in its own order alone, whoever asked for the replay. */
export function isShownIn(failure: OpenFailure, run: ReplayedUnit, scope: Shown): boolean {
  if (!isOwnUnit(failure, run)) return false;
  if (scope !== 'unit' && scope !== 'batch') return run.nearer === scope;
  return run.nearer === null && (run.item === 0) === (scope === 'unit');
}

/** Seconds of every replay that a failing unit was in. */
export function replaySeconds(
  replayed: readonly ReplayedUnit[],
  failure: OpenFailure,
  phase: ReplayedUnit['phase'],
): number {
  const batches = new Set(
    replayed.filter((one) => isOwnUnit(failure, one) && one.phase === phase).map(({ batch }) => batch),
  );
  return replayed.filter(({ batch }) => batches.has(batch)).reduce((sum, { seconds }) => sum + seconds, 0);
}

export const tenths = (seconds: number) => Math.round(seconds * 10) / 10;

/** What step 0 knows of a failure; nothing where it has no part in it. */
export function firstEvidenceOf(it: Case, failure: OpenFailure): FirstEvidence | undefined {
  const group = it.suspects.get(keyOf(failure));
  const [representative] = group?.members ?? [];
  if (!group || !representative) return undefined;
  const own = armsOf(it, failure, 'elsewhere').candidate;
  const judged = it.failures.find((one) => keyOf(one) === keyOf(representative))?.verdict;
  return {
    suspicion: group.suspicion,
    isRepresentative: keyOf(representative) === keyOf(failure),
    representative: armsOf(it, representative, 'first'),
    ...(judged ? { representativeVerdict: judged.kind } : {}),
    elsewhere: {
      attempts: own.pass + own.fail + own.missing,
      own,
      representative: armsOf(it, representative, 'elsewhere'),
    },
  };
}

/** How one failed test is run by itself. What cannot be selected by itself is judged as its whole unit would be. */
export function itemOf({ limitsOf }: Pick<Case, 'limitsOf'>, failure: OpenFailure): TestItem {
  const { unit, test, unique_id } = failure;
  const uniqueId = unique_id === '' ? '' : (JSON.parse(unique_id) as string);
  const asUnit = test === unit || test === failure.class || uniqueId === '';
  return { unit, test, selector: asUnit ? failure.selector : `u:${uniqueId}`, limits: limitsOf(failure) };
}

async function limitsFor(
  deps: SuiteRunnerDeps,
  fork: string,
  suite: SuiteSettings,
  failures: readonly OpenFailure[],
): Promise<(failure: OpenFailure) => Limits> {
  const classes = [...new Set(failures.map((failure) => failure.class))];
  const past = await unitHistory(deps.db, fork, classes);
  const methods = new Map((await methodHistory(deps.db, fork, classes)).map((one) => [one.method, one.seconds]));
  return (failure) => {
    // A test that ran into its limit says nothing about how long it should take; its past does.
    const tooLong = failure.reason === 'timeout' || failure.reason === 'silence';
    const known = methods.get(methodOf(failure.test)) ?? past.get(failure.class)?.seconds;
    return rerunLimits(suite.limits, tooLong ? (known ?? suite.limits.methodSeconds) : failure.seconds);
  };
}
