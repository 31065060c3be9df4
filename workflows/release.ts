import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  executeChild,
  isCancellation,
  proxyActivities,
} from '@temporalio/workflow';
import type { CheckActivities } from '../activities/checks.ts';
import type { GitActivities } from '../activities/git.ts';
import type { RecordActivities } from '../activities/release-records.ts';
import type { StoryActivities } from '../activities/story.ts';
import { needsOneWayApproval } from '../decisions/one-way-approval.ts';
import { cutWords, endWords, suiteWords, toneOf } from '../decisions/release-words.ts';
import { gateSuites } from '../decisions/suite-gate.ts';
import { beginPublication } from './begin-publication.ts';
import { type Both, buildBoth } from './build-both.ts';
import { explainBase, explainUpstream } from './diagnose-held.ts';
import { rollOut } from './environment-client.ts';
import { expediteApproval } from './expedite.ts';
import { heldByBuild, heldByChecks, heldByConflict, heldBySuites, type MaybeOlder, tryRepair } from './held.ts';
import { askForOneWay, oneWayReasons } from './one-way.ts';
import type { RepairTarget } from './repair-types.ts';
import { suite } from './suite.ts';
import type { Build, CutOutcome, Digest, ReleaseOrder, ReleaseOutcome, RolloutOrder, SuiteOutcome } from './types.ts';
import { askToWaive } from './verdict-waiver.ts';

const taskQueue = 'patchwright-activity';

const { cutCandidate, pushRef } = proxyActivities<GitActivities>({
  taskQueue,
  startToCloseTimeout: '20 minutes',
  heartbeatTimeout: '20 seconds',
  // A repository that cannot be reached for some minutes is not coming back by itself: then a human is told.
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds', maximumAttempts: 10 },
});

const { checkPatches } = proxyActivities<CheckActivities>({
  taskQueue,
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 5 },
});

const records = proxyActivities<RecordActivities>({
  taskQueue,
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

const story = proxyActivities<StoryActivities>({
  taskQueue,
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

export type Cut = Extract<CutOutcome, { kind: 'cut' }>;

/**
 * `steered`: whoever asked for changes of a repair that is in the candidate; grows with the repairs.
 * `before`: how the candidate ended whose repair this one is.
 */
export type ReleaseInput = ReleaseOrder & {
  settings: Digest;
  steered?: readonly string[];
  before?: ReleaseOutcome;
};

/**
 * Releases one state of one fork.
 *
 *   1. Cut: base and patch stack to a candidate; what does not fit holds or refuses it.
 *   2. Build once: base and candidate by the same pipeline; every later step names the digest.
 *      A base that does not build is compared with what was released last instead, where that is kept.
 *      A patch whose own check no longer holds is there in vain: that holds the release too.
 *   3. Run every suite. A verdict that the patches caused holds the release; what nobody could tell people may let
 *      through, where the policy says so (verdict-waiver.ts).
 *      What holds it (a conflict, a build, a verdict) an agent explains and may mend: the repaired stack is the next
 *      candidate, and begins at 1.
 *   4. Judge whether it can be gone back from, and try it where that is asked for (one-way.ts, rehearsal.ts).
 *      The expedited lane wants people's word as well, and without it the release goes in the ordinary one.
 *   5. Roll out through each environment in order; only what the one before has verified goes on. What could not be
 *      taken back needs the word of people before the second.
 *   6. Finish: name it in the fork's repository, begin to publish it, say how it ended.
 *
 * However it ends, the outcome is in the store and the last message of the thread says it.
 */
export async function release(input: ReleaseInput): Promise<ReleaseOutcome> {
  const steps = stepsOf(input.release);
  await story.openThread({
    release: input.release,
    key: `${input.release}/open`,
    text: `${input.release}: ${input.requestedBy} releases ${input.fork} ${input.ref} through ${input.environments.join(', ') || 'its suites'}`,
  });
  let outcome = await runToOutcome(() => attempts(input, steps), steps);
  await CancellationScope.nonCancellable(async () => {
    await steps.leave();
    // A watch may have taken it back by now. Histories from before have no answer.
    outcome = (await records.recordOutcome({ release: input.release, outcome })) ?? outcome;
    await tell(input.release, 'end', endWords(input.release, outcome), { tone: toneOf(outcome), final: true });
  });
  return outcome;
}

/** Candidate after candidate: one that is held may be repaired, and the repaired stack begins at the cut again. */
async function attempts(input: ReleaseInput, steps: Steps): Promise<ReleaseOutcome> {
  const earlier: string[] = [];
  let order = input;
  for (let n = 1; ; n += 1) {
    const mendable: Mendable = {};
    const outcome = await attempt(order, n, steps, mendable);
    if (outcome.kind !== 'held' || mendable.target === undefined) return outcome;
    const repaired = await tryRepair(order, n, { target: mendable.target, earlier }, () => steps.enter('repair'));
    if (repaired === undefined) return outcome;
    const { ref, steered } = repaired;
    order = { ...order, ref, before: outcome, ...(steered && { steered }) };
  }
}

/** Filled where a candidate is held by what an agent might mend. */
type Mendable = { target?: RepairTarget | undefined };

async function attempt(input: ReleaseInput, n: number, steps: Steps, mendable: Mendable): Promise<ReleaseOutcome> {
  await steps.enter('cut');
  const cut = await cutAndRecord(input, n);
  if (cut.kind === 'refused') return { kind: 'refused', at: 'cut', reasons: cut.reasons };
  if (cut.kind === 'empty-patch') await explainUpstream({ input, n }, cut, steps.enter);
  if (cut.kind === 'conflict') mendable.target = await heldByConflict({ input, n }, cut, steps.enter);
  if (cut.kind !== 'cut') return { kind: 'held', at: 'cut', reasons: cut.reasons };

  await steps.enter('build');
  const built = await buildBoth(input, n, cut);
  if (built.kind === 'broken') {
    if (built.base) await explainBase({ input, n }, { cut, log: built.log }, steps.enter);
    else mendable.target = await heldByBuild({ input, n }, { cut, built }, steps.enter);
    return { kind: 'held', at: 'build', reasons: built.reasons };
  }

  const failed = await runChecks(input, n, cut);
  if (failed.length > 0) return heldByChecks({ input, n }, { cut, failed }, steps.enter);

  const suites: SuiteOutcome[] = [];
  for (const name of input.suites) {
    await steps.enter(`suite:${name}`);
    suites.push(await runSuite(input, n, name, cut, built));
  }
  const gate = gateSuites(suites, cut.patches);
  if (gate.kind !== 'pass') {
    const held = { cut, candidate: built.candidate, base: built.base, suites };
    if (gate.kind === 'held') mendable.target = await heldBySuites({ input, n }, held, steps.enter);
    // Asked once it was looked into: the thread has by then what there is to read.
    const { waived, refusal } = await askToWaive({ input, n }, held, steps.enter);
    const reasons = refusal === undefined ? gate.reasons : [...gate.reasons, refusal];
    if (!waived) return { kind: gate.kind, at: 'suites', reasons };
    // What people let through is nothing to mend, whatever holds the candidate later.
    mendable.target = undefined;
  }

  const found = await oneWayReasons(input, n, { cut, candidate: built.candidate }, steps.enter);
  let oneWay: RolloutOrder['oneWay'] = found && { reasons: found.reasons };
  const lane = await expediteApproval(input, n, { cut, candidate: built.candidate }, steps.enter);
  for (const environment of input.environments) {
    if (found && oneWay?.approval === undefined && needsOneWayApproval(input.environments, environment)) {
      await steps.enter('approval');
      const answer = await askForOneWay(input, n, { cut, candidate: built.candidate, ...found });
      if (answer.refusal !== undefined) return { kind: 'held', at: 'approval', reasons: [answer.refusal] };
      oneWay = { reasons: found.reasons, approval: answer.approval };
    }
    await steps.enter(`rollout:${environment}`);
    const rolled = await rollOut({
      rollout: `${input.release}/${n}/${environment}`,
      release: input.release,
      candidateNumber: n,
      environment,
      candidate: built.candidate,
      requestedBy: input.requestedBy,
      settings: input.settings,
      ...(lane && { expedite: true, expediteApproval: lane }),
      ...(oneWay && { oneWay }),
    });
    if (rolled.kind !== 'promoted') return { kind: rolled.kind, at: environment, reasons: rolled.reasons };
  }

  await steps.enter('finish');
  await nameIt(input, built.candidate);
  await beginPublication(input, n, built.candidate);
  return { kind: 'released' };
}

async function cutAndRecord(input: ReleaseInput, n: number): Promise<CutOutcome> {
  const { release, fork, ref, settings, before } = input;
  const cut = await cutCandidate({ release, n, fork, ref, settings });
  if (cut.kind !== 'cut') return cut;
  await records.recordCandidateCut({
    release,
    n,
    settings,
    base: cut.base,
    candidate: cut.candidate,
    patches: cut.patches,
    ...(before && { before }),
  });
  const { base, candidate, patches } = cut;
  await tell(release, `${n}/cut`, cutWords(patches, base.version, candidate.version, candidate.commit));
  await pushRef({
    key: `${release}/${n}/push`,
    release,
    fork,
    settings,
    ref: `refs/patchwright/${release}/${n}`,
    commit: candidate.commit,
  });
  return cut;
}

async function runChecks(
  { release, settings }: ReleaseInput,
  n: number,
  { candidate, patches }: Cut,
): Promise<MaybeOlder[]> {
  if (patches.every(({ check }) => check === undefined)) return [];
  return checkPatches({ source: candidate, patches, settings, key: `${release}/${n}` });
}

async function runSuite(input: ReleaseInput, n: number, name: string, cut: Cut, built: Both): Promise<SuiteOutcome> {
  const { release, fork, settings } = input;
  const suiteRun = `${release}/${n}/${name}`;
  const outcome = await executeChild(suite, {
    workflowId: `suite:${suiteRun}`,
    args: [
      {
        suiteRun,
        release,
        candidateNumber: n,
        fork,
        suite: name,
        settings,
        candidate: built.candidate,
        base: built.base,
        ...(built.standIn && { standIn: built.standIn }),
        patches: cut.patches,
        sources: cut.prefixes,
      },
    ],
  });
  const tone = outcome.problem !== undefined || outcome.holding.length > 0 ? 'bad' : 'good';
  await tell(release, `${n}/suite/${name}`, suiteWords(outcome, cut.patches), { tone });
  return outcome;
}

/** A tag for people, and the reference from which the next push and the next comparison start. */
async function nameIt({ release, fork, settings }: ReleaseInput, candidate: Build): Promise<void> {
  const { commit } = candidate;
  await pushRef({ key: `${release}/tag`, release, fork, settings, ref: `refs/tags/patchwright/${release}`, commit });
  const released = { ref: 'refs/patchwright/released', commit, unlessNewer: true };
  await pushRef({ key: `${release}/released`, release, fork, settings, ...released });
}

type Extras = { tone?: 'info' | 'good' | 'warn' | 'bad'; final?: boolean };

async function tell(release: string, key: string, text: string, extras: Extras = {}): Promise<void> {
  await story.tell({ release, key: `${release}/${key}`, text, ...extras });
}

type Steps = ReturnType<typeof stepsOf>;

/** Where the release is; the store keeps when each step began and ended. */
function stepsOf(release: string) {
  let current: string | undefined;
  return {
    current: () => current ?? 'start',
    async enter(step: string) {
      await records.enterStep({ release, enter: step, ...(current === undefined ? {} : { leave: current }) });
      current = step;
    },
    async leave() {
      if (current !== undefined) await records.enterStep({ release, leave: current });
    },
  };
}

/** A cancelled release is aborted; a fact that no retry can change ends it with its own words. */
async function runToOutcome(attemptIt: () => Promise<ReleaseOutcome>, steps: Steps): Promise<ReleaseOutcome> {
  try {
    return await attemptIt();
  } catch (error) {
    if (isCancellation(error)) return { kind: 'aborted', at: steps.current(), reasons: ['the release was cancelled'] };
    const cause = rootCause(error);
    if (cause === undefined) throw error;
    const kind = cause.type === 'UnknownRef' || cause.type === 'BadConfiguration' ? 'refused' : 'failed';
    return { kind, at: steps.current(), reasons: [cause.message] };
  }
}

function rootCause(error: unknown): ApplicationFailure | undefined {
  let at = error;
  while (at instanceof ActivityFailure || at instanceof ChildWorkflowFailure) at = at.cause;
  return at instanceof ApplicationFailure ? at : undefined;
}
