import { executeChild, patched, proxyActivities } from '@temporalio/workflow';
import type { FailedCheck } from '../activities/checks.ts';
import type { RepairActivities } from '../activities/repair.ts';
import type { StoryActivities } from '../activities/story.ts';
import { explanationOf } from '../decisions/diagnosis.ts';
import { failureKey, guiltyPatch, repairTarget, whyNoRepair } from '../decisions/repair.ts';
import type { Explained } from './agent-types.ts';
import { diagnose } from './diagnose.ts';
import { explainBuild, explainChecks, explainConflict } from './diagnose-held.ts';
import type { Cut, ReleaseInput } from './release.ts';
import { repair } from './repair.ts';
import type { RepairTarget } from './repair-types.ts';
import type { Build, CutOutcome, Digest, ReleaseOutcome, SuiteOutcome } from './types.ts';

const { repairPolicy } = proxyActivities<RepairActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

const { tell } = proxyActivities<StoryActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/**
 * In a sentence: the thread has told the verdicts, but not what did not build or apply. Of a build that failed the first
 * reason is how it ended, the second what the compiler says.
 */
const heldBy = (target: RepairTarget) =>
  target.kind === 'regression'
    ? `${target.tests.length} failed ${target.isKnown === false ? 'and no patch is known to do it; a change goes into the last one,' : 'by patch'} ${target.guilty.slice(0, 12)}`
    : target.reasons.slice(0, 2).join('; ');

type At = { input: ReleaseInput; n: number };
type Enter = (step: string) => Promise<void>;

/** Explained, and what an agent could mend of it: the same of each of the three ways in which a stack holds its release. */
export async function heldByConflict(
  at: At,
  cut: Extract<CutOutcome, { kind: 'conflict' }>,
  enter: Enter,
): Promise<RepairTarget> {
  const explained = await explainConflict(at, cut, enter);
  return { kind: 'conflict', ref: at.input.ref, reasons: cut.reasons, explained };
}

export async function heldByBuild(
  at: At,
  { cut, built }: { cut: Cut; built: { reasons: string[]; log?: Digest } },
  enter: Enter,
): Promise<RepairTarget> {
  const { base, candidate, patches, prefixes } = cut;
  const { reasons, log } = built;
  const explained = await explainBuild(at, { cut, log }, enter);
  return { kind: 'build', base, candidate, patches, prefixes, reasons, log, explained };
}

/** What an older worker said of a check was its reason alone. */
export type MaybeOlder = FailedCheck | string;

/** Explained alone: what is mended of a patch has to be shown by more than the check that its author wrote for it. */
export async function heldByChecks(
  at: At,
  { cut, failed }: { cut: Cut; failed: readonly MaybeOlder[] },
  enter: Enter,
): Promise<ReleaseOutcome> {
  await explainChecks(at, { cut, failed: failed.filter((one) => typeof one !== 'string') }, enter);
  const reasons = failed.map((one) => (typeof one === 'string' ? one : one.reason));
  return { kind: 'held', at: 'checks', reasons };
}

export async function heldBySuites(
  at: At,
  { cut, candidate, suites }: { cut: Cut; candidate: Build; suites: readonly SuiteOutcome[] },
  enter: Enter,
): Promise<RepairTarget | undefined> {
  return regressionOf(cut, candidate, suites, await diagnose({ ...at, cut, suites }, enter));
}

/** What an agent could mend of what the suites have shown: nothing where the patches did not cause it. */
function regressionOf(
  cut: Cut,
  candidate: Build,
  suites: readonly SuiteOutcome[],
  explained: readonly Explained[],
): RepairTarget | undefined {
  const found = repairTarget(suites);
  const guilty = guiltyPatch(found?.first.culprit, cut.patches);
  if (found === undefined || guilty === undefined) return undefined;
  const { suite, suiteRun, first, tests } = found;
  const { unit, test, candidate: counts } = first;
  const { base, patches } = cut;
  return {
    kind: 'regression',
    base,
    candidate,
    patches,
    suite,
    suiteRun,
    first: { unit, test },
    counts,
    tests,
    guilty,
    isKnown: first.culprit?.includes(guilty) ?? false,
    explained: explanationOf({ ...first, suite }, explained),
  };
}

/**
 * Where a held candidate's stack lies repaired, and who steered it, or undefined: the policy is off, there is no model, it was tried often
 * enough, or it did not work. `earlier`: what the candidates before were held by; grows.
 */
export async function tryRepair(
  { release, fork, settings, requestedBy, suites, steered }: ReleaseInput,
  n: number,
  { target, earlier }: { target: RepairTarget; earlier: string[] },
  begins: () => Promise<void>,
): Promise<{ ref: string; steered?: readonly string[] } | undefined> {
  if (!patched('repaired')) return undefined;
  const policy = await repairPolicy({ fork, settings });
  if (policy.policy === 'off' || !policy.model) return undefined;
  const failure = failureKey(
    target.kind === 'regression' ? target.tests.map(({ test }) => test) : [target.kind, ...target.reasons],
  );
  const reason = whyNoRepair({ attempts: policy.attempts, failure, earlier });
  earlier.push(failure);
  if (reason !== undefined) {
    const text = `No further repair: ${reason}. A person has to look; \`agent runs ${release}\` has what was tried.`;
    await tell({ release, key: `${release}/${n}/repair/none`, text, tone: 'warn' });
    return undefined;
  }
  await begins();
  const name = `${release}/${n}/repair`;
  const held = `Candidate ${n} is held: ${heldBy(target)}. An agent tries to mend it.`;
  await tell({ release, key: `${name}/begin`, text: held, tone: 'warn' });
  const order = {
    repair: name,
    release,
    n,
    fork,
    settings,
    requestedBy,
    policy,
    target,
    suites,
    ...(steered && { steered }),
  };
  const outcome = await executeChild(repair, {
    workflowId: `repair:${name}`,
    args: [order],
    staticSummary: `repairs ${release}`,
  });
  return outcome.kind === 'repaired' ? outcome : undefined;
}
