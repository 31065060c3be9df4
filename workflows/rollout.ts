import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  patched,
  proxyActivities,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { EnvironmentRequestActivities } from '../activities/environment-request.ts';
import type { RolloutActivities } from '../activities/rollout.ts';
import { keepsFromGoingBack } from '../decisions/gate-outcome.ts';
import { reasonsOf, waivedWords } from '../decisions/kafka-rules/waivers.ts';
import { accountWords, outcomeWords, planWords } from '../decisions/rollout-words.ts';
import { environmentId, rolloutEnded } from './environment-messages.ts';
import { type Desk, openDesk, type Planned, type RolloutRun, type Stop, say, settle } from './rollout-desk.ts';
import { rollForward } from './rollout-forward.ts';
import { lookOnceMore, rollWaves } from './rollout-gates.ts';
import { before, changeOne, nextOf, node, wholePreflight } from './rollout-nodes.ts';
import { restartFirst } from './rollout-restart.ts';
import { soak } from './rollout-soak.ts';
import { watchOver } from './rollout-watch.ts';
import type { Digest, RolloutOrder, RolloutOutcome } from './types.ts';

export type { RolloutRun } from './rollout-desk.ts';

const taskQueue = 'patchwright-activity';

/** Reads and writes of the store alone: a second run costs nothing. */
const { planRollBack, endRollout } = proxyActivities<RolloutActivities>({
  taskQueue,
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/** After the nodes: what does not work here must not keep an outcome from being told. */
const after = proxyActivities<RolloutActivities>({
  taskQueue,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '15 seconds',
  retry: { maximumInterval: '10 seconds', maximumAttempts: 5 },
});

/** The roll-back goes on whether or not they answer; its environment asks once more when it has ended. */
const { stopElsewhere } = proxyActivities<EnvironmentRequestActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds', maximumAttempts: 10 },
});

/**
 * Rolls one candidate through one environment.
 *
 *   1. Plan from what lies on the nodes; a file changed by hand, or a candidate that upstream has not verified,
 *      is refused before anything is touched.
 *   2. Full canary traffic, and looks at everything that a gate judges: the window before the roll.
 *   3. Preflight: every rule over the whole environment.
 *   4. The new artifact and the previous one, verified, beside what runs on every node.
 *      Where it is configured, one node is restarted unchanged (rollout-restart.ts).
 *   5. Wave after wave, first one node alone (rollout-gates.ts). In a wave one node at a time: brakes, order (K3),
 *      intent, rules right before the stop, stop, install, start; returned (K12), in sync and leaders given back
 *      (K11), read back (G6). Then the wave bakes under full traffic until its gate has decided.
 *   6. Look once more at every node, and account for every record. Promote, and tell the environment.
 *   7. Watch for the configured time: the same gate can still take it back (rollout-watch.ts).
 *
 * A node that does not return: no second one is touched, it gets its old artifact back, and once it has
 * returned the others do. It does not return either: frozen. A gate that fails rolls back all; one that could not
 * see enough freezes. A candidate that is one-way is put back by a person's abort alone: whatever else would, freezes.
 * However it ends, the traffic is a trickle again and the environment is told.
 */
export async function rollout(run: RolloutRun): Promise<RolloutOutcome> {
  const desk = openDesk(run);
  const outcome = await toOutcome(desk, () => roll(desk));
  await CancellationScope.nonCancellable(() => end(desk, outcome));
  if (outcome.kind !== 'promoted' || !desk.watch) return outcome;
  const undone = await watchOver(desk, desk.watch, (stop) => rollBack(desk, stop));
  if (undone) await CancellationScope.nonCancellable(() => end(desk, undone));
  return undone ?? outcome;
}

async function roll(desk: Desk): Promise<RolloutOutcome> {
  const { run, step, progress } = desk;
  const plan = run.resumed?.plan ?? (await before.planRollout(order(run)));
  if (plan.kind === 'ended') return plan.outcome;
  if (plan.kind === 'refused') return { kind: 'held', reasons: plan.reasons };
  desk.attempt = plan.attempt;
  desk.watch = plan.watch;
  desk.reversibility = plan.reversibility ?? desk.reversibility;
  progress.remaining = run.resumed?.remaining ?? plan.targets.map(({ name }) => name);
  progress.done = run.resumed?.done ?? [];

  if (!run.resumed) {
    const { waves, gates = '' } = plan;
    const words = planWords(
      run.environment,
      run.candidate.version,
      plan.targets,
      plan.already,
      waves && { waves, gates },
      plan.leftOut,
    );
    await say(desk, 'plan', words);
    const notReady = await prepare(desk, plan);
    if (notReady) return { kind: 'held', reasons: notReady };
  }
  desk.windowOpen = true;

  const stopped = plan.waves ? await rollWaves(desk, plan, plan.waves) : await rollAndSoak(desk, plan);
  if (stopped) return conclude(desk, stopped);
  const late = plan.waves && (await lookOnceMore(desk, plan, plan.waves));
  if (late) return conclude(desk, late);

  progress.step = 'account';
  const account = await after.accountTraffic(step);
  desk.accounted = true;
  if (account) await say(desk, 'account', accountWords(run.environment, account.account));
  if (account && account.problems.length > 0) return conclude(desk, { kind: 'roll-back', reasons: account.problems });
  const aborted = await desk.brakesReleased();
  if (aborted) return conclude(desk, aborted);
  return { kind: 'promoted' };
}

/** A roll-out that was planned before there were gates. */
async function rollAndSoak(desk: Desk, plan: Planned): Promise<Stop | undefined> {
  desk.progress.step = 'roll';
  const stopped = await rollForward(desk, plan);
  if (stopped) return stopped;
  desk.progress.step = 'soak';
  return soak(desk, plan.blockedSeconds);
}

/** Traffic and its window, the rules, and both artifacts on every node. Nothing is touched yet. */
async function prepare(desk: Desk, plan: Planned): Promise<string[] | undefined> {
  const { step, progress } = desk;
  const { blockedSeconds } = plan;
  const targets = plan.targets.map(({ name }) => name);
  progress.step = 'window';
  desk.windowOpen = true;
  const { windowSeconds } = await before.openTrafficWindow(step);
  const { problem } = plan.waves
    ? await node.lookBefore({ ...step, attempt: plan.attempt })
    : await windowOfFirstForm(step, windowSeconds);
  if (problem) return [problem];
  progress.step = 'preflight';
  const { blocks, waived } = await wholePreflight(desk, targets, blockedSeconds);
  for (const { key, text } of waivedWords(waived)) await say(desk, key, text, 'warn');
  if (blocks.length > 0) return reasonsOf(blocks);
  progress.step = 'stage';
  for (const target of targets) await before.stageNode({ ...step, target });
  return plan.restartFirst ? restartFirst(desk, plan, order(desk.run)) : undefined;
}

async function windowOfFirstForm(step: Desk['step'], windowSeconds: number): Promise<{ problem?: string }> {
  if (windowSeconds > 0) await sleep(windowSeconds * 1000);
  return before.keepWindowBefore(step);
}

/** Harm puts back what was changed; of a candidate that is one-way it is left as it is, for a person to look at. */
async function conclude(desk: Desk, stopped: Stop): Promise<RolloutOutcome> {
  if (stopped.kind === 'held' || stopped.kind === 'frozen') return stopped;
  const { progress, reversibility } = desk;
  const touched = progress.done.length > 0 || progress.node !== undefined;
  const byPerson = stopped.kind === 'abort' && desk.brakes().aborted?.by !== 'patchwright';
  const askedBy = byPerson ? 'person' : 'product';
  const stays = keepsFromGoingBack(stopped.reasons, { reversibility, touched, askedBy });
  if (stays && patched('one-way-stays')) return { kind: 'frozen', reasons: stays };
  return rollBack(desk, stopped);
}

/** G5: from its first moment, and beside it: nodes that suffer do not wait for another environment's answer. */
async function rollBack(desk: Desk, stop: Stop): Promise<RolloutOutcome> {
  const { environment, rollout, candidate, settings } = desk.run;
  const stopping =
    stop.kind === 'roll-back' && patched('stopped-at-once')
      ? attempt('stop the same artifact elsewhere', () =>
          stopElsewhere({ environment, digest: candidate.digest, because: rollout, settings }),
        )
      : undefined;
  const outcome = await putBack(desk, stop);
  await stopping;
  return outcome;
}

/**
 * Puts back what this roll-out changed: the node that did not return first. No preflight, no bake, and the
 * rules of a roll-back; a node that does not return on its old artifact either freezes it where it is.
 */
async function putBack(desk: Desk, { kind, reasons }: Stop): Promise<RolloutOutcome> {
  const { run, progress } = desk;
  progress.step = 'roll-back';
  progress.done = [];
  const { targets, blockedSeconds } = await planRollBack(order(run));
  progress.remaining = targets;
  await say(
    desk,
    'back',
    `${run.environment}: ${kind === 'abort' ? 'aborting' : 'rolling back'} ${targets.join(', ') || 'nothing'}: ${reasons.join('; ')}`,
    'bad',
  );
  while (progress.remaining.length > 0) {
    const target = await nextOf(desk, 'back', blockedSeconds);
    if (typeof target !== 'string') return { kind: 'frozen', reasons: [...reasons, ...target.reasons] };
    progress.node = target;
    const ended = await changeOne(desk, target, 'back', blockedSeconds);
    if (ended.kind !== 'settled') {
      const why = 'reason' in ended ? [ended.reason] : 'findings' in ended ? reasonsOf(ended.findings) : ended.reasons;
      return { kind: 'frozen', reasons: [...reasons, ...why.map((reason) => `${target}, put back: ${reason}`)] };
    }
    settle(progress, target);
    const took = desk.lastSeconds?.total?.toFixed(1) ?? '?';
    await say(desk, `${target}-back`, `${run.environment}/${target}: put back in ${took} s; digests read back`);
  }
  return { kind: kind === 'abort' ? 'aborted' : 'rolled-back', reasons };
}

async function end(desk: Desk, outcome: RolloutOutcome): Promise<void> {
  const { run, step, progress } = desk;
  progress.step = 'end';
  delete progress.node;
  if (desk.windowOpen) {
    await attempt('account for the traffic', async () => {
      if (!desk.accounted) await after.accountTraffic(step);
    });
    await attempt('quiet the traffic', () => after.quietTraffic(step));
  }
  await endRollout({ rollout: run.rollout, outcome });
  const undone = desk.promoted;
  desk.promoted ||= outcome.kind === 'promoted';
  await say(
    desk,
    `outcome/${workflowInfo().runId.slice(-8)}${undone ? '/undone' : ''}`,
    outcomeWords(run.environment, run.candidate.version, outcome),
    outcome.kind === 'promoted' ? 'good' : 'bad',
  );
  await attempt('tell the environment', () =>
    getExternalWorkflowHandle(environmentId(run.environment)).signal(rolloutEnded, { rollout: run.rollout, outcome }),
  );
}

/** The outcome stands, whatever becomes of what follows it. */
async function attempt(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    log.warn(`could not ${what}`, { error: String(error) });
  }
}

/** A failure that no retry can change, or a cancellation: nothing was touched, or a person has to look. */
async function toOutcome(desk: Desk, work: () => Promise<RolloutOutcome>): Promise<RolloutOutcome> {
  try {
    return await work();
  } catch (error) {
    const reason = isCancellation(error) ? 'the workflow was cancelled in the middle' : permanentReason(error);
    if (reason === undefined) throw error;
    const { done, node: current } = desk.progress;
    const touched = done.length > 0 || current !== undefined;
    return { kind: touched ? 'frozen' : 'held', reasons: [reason] };
  }
}

function permanentReason(error: unknown): string | undefined {
  if (!(error instanceof ActivityFailure)) return undefined;
  return error.cause instanceof ApplicationFailure ? error.cause.message : (error.cause?.message ?? error.message);
}

function order({ brakes: _brakes, resumed: _resumed, ...rest }: RolloutRun): RolloutOrder & { settings: Digest } {
  return rest;
}
