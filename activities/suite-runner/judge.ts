import type { SuiteSettings } from '../../config/suite.ts';
import { clusterKey, representatives } from '../../decisions/failure-cluster.ts';
import { countRuns, judgeFailure, readRun, weigh } from '../../decisions/failure-verdict.ts';
import { isQuarantined, quarantineOf } from '../../decisions/quarantine.ts';
import { planProbe, planReruns, type Rerun, rerunLimits } from '../../decisions/rerun-plan.ts';
import { methodOf } from '../../decisions/test-pattern.ts';
import { oneLine } from '../../lib/plain-text.ts';
import type { Limits, WorkItem } from '../../runner/protocol.ts';
import { queueBatches } from '../../store/suite-batches.ts';
import {
  failuresOfSuite,
  listFailures,
  type OpenFailure,
  runsAlone,
  saveFailures,
  saveVerdict,
  type TestRun,
} from '../../store/suite-failures.ts';
import { methodHistory, unitHistory } from '../../store/suite-history.ts';
import { markSuiteEnded, type SuitePhase, suiteRunOf } from '../../store/suites.ts';
import type { Verdict } from '../../workflows/types.ts';
import { type SuiteRunnerDeps, suiteSettings } from './deps.ts';

export type TestKey = { unit: string; test: string };
/** `batches`: reruns that wait to be run before anything more can be said. */
export type Judged = { batches: number; failures: number; judged: number };

const keyOf = ({ unit, test }: TestKey) => `${unit} ${test}`;

/**
 * Judges every failure from the reruns that there are, and plans those that are missing. Facts and counts only:
 * the rule is decisions/failure-verdict.ts. Safe to repeat: nothing is planned while planned reruns wait.
 */
export async function judgeFailures(deps: SuiteRunnerDeps, suiteRun: string): Promise<Judged> {
  const { db } = deps;
  await markSuiteEnded(db, suiteRun);
  const run = await suiteRunOf(db, suiteRun);
  const suite = suiteSettings(await deps.settings(run.settings), run.fork, run.suite);
  const found = await failuresOfSuite(db, suiteRun);
  const quarantine = quarantineOf(suite.quarantine, new Date().toISOString().slice(0, 10));
  await saveFailures(
    db,
    suiteRun,
    found.map((failure) => ({ ...failure, cluster: clusterKey(failure.message), quarantine: quarantine(failure) })),
  );
  const failures = await listFailures(db, suiteRun);
  const waiting = await unfinishedBatches(deps, suiteRun, 'rerun');
  if (waiting > 0) return { batches: waiting, failures: failures.length, judged: 0 };

  const runs = groupRuns(await runsAlone(db, suiteRun, ['rerun']));
  const chosen = representatives(failures);
  const affordable = affordableFailures(failures, chosen, suite.reruns.maxTests);
  const limitsOf = await limitsFor(deps, run.fork, suite, failures);
  const reruns: Rerun[] = [];
  let judged = 0;
  for (const failure of failures) {
    if (failure.verdict !== null) {
      judged += 1;
      continue;
    }
    const outcome = judgeOne(failure, runs.get(keyOf(failure)) ?? [], suite, affordable.has(failure));
    if (outcome.kind === 'more') {
      const { candidate, base, alone } = outcome;
      reruns.push({
        ...rerunOf(failure, limitsOf(failure)),
        representative: chosen.has(failure),
        candidate,
        base,
        alone,
      });
    } else {
      await saveVerdict(db, suiteRun, verdictOf(deps, suiteRun, failure, outcome));
      judged += 1;
    }
  }
  const batches = planReruns(reruns);
  await queue(deps, suiteRun, 'rerun', batches);
  return { batches: batches.length, failures: failures.length, judged };
}

type Outcome = Extract<ReturnType<typeof judgeOne>, { kind: 'verdict' }>;

function judgeOne(failure: OpenFailure, runs: readonly TestRun[], suite: SuiteSettings, affordable: boolean) {
  const answers = (arm: string) => runs.filter((run) => run.arm === arm).map(readRun);
  const seconds = runs.length === 0 ? failure.seconds : runs.reduce((sum, run) => sum + run.seconds, 0) / runs.length;
  const evidence = weigh(answers('candidate'), answers('base'), seconds);
  if (!affordable && runs.length === 0) {
    const reason = `not run again: more than ${suite.reruns.maxTests} tests failed`;
    return { kind: 'verdict' as const, verdict: 'undecided' as const, reason, evidence };
  }
  return { ...judgeFailure(evidence, suite.reruns), evidence };
}

function verdictOf(deps: SuiteRunnerDeps, suiteRun: string, failure: OpenFailure, outcome: Outcome): Verdict {
  const { candidate, base } = outcome.evidence;
  return {
    unit: failure.unit,
    test: failure.test,
    kind: outcome.verdict,
    candidate: { pass: candidate.pass, fail: candidate.fail },
    base: { pass: base.pass, fail: base.fail },
    message: deps.redact(oneLine(failure.message, 300)),
    ...(failure.quarantine === null ? {} : { quarantine: failure.quarantine }),
    ...('power' in outcome && outcome.power !== undefined ? { power: outcome.power } : {}),
    evidence: failure.log ?? suiteRun,
  };
}

/** Where far too much fails, one of each kind is judged first, then as many others as the budget has room for. */
function affordableFailures(
  failures: readonly OpenFailure[],
  chosen: ReadonlySet<OpenFailure>,
  budget: number,
): Set<OpenFailure> {
  return new Set([...failures].sort((a, b) => Number(chosen.has(b)) - Number(chosen.has(a))).slice(0, budget));
}

function rerunOf(failure: OpenFailure, limits: Limits) {
  const { unit, test, unique_id } = failure;
  const uniqueId = unique_id === '' ? '' : (JSON.parse(unique_id) as string);
  const asUnit = test === unit || test === failure.class || uniqueId === '';
  const selector = asUnit ? failure.selector : `u:${uniqueId}`;
  // What cannot be selected by itself is judged as its whole unit would be.
  return { unit, test, selector, limits };
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

function groupRuns(runs: readonly TestRun[]): Map<string, TestRun[]> {
  const groups = new Map<string, TestRun[]>();
  for (const run of runs) groups.set(keyOf(run), [...(groups.get(keyOf(run)) ?? []), run]);
  return groups;
}

async function queue(deps: SuiteRunnerDeps, suiteRun: string, phase: SuitePhase, batches: WorkItem[][]): Promise<void> {
  if (batches.length === 0) return;
  await deps.db.transaction().execute(async (tx) => {
    await tx
      .selectFrom('suite_run')
      .select('suite_run')
      .where('suite_run', '=', suiteRun)
      .forUpdate()
      .executeTakeFirstOrThrow();
    // Two attempts of one activity: the first one's plan stands.
    const { waiting } = await tx
      .selectFrom('suite_batch')
      .select(({ fn }) => fn.countAll<number>().as('waiting'))
      .where('suite_run', '=', suiteRun)
      .where('phase', '=', phase)
      .where('finished_at', 'is', null)
      .executeTakeFirstOrThrow();
    if (waiting === 0) await queueBatches(tx, suiteRun, phase, batches);
  });
}

async function unfinishedBatches(deps: SuiteRunnerDeps, suiteRun: string, phase: SuitePhase): Promise<number> {
  const { waiting } = await deps.db
    .selectFrom('suite_batch')
    .select(({ fn }) => fn.countAll<number>().as('waiting'))
    .where('suite_run', '=', suiteRun)
    .where('phase', '=', phase)
    .where('finished_at', 'is', null)
    .executeTakeFirstOrThrow();
  return waiting;
}

/** The tests whose culprit is looked for: a representative of each cluster first, at most `limit`. */
export async function culpritTests(deps: SuiteRunnerDeps, suiteRun: string, limit: number): Promise<TestKey[]> {
  const failures = await listFailures(deps.db, suiteRun);
  const wanted = failures.filter(
    ({ verdict }) =>
      verdict &&
      (verdict.kind === 'regression' || verdict.kind === 'untestable') &&
      !verdict.culprit &&
      !isQuarantined(verdict),
  );
  const chosen = representatives(wanted);
  return [...wanted]
    .sort((a, b) => Number(chosen.has(b)) - Number(chosen.has(a)))
    .slice(0, limit)
    .map(({ unit, test }) => ({ unit, test }));
}

/** Plans runs of these tests on one more arm, as far as they have not been made. Safe to repeat. */
export async function planArmProbe(
  deps: SuiteRunnerDeps,
  { suiteRun, arm, tests, runs }: { suiteRun: string; arm: string; tests: TestKey[]; runs: number },
): Promise<{ batches: number }> {
  const run = await suiteRunOf(deps.db, suiteRun);
  const suite = suiteSettings(await deps.settings(run.settings), run.fork, run.suite);
  const failures = await listFailures(deps.db, suiteRun);
  const limitsOf = await limitsFor(deps, run.fork, suite, failures);
  const made = groupRuns((await runsAlone(deps.db, suiteRun, ['culprit'])).filter((one) => one.arm === arm));
  const wanted = new Set(tests.map(keyOf));
  const due = failures.filter(
    (failure) => wanted.has(keyOf(failure)) && (made.get(keyOf(failure))?.length ?? 0) < runs,
  );
  const batches = planProbe(
    due.map((failure) => ({ ...rerunOf(failure, limitsOf(failure)), representative: true })),
    arm,
    runs,
  );
  await queue(deps, suiteRun, 'culprit', batches);
  return { batches: batches.length };
}

/** What the runs of these tests on one arm said, in their order. One pass clears: a regression fails always. */
export async function readArmProbe(
  deps: SuiteRunnerDeps,
  { suiteRun, arm, tests }: { suiteRun: string; arm: string; tests: TestKey[] },
): Promise<('pass' | 'fail' | 'missing')[]> {
  const runs = groupRuns((await runsAlone(deps.db, suiteRun, ['culprit'])).filter((run) => run.arm === arm));
  return tests.map((test) => {
    const { pass, fail } = countRuns((runs.get(keyOf(test)) ?? []).map(readRun), 'missing');
    return pass > 0 ? 'pass' : fail > 0 ? 'fail' : 'missing';
  });
}

/**
 * Names the culprits. A test that the base does not have but a prefix of the stack passes is a regression after
 * all: that prefix (`against`) is its base (triage.md, step 5).
 */
export async function saveCulprits(
  deps: SuiteRunnerDeps,
  { suiteRun, culprits }: { suiteRun: string; culprits: (TestKey & { commits: string[]; against?: string })[] },
): Promise<void> {
  const failures = new Map((await listFailures(deps.db, suiteRun)).map((failure) => [keyOf(failure), failure]));
  const runs = groupRuns(await runsAlone(deps.db, suiteRun, ['culprit']));
  for (const { commits, against, ...test } of culprits) {
    const verdict = failures.get(keyOf(test))?.verdict;
    if (!verdict) continue;
    const answers = (runs.get(keyOf(test)) ?? []).filter(({ arm }) => arm === against).map(readRun);
    const { pass, fail } = countRuns(answers, 'missing');
    const regression =
      verdict.kind === 'untestable' && against !== undefined
        ? { kind: 'regression' as const, base: { pass, fail } }
        : {};
    await saveVerdict(deps.db, suiteRun, { ...verdict, ...regression, culprit: commits });
  }
}
