import { ActivityFailure, getExternalWorkflowHandle, log, patched, proxyActivities } from '@temporalio/workflow';
import type { EnvironmentRequestActivities } from '../activities/environment-request.ts';
import type { GitActivities } from '../activities/git.ts';
import { gateMeans } from '../decisions/gate-outcome.ts';
import { takenBackWords } from '../decisions/rollout-words.ts';
import { callSomebody } from './call-somebody.ts';
import { environmentId, rolloutEnded } from './environment-messages.ts';
import { type Desk, type Planned, type Stop, say } from './rollout-desk.ts';
import { before, node } from './rollout-nodes.ts';
import type { RolloutOutcome } from './types.ts';

const { freezeForWatch, unfreezeAfterWatch, stopElsewhere } = proxyActivities<EnvironmentRequestActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/** Everything else is done by then: it is tried for half an hour, and a person told. */
const { takeNameBack } = proxyActivities<GitActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '20 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '2 minutes', maximumAttempts: 20 },
});

/**
 * The watch after the last wave. The roll-out is promoted and its environment told; for the configured time the same
 * gate can still take it back.
 *
 *   1. Look on, at whatever traffic there is. Another roll-out, or somebody's hands, end the watch.
 *   2. Harm: keep others from starting, put back what this roll-out changed by the rules of every roll-back, and say
 *      of roll-out, release and the fork's repository what became of them. What freezes instead calls somebody.
 */
export async function watchOver(
  desk: Desk,
  { n, seconds }: NonNullable<Planned['watch']>,
  rollBack: (stop: Stop) => Promise<RolloutOutcome>,
): Promise<RolloutOutcome | undefined> {
  const { run, step } = desk;
  await say(desk, 'watch', `${run.environment}: watched for ${seconds} s more; its gate can still take it back`);
  const seen = await node.watchAfter({ ...step, attempt: desk.attempt, wave: n, round: 1 });
  if (seen.kind === 'overtaken') {
    await say(desk, 'watch/end', `${run.environment}: the watch ended early: ${seen.reasons.join('; ')}`, 'warn');
    return undefined;
  }
  await say(desk, 'watch/end', seen.words, seen.kind === 'pass' ? 'good' : seen.kind === 'fail' ? 'bad' : 'warn');
  // Nothing was seen that speaks against it: what has been promoted is not taken back for want of data.
  if (seen.kind !== 'fail') return undefined;
  const failed = {
    kind: 'fail' as const,
    reasons: seen.reasons.map((why) => `in the watch after the last wave: ${why}`),
  };
  const means = gateMeans(failed, { direction: 'forward', reversibility: desk.reversibility });
  return means.kind === 'freeze' ? freeze(desk, means.reasons) : takeBack(desk, failed.reasons, rollBack);
}

/** A one-way candidate may have written what the old artifact cannot read: it stays, and a person has to look. */
async function freeze(desk: Desk, reasons: string[]): Promise<RolloutOutcome> {
  const { rollout, release, environment } = desk.run;
  const outcome = { kind: 'frozen' as const, reasons };
  await freezeForWatch({ environment, reason: reasons.join('; ') });
  await before.overruleOutcome({ rollout, release, environment, outcome });
  await tellEnvironment(desk, outcome);
  await callFor(desk, outcome);
  return outcome;
}

/** Its environment calls for what ends frozen there; this ended before, as promoted. */
async function callFor(desk: Desk, outcome: RolloutOutcome): Promise<void> {
  if (outcome.kind === 'frozen' && patched('paged-in-the-watch')) await callSomebody(desk.run, outcome.reasons);
}

/** It has been told *promoted* before. Where it is gone the store has the outcome. */
async function tellEnvironment({ run: { environment, rollout } }: Desk, outcome: RolloutOutcome): Promise<void> {
  try {
    await getExternalWorkflowHandle(environmentId(environment)).signal(rolloutEnded, { rollout, outcome });
  } catch (error) {
    log.warn('the environment is gone', { environment, rollout, error: String(error) });
  }
}

async function takeBack(
  desk: Desk,
  reasons: string[],
  rollBack: (stop: Stop) => Promise<RolloutOutcome>,
): Promise<RolloutOutcome | undefined> {
  const { rollout, release, environment } = desk.run;
  if ((await freezeForWatch({ environment, reason: reasons.join('; ') })) === 'busy') {
    const text = `${environment}: not taken back, since another roll-out has begun there: ${reasons.join('; ')}`;
    await say(desk, 'watch/busy', text, 'bad');
    return undefined;
  }
  await before.openTrafficWindow(desk.step);
  desk.windowOpen = true;
  desk.accounted = false;
  const outcome = await rollBack({ kind: 'roll-back', reasons });
  if (outcome.kind !== 'rolled-back' && outcome.kind !== 'frozen') return undefined;
  await before.overruleOutcome({ rollout, release, environment, outcome });
  await tellEnvironment(desk, outcome);
  await callFor(desk, outcome);
  // Where it could not be put right a person has to look: the environment stays frozen.
  if (outcome.kind === 'rolled-back') await unfreezeAfterWatch({ environment });
  // G5 once more: what was asked for since the roll-back began.
  const { settings, candidate } = desk.run;
  await stopElsewhere({ environment, digest: candidate.digest, because: rollout, settings });
  if (outcome.kind === 'rolled-back' && patched('name-taken-back')) await unname(desk);
  return outcome;
}

/** Its nodes are as they were; a repository that does not answer is told to people, and changes none of that. */
async function unname(desk: Desk): Promise<void> {
  const { rollout, release, environment, settings, candidate } = desk.run;
  const { fork, commit } = candidate;
  try {
    const done = await takeNameBack({ rollout, release, environment, settings, fork, commit });
    const words = takenBackWords(release, done);
    if (words) await say(desk, 'watch/unnamed', words, 'warn');
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const why = error.cause?.message ?? error.message;
    const text = `${release} is still named as released in the repository of ${fork}, and should not be: ${why}`;
    await say(desk, 'watch/unnamed', text, 'bad');
  }
}
