import { reasonAgainst, standInName } from '../../decisions/base-stand-in.ts';
import { clusterKey } from '../../decisions/failure-cluster.ts';
import { type Judgement, judgeFailure, type MoreRuns, type Ruling } from '../../decisions/failure-verdict.ts';
import { firstStep, signatureOf } from '../../decisions/first-step.ts';
import { quarantineOf, rerunPolicyOf } from '../../decisions/quarantine.ts';
import { oneLine } from '../../lib/plain-text.ts';
import { failuresOfSuite, type OpenFailure, saveFailures, saveVerdict } from '../../store/suite-failures.ts';
import { keepBaseFailure, keepRerunBudget } from '../../store/suite-verdicts.ts';
import { type JudgePhase, markSuiteEnded, suiteRunOf } from '../../store/suites.ts';
import type { Digest, RunCounts, StandIn, Verdict } from '../../workflows/types.ts';
import { type SuiteRunnerDeps, suiteSettings } from './deps.ts';
import {
  armsOf,
  type Case,
  evidenceOf,
  firstEvidenceOf,
  keyOf,
  openCase,
  replayOf,
  replaySeconds,
  tenths,
} from './judge-case.ts';
import { type Due, planDue, type Waiting, waitingPhases } from './judge-plan.ts';
import { stretchOf } from './judge-stretch.ts';

/** `phases`: in which reruns wait to be run before anything more can be said, and in how many `batches`. */
export type Judged = { phases: JudgePhase[]; batches: Waiting; failures: number; judged: number };

/** `base`: digest of the base build, so that what it showed in an earlier release counts. `standIn`: it is another's. */
export type JudgeOrder = { suiteRun: string; base?: Digest; standIn?: StandIn };

/**
 * Judges every failure from the reruns that there are, and plans those that are missing. Facts and counts only: the
 * rules are decisions/first-step.ts and decisions/failure-verdict.ts. The failures are those of the suite proper, or
 * those that somebody else has saved for this suite run (`saveFailures`). Safe to repeat: nothing is planned while
 * planned reruns wait.
 */
export async function judgeFailures(deps: SuiteRunnerDeps, { suiteRun, base, standIn }: JudgeOrder): Promise<Judged> {
  const { db } = deps;
  await markSuiteEnded(db, suiteRun);
  await keepFailures(deps, suiteRun);
  const waiting = await waitingPhases(db, suiteRun);
  // A verdict may be what others wait for: looked again until it changes nothing. Then nobody waits any more.
  for (let patient = true; ; ) {
    const it = { ...(await openCase(deps, suiteRun, base)), standIn };
    const judged = it.failures.filter(({ verdict }) => verdict !== null).length;
    const counts = { failures: it.failures.length, judged };
    if (waiting.phases.length > 0) return { ...waiting, ...counts };
    const due: Due[] = [];
    let ruled = 0;
    const open = inOrder(it);
    for (const failure of open) {
      const next = await nextOf(deps, it, failure, patient);
      if (next.kind === 'ruled') {
        await saveVerdict(db, suiteRun, next.verdict);
        ruled += 1;
      } else if (next.kind === 'due') due.push(next);
    }
    if (due.length === 0 && ruled === 0 && open.length > 0 && patient) patient = false;
    else if (due.length > 0 || ruled === 0) {
      await keepRerunBudget(db, suiteRun, it.budget);
      return { ...(await planDue(deps, it, due)), failures: counts.failures, judged: judged + ruled };
    }
  }
}

async function keepFailures(deps: SuiteRunnerDeps, suiteRun: string): Promise<void> {
  const run = await suiteRunOf(deps.db, suiteRun);
  const suite = suiteSettings(await deps.settings(run.settings), run.fork, run.suite);
  const quarantine = quarantineOf(suite.quarantine, new Date().toISOString().slice(0, 10));
  const found = await failuresOfSuite(deps.db, suiteRun);
  await saveFailures(
    deps.db,
    suiteRun,
    found.map((failure) => ({ ...failure, cluster: clusterKey(failure.message), quarantine: quarantine(failure) })),
  );
}

/** The open ones: one of each kind first, then as many others as are judged at all. */
function inOrder({ failures, chosen, suite }: Case): (OpenFailure & { affordable: boolean })[] {
  return [...failures]
    .sort((a, b) => Number(chosen.has(b)) - Number(chosen.has(a)))
    .map((failure, index) => ({ ...failure, affordable: index < suite.reruns.maxTests }))
    .filter(({ verdict }) => verdict === null);
}

type Judging = Case & { standIn: StandIn | undefined };

type Next = { kind: 'ruled'; verdict: Verdict } | ({ kind: 'due' } & Due) | { kind: 'wait' };

async function nextOf(
  deps: SuiteRunnerDeps,
  it: Judging,
  failure: OpenFailure & { affordable: boolean },
  patient: boolean,
): Promise<Next> {
  const known = firstEvidenceOf(it, failure);
  const first = known ? firstStep(known) : ({ kind: 'ordinary' } as const);
  switch (first.kind) {
    case 'probe':
      return { kind: 'due', phase: 'first', failure };
    case 'elsewhere':
      return { kind: 'due', phase: 'elsewhere', failure, both: known?.isRepresentative === true };
    case 'wait':
      return patient ? { kind: 'wait' } : byCounts(deps, it, failure, patient);
    case 'infrastructure': {
      const { human, reason } = first;
      return ruledAs(deps, it, failure, 'infrastructure', reason, {
        ...firstCounts(it, failure),
        ...(human ? { human } : {}),
      });
    }
    case 'regression-too':
      return likeRepresentative(deps, it, failure);
    case 'ordinary':
      return byCounts(deps, it, failure, patient && known?.isRepresentative !== true);
  }
}

/** Steps 1 to 5: representatives of a cluster first, then the rest. Who others wait for waits for nobody. */
async function byCounts(
  deps: SuiteRunnerDeps,
  it: Judging,
  failure: OpenFailure & { affordable: boolean },
  patient: boolean,
): Promise<Next> {
  const isChosen = [...it.chosen].some((one) => keyOf(one) === keyOf(failure));
  const ahead = [...it.chosen].some(({ cluster, verdict }) => cluster === failure.cluster && verdict === null);
  if (patient && !isChosen && ahead) return { kind: 'wait' };
  const evidence = evidenceOf(it, failure, await stretchOf(deps, it, failure));
  if (!failure.affordable && evidence.candidate.pass + evidence.candidate.fail === 0) {
    return ruledAs(deps, it, failure, 'undecided', `not run again: more than ${it.suite.reruns.maxTests} tests failed`);
  }
  const judged: Judgement = judgeFailure(evidence, rerunPolicyOf(it.policy, failure.quarantine));
  if (judged.kind === 'more') return { kind: 'due', phase: phaseOf(judged), failure, more: judged };
  await rememberBase(deps, it, failure, evidence);
  const counts = judged.by === 'alone' ? evidence : replayOf(it, failure, judged.by);
  const used =
    judged.verdict === 'pre-existing' && evidence.base.fail < it.policy.perArm
      ? it.remembered.get(keyOf(failure))
      : undefined;
  return ruledAs(deps, it, failure, judged.verdict, judged.reason, {
    ...detailsOf(judged),
    candidate: countsOf(counts.candidate),
    base: countsOf(counts.base),
    ...(used ? { remembered: used } : {}),
  });
}

const phaseOf = ({ how }: MoreRuns): JudgePhase => (how === 'alone' || how === 'warm' ? 'rerun' : 'replay');

function detailsOf({ power, orderDependent, by }: Ruling): Partial<Verdict> {
  return {
    ...(by.includes('/') ? { countedAfter: Number.parseInt(by, 10) } : {}),
    ...(power === undefined ? {} : { power }),
    ...(orderDependent === undefined ? {} : { orderDependent }),
  };
}

/** A base that fails each time is known the next time; one that has passed is forgotten. */
async function rememberBase(
  deps: SuiteRunnerDeps,
  it: Judging,
  failure: OpenFailure,
  { base }: { base: RunCounts & { crashed: number } },
): Promise<void> {
  if (!it.baseKey || failure.base_arm !== 'base') return;
  if (base.pass > 0) await keepBaseFailure(deps.db, it.baseKey, failure, undefined);
  else if (base.fail >= it.policy.perArm && base.crashed === 0) {
    await keepBaseFailure(deps.db, it.baseKey, failure, { failures: base.fail, suiteRun: it.run.suite_run });
  }
}

/** The runs of step 0, here and elsewhere. */
function firstCounts(it: Case, failure: OpenFailure): Pick<Verdict, 'candidate' | 'base'> {
  const [here, there] = [armsOf(it, failure, 'first'), armsOf(it, failure, 'elsewhere')];
  const sum = (a: RunCounts, b: RunCounts) => ({ pass: a.pass + b.pass, fail: a.fail + b.fail });
  return { candidate: sum(here.candidate, there.candidate), base: sum(here.base, there.base) };
}

function likeRepresentative(deps: SuiteRunnerDeps, it: Judging, failure: OpenFailure): Next {
  const representative = it.suspects.get(keyOf(failure))?.members[0];
  const judged = it.failures.find((one) => representative && keyOf(one) === keyOf(representative))?.verdict;
  if (!judged) return { kind: 'wait' };
  const reason = `fails with ${judged.test}, which ${judged.reason ?? 'is a regression'}; not run again itself`;
  const { candidate, base, culprit } = judged;
  return ruledAs(deps, it, failure, 'regression', reason, {
    candidate,
    base,
    representative: judged.test,
    ...(culprit ? { culprit } : {}),
  });
}

function ruledAs(
  deps: SuiteRunnerDeps,
  it: Judging,
  failure: OpenFailure,
  kind: Verdict['kind'],
  reason: string,
  details: Partial<Verdict> = {},
): Next {
  const signature = signatureOf(failure.message);
  const verdict: Verdict = {
    unit: failure.unit,
    test: failure.test,
    kind,
    candidate: { pass: 0, fail: 0 },
    base: { pass: 0, fail: 0 },
    message: deps.redact(oneLine(failure.message, 300)),
    reason: it.standIn ? reasonAgainst(it.standIn, kind, reason) : reason,
    ...(signature ? { signature } : {}),
    ...(failure.quarantine === null ? {} : { quarantine: failure.quarantine }),
    ...comparedWith(it, failure),
    cost: { rerunSeconds: costOf(it, failure), culpritSeconds: 0 },
    ...details,
    evidence: failure.log ?? it.run.suite_run,
  };
  return { kind: 'ruled', verdict };
}

function costOf(it: Case, failure: OpenFailure): number {
  const own = (it.runs.get(keyOf(failure)) ?? []).reduce((sum, { cost }) => sum + cost, 0);
  const ranHere = it.ran.has(failure.unit);
  const sharing = it.failures.filter((one) =>
    ranHere ? one.unit === failure.unit : one.class === failure.class,
  ).length;
  return tenths(own + replaySeconds(it.replayed, failure, 'replay') / Math.max(1, sharing));
}

/** Nothing where it was the base itself. */
function comparedWith({ standIn }: Judging, { base_arm }: OpenFailure): Pick<Verdict, 'against' | 'baseBroken'> {
  if (base_arm !== 'base') return { against: armWords(base_arm) };
  return standIn ? { against: standInName(standIn), baseBroken: standIn.reason } : {};
}

const armWords = (arm: string) =>
  arm === 'released' ? 'the last released candidate' : `the stack up to patch ${arm.replace(/^prefix-/, '')}`;
const countsOf = ({ pass, fail }: RunCounts): RunCounts => ({ pass, fail });
