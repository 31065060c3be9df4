import { createHash } from 'node:crypto';
import type { PointRuns, SearchedTest } from '../../decisions/culprit.ts';
import { representatives } from '../../decisions/failure-cluster.ts';
import { isQuarantined } from '../../decisions/quarantine.ts';
import { planProbe, planReplays } from '../../decisions/rerun-plan.ts';
import { countRuns, readRun } from '../../decisions/run-answers.ts';
import { type Searched, sharedCulprit } from '../../decisions/shared-culprit.ts';
import { phaseCounts } from '../../store/suite-batches.ts';
import { listFailures, type OpenFailure, runsAlone, saveVerdict } from '../../store/suite-failures.ts';
import { lastReleased, replayedUnits, setBaseArm } from '../../store/suite-verdicts.ts';
import type { Build, Verdict } from '../../workflows/types.ts';
import type { SuiteRunnerDeps } from './deps.ts';
import { itemOf, keyOf, openCase, replayAnswers, replaySeconds, showsIn, type TestKey, tenths } from './judge-case.ts';
import { queue } from './judge-plan.ts';
import { stretchFor } from './judge-stretch.ts';

/** A test whose culprit is looked for. `brought`: the base lacks it. */
export type Wanted = TestKey & SearchedTest & { kind: Verdict['kind']; baseArm: string };

/** What is known by now: per arm either the counts of each test (by `name`), or why it cannot be run. */
export type SearchState = {
  tests: Wanted[];
  arms: Record<string, Record<string, PointRuns> | 'unbuildable' | 'conflict'>;
};

/**
 * Where the search for culprits stands, read from the store: whoever goes on with it needs to remember nothing.
 * A representative of each cluster first, at most `limit` tests.
 */
export async function culpritState(
  deps: SuiteRunnerDeps,
  { suiteRun, limit }: { suiteRun: string; limit: number },
): Promise<SearchState> {
  const failures = (await listFailures(deps.db, suiteRun)).filter(isWanted);
  const chosen = representatives(failures);
  const wanted = [...failures].sort((a, b) => Number(chosen.has(b)) - Number(chosen.has(a))).slice(0, limit);
  const read = await readings(deps, suiteRun, wanted);
  const points = await deps.db.selectFrom('suite_point').selectAll().where('suite_run', '=', suiteRun).execute();
  const arms: SearchState['arms'] = Object.fromEntries(points.map(({ arm, answer }) => [arm, answer]));
  for (const [arm, counts] of read) arms[arm] ??= counts;
  return { tests: wanted.map(wantedOf), arms };
}

function isWanted({ verdict }: OpenFailure): boolean {
  if (!verdict || verdict.culpritReason !== undefined || verdict.representative !== undefined) return false;
  return ['regression', 'destabilised', 'untestable'].includes(verdict.kind) && !isQuarantined(verdict);
}

/** Names a test within a search: it is told again for every stack, and payloads stay small. */
const shortName = (test: TestKey) => createHash('sha256').update(keyOf(test)).digest('hex').slice(0, 12);

function wantedOf(failure: OpenFailure): Wanted {
  const { unit, test } = failure;
  const verdict = failure.verdict as Verdict;
  const { candidate, base, kind } = verdict;
  const lacking = kind === 'untestable' || failure.base_arm !== 'base';
  return {
    unit,
    test,
    kind,
    baseArm: failure.base_arm,
    name: shortName(failure),
    always: candidate.pass === 0,
    candidate: { ...candidate, missing: 0 },
    base: lacking ? { pass: 0, fail: 0, missing: 1 } : { ...base, missing: 0 },
  };
}

/** Counts by arm and test, of the runs that fit how the failure shows: alone, or in its class or batch. */
async function readings(deps: SuiteRunnerDeps, suiteRun: string, wanted: readonly OpenFailure[]) {
  const runs = await runsAlone(deps.db, suiteRun, ['rerun', 'culprit']);
  const replayed = await replayedUnits(
    deps.db,
    suiteRun,
    wanted.map(({ test }) => test),
  );
  const arms = new Map<string, Record<string, PointRuns>>();
  for (const failure of wanted) {
    const scope = failure.verdict?.orderDependent === true ? showsIn({ replayed }, failure) : undefined;
    const own = runs.filter((run) => keyOf(run) === keyOf(failure));
    const searched = own.filter(({ phase }) => phase === 'culprit');
    const answersOf = (arm: string, of = searched) =>
      scope ? replayAnswers(replayed, failure, arm, scope) : of.filter((run) => run.arm === arm).map(readRun);
    // A patch that takes an API away fails like any other where it is in the stack.
    const candidate = answersOf('candidate', own);
    for (const arm of new Set((scope ? replayed : searched).map((run) => run.arm))) {
      const answers = answersOf(arm);
      if (answers.length === 0) continue;
      const { pass, fail, missing } = countRuns(answers, candidate);
      arms.set(arm, { ...arms.get(arm), [shortName(failure)]: { pass, fail, missing } });
    }
  }
  return arms;
}

export type ArmProbe = { suiteRun: string; arm: string; tests: (TestKey & { runs: number })[] };

/**
 * Plans runs of tests on one more arm, up to so many in all. Says in how many batches. Safe to repeat: what has been
 * run counts.
 */
export async function planArmProbe(
  deps: SuiteRunnerDeps,
  { suiteRun, arm, tests }: ArmProbe,
): Promise<{ batches: number }> {
  const it = await openCase(deps, suiteRun);
  const wanted = new Map(tests.map((test) => [keyOf(test), test.runs]));
  const failures = it.failures.filter((failure) => wanted.has(keyOf(failure)));
  const made = (await readings(deps, suiteRun, failures)).get(arm) ?? {};
  const due = failures.map((failure) => {
    const { pass, fail, missing } = made[shortName(failure)] ?? { pass: 0, fail: 0, missing: 0 };
    return { failure, runs: Math.max(0, (wanted.get(keyOf(failure)) ?? 0) - pass - fail - missing) };
  });
  const alone = due.filter(({ failure }) => failure.verdict?.orderDependent !== true);
  const batches = planProbe(
    alone.map(({ failure, runs }) => ({ ...itemOf(it, failure), runs })),
    arm,
  );
  for (const { failure, runs } of due.filter(({ failure: one }) => one.verdict?.orderDependent === true)) {
    const scope = showsIn(it, failure);
    const stretch = await stretchFor(deps, it, failure, scope);
    const nearer = scope === 'unit' || scope === 'batch' ? undefined : scope;
    batches.push(...planReplays(stretch, { [arm]: runs }, it.suite.limits, nearer));
  }
  await queue(deps.db, suiteRun, 'culprit', batches);
  const { left, open } = await phaseCounts(deps.db, suiteRun, 'culprit');
  return { batches: left + open };
}

/** Keeps that an arm cannot be run. Safe to repeat. */
export async function markArm(
  deps: SuiteRunnerDeps,
  point: { suiteRun: string; arm: string; answer: 'unbuildable' | 'conflict'; reason: string },
): Promise<void> {
  const { suiteRun, arm, answer, reason } = point;
  await deps.db
    .insertInto('suite_point')
    .values({ suite_run: suiteRun, arm, answer, reason: deps.redact(reason).slice(0, 2_000) })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export type Culprit = TestKey & { commits: string[]; reason: string };

/**
 * Names the culprits; what failed with a representative has the same one, and so may what there was no room for in the
 * search. Safe to repeat.
 */
export async function saveCulprits(
  deps: SuiteRunnerDeps,
  { suiteRun, culprits }: { suiteRun: string; culprits: Culprit[] },
): Promise<void> {
  const failures = await listFailures(deps.db, suiteRun);
  const secondsOf = await culpritSeconds(deps, suiteRun);
  const found = new Map(culprits.map((culprit) => [keyOf(culprit), culprit]));
  const searched = failures.flatMap((failure): Searched[] => {
    const commits = found.get(keyOf(failure))?.commits;
    return commits && failure.verdict ? [{ ...failure, kind: failure.verdict.kind, commits }] : [];
  });
  for (const failure of failures) {
    const { verdict } = failure;
    if (!verdict) continue;
    const like = failures.find(({ test }) => test === verdict.representative);
    const shared = isWanted(failure) ? sharedCulprit({ ...failure, kind: verdict.kind }, searched) : undefined;
    const culprit = found.get(keyOf(failure)) ?? (like && found.get(keyOf(like))) ?? shared;
    if (!culprit) continue;
    const cost = { rerunSeconds: 0, ...verdict.cost, culpritSeconds: secondsOf(failure) };
    const named = culprit.commits.length > 0 ? { culprit: culprit.commits } : {};
    await saveVerdict(deps.db, suiteRun, { ...verdict, ...named, culpritReason: culprit.reason, cost });
  }
}

async function culpritSeconds(deps: SuiteRunnerDeps, suiteRun: string): Promise<(failure: OpenFailure) => number> {
  const runs = await runsAlone(deps.db, suiteRun, ['culprit']);
  const replayed = await replayedUnits(deps.db, suiteRun, []);
  return (failure) => {
    const own = runs.filter((run) => keyOf(run) === keyOf(failure)).reduce((sum, { cost }) => sum + cost, 0);
    return tenths(own + replaySeconds(replayed, failure, 'culprit'));
  };
}

/** Lets another arm stand for the base of tests that the base lacks; they are judged anew. Safe to repeat. */
export async function judgeAgainst(
  deps: SuiteRunnerDeps,
  { suiteRun, arm, tests }: { suiteRun: string; arm: string; tests: TestKey[] },
): Promise<void> {
  await setBaseArm(deps.db, suiteRun, tests, arm);
}

export type Lacked = { tests: TestKey[]; released?: Build };

/** Tests that the base lacks, as far as no other build stands for it yet, and the fork's last released candidate. */
export async function lackedByBase(deps: SuiteRunnerDeps, suiteRun: string): Promise<Lacked> {
  const lacked = (await listFailures(deps.db, suiteRun)).filter(
    ({ verdict, base_arm }) =>
      verdict?.kind === 'untestable' && base_arm === 'base' && verdict.culpritReason === undefined,
  );
  const tests = lacked.map(({ unit, test }) => ({ unit, test }));
  const released = tests.length === 0 ? undefined : await lastReleased(deps.db, suiteRun);
  return { tests, ...(released ? { released } : {}) };
}
