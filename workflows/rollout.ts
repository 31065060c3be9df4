import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  proxyActivities,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { SoakOutcome } from '../activities/rollout/soak.ts';
import type { RolloutActivities } from '../activities/rollout.ts';
import { reasonsOf } from '../decisions/kafka-rules/waivers.ts';
import { blockMeans } from '../decisions/rollout-plan.ts';
import { accountWords, nodeWords, outcomeWords, planWords, soakWords } from '../decisions/rollout-words.ts';
import { environmentId, rolloutEnded } from './environment-messages.ts';
import { type Desk, openDesk, type Planned, type RolloutRun, type Stop, say, settle } from './rollout-desk.ts';
import { before, changeOne, nextOf, node, untilWhole, wholePreflight } from './rollout-nodes.ts';
import type { Digest, RolloutOrder, RolloutOutcome, RuleFinding } from './types.ts';

export type { RolloutRun } from './rollout-desk.ts';

const taskQueue = 'patchwright-activity';
const HISTORY = 1_500;

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

/**
 * Rolls one candidate through one environment.
 *
 *   1. Plan from what lies on the nodes; a file changed by hand, or a candidate that upstream has not verified,
 *      is refused before anything is touched.
 *   2. Full canary traffic, and its window before the roll.
 *   3. Preflight: every rule over the whole environment.
 *   4. The new artifact and the previous one, verified, beside what runs on every node.
 *   5. One node at a time: brakes, order (K3), intent, rules right before the stop, stop, install, start; returned
 *      (K12), in sync and leaders given back (K11), read back (G6).
 *   6. Soak under full traffic.
 *   7. Account for every record. Promote.
 *
 * A node that does not return: no second one is touched, it gets its old artifact back, and once it has
 * returned the others do. It does not return either: frozen. A failed soak rolls back all. However it
 * ends, the traffic is a trickle again and the environment is told.
 */
export async function rollout(run: RolloutRun): Promise<RolloutOutcome> {
  const desk = openDesk(run);
  const outcome = await toOutcome(desk, () => roll(desk));
  await CancellationScope.nonCancellable(() => end(desk, outcome));
  return outcome;
}

async function roll(desk: Desk): Promise<RolloutOutcome> {
  const { run, step, progress } = desk;
  const plan = run.resumed?.plan ?? (await before.planRollout(order(run)));
  if (plan.kind === 'ended') return plan.outcome;
  if (plan.kind === 'refused') return { kind: 'held', reasons: plan.reasons };
  desk.attempt = plan.attempt;
  const names = plan.targets.map(({ name }) => name);
  progress.remaining = run.resumed?.remaining ?? [...names];
  progress.done = run.resumed?.done ?? [];

  if (!run.resumed) {
    await say(desk, 'plan', planWords(run.environment, run.candidate.version, plan.targets, plan.already));
    const notReady = await prepare(desk, names, plan.blockedSeconds);
    if (notReady) return { kind: 'held', reasons: notReady };
  }
  desk.windowOpen = true;

  progress.step = 'roll';
  const stopped = await rollForward(desk, plan);
  if (stopped) return conclude(desk, stopped);

  progress.step = 'soak';
  const bad = await soak(desk, plan.blockedSeconds);
  if (bad) return conclude(desk, bad);

  progress.step = 'account';
  const account = await after.accountTraffic(step);
  desk.accounted = true;
  if (account) await say(desk, 'account', accountWords(run.environment, account.account));
  if (account && account.problems.length > 0) return conclude(desk, { kind: 'roll-back', reasons: account.problems });
  const aborted = await desk.brakesReleased();
  if (aborted) return conclude(desk, aborted);
  return { kind: 'promoted' };
}

/** Traffic and its window, the rules, and both artifacts on every node. Nothing is touched yet. */
async function prepare(desk: Desk, targets: string[], blockedSeconds: number): Promise<string[] | undefined> {
  const { step, progress } = desk;
  progress.step = 'window';
  desk.windowOpen = true;
  const { windowSeconds } = await before.openTrafficWindow(step);
  if (windowSeconds > 0) await sleep(windowSeconds * 1000);
  const { problem } = await before.keepWindowBefore(step);
  if (problem) return [problem];
  progress.step = 'preflight';
  const { blocks, waived } = await wholePreflight(desk, targets, blockedSeconds);
  for (const [index, { rule, reason, because }] of waived.entries())
    await say(desk, `waived/${index}`, `${rule} is waived: ${reason}; ${because}`, 'warn');
  if (blocks.length > 0) return reasonsOf(blocks);
  progress.step = 'stage';
  for (const target of targets) await before.stageNode({ ...step, target });
  return undefined;
}

async function rollForward(desk: Desk, plan: Planned): Promise<Stop | undefined> {
  const { run, progress } = desk;
  while (progress.remaining.length > 0) {
    if (historyIsLong()) await renew(desk, plan);
    const target = await nextOf(desk, 'forward', plan.blockedSeconds);
    if (typeof target !== 'string') return target;
    progress.node = target;
    const stopped = await changeForward(desk, target, plan.blockedSeconds);
    if (stopped) return stopped;
    settle(progress, target);
    const words = plan.targets.find(({ name }) => name === target) ?? { from: '?', to: run.candidate.version };
    await say(desk, target, nodeWords(run.environment, target, words, desk.lastSeconds));
  }
  return undefined;
}

async function changeForward(desk: Desk, target: string, blockedSeconds: number): Promise<Stop | undefined> {
  const ended = await changeOne(desk, target, 'forward', blockedSeconds);
  switch (ended.kind) {
    case 'settled':
      return undefined;
    case 'abort':
      return ended;
    case 'blocked':
      return blocked(desk, ended.findings);
    case 'foreign':
      return { kind: 'held', reasons: [ended.reason] };
    case 'not-stopped':
      return { kind: 'frozen', reasons: [ended.reason] };
    case 'lost':
      return { kind: 'roll-back', reasons: [`${target}: ${ended.reason}`] };
  }
}

/** A rule that goes on blocking: by what the candidate does, or by a node that others ended. */
async function blocked(desk: Desk, findings: RuleFinding[]): Promise<Stop> {
  const standing = await node.lookAround({ ...desk.step, patient: false });
  const reasons = [...reasonsOf(findings), ...('reasons' in standing ? standing.reasons : [])];
  const others = standing.kind === 'foreign' || (standing.kind === 'waiting' && !standing.suspect);
  if (others || blockMeans(findings, desk.progress.done.length) === 'hold') return { kind: 'held', reasons };
  return { kind: 'roll-back', reasons };
}

/** Watches under full traffic; after a node was ended by others, and is back, anew. An abort does not wait for its end. */
async function soak(desk: Desk, blockedSeconds: number): Promise<Stop | undefined> {
  for (;;) {
    const watching = new CancellationScope();
    const soaking = watching.run(() => node.soakEnvironment({ ...desk.step, wave: 1 }));
    const gate = await Promise.race([soaking, desk.abortPressed()]);
    if (gate === undefined) {
      watching.cancel();
      soaking.catch((error) => log.info('the soak was given up', { error: String(error) }));
      return desk.brakesReleased();
    }
    if (gate.kind !== 'interrupted') return judgeSoak(desk, gate);
    const stopped = await untilWhole(desk, blockedSeconds);
    if (stopped) return stopped;
  }
}

async function judgeSoak(desk: Desk, gate: SoakOutcome): Promise<Stop | undefined> {
  if (gate.kind === 'held' || gate.kind === 'interrupted') return { kind: 'held', reasons: gate.reasons };
  await say(desk, 'soak', soakWords(desk.run.environment, gate), gate.kind === 'pass' ? 'good' : 'bad');
  if (gate.kind === 'pass') return undefined;
  // No data never passes; what was not seen is no reason to touch every node once more.
  return { kind: gate.kind === 'fail' ? 'roll-back' : 'frozen', reasons: gate.reasons };
}

async function conclude(desk: Desk, stopped: Stop): Promise<RolloutOutcome> {
  if (stopped.kind === 'held' || stopped.kind === 'frozen') return stopped;
  return rollBack(desk, stopped);
}

/**
 * Puts back what this roll-out changed: the node that did not return first. No preflight, no bake, and the
 * rules of a roll-back; a node that does not return on its old artifact either freezes it where it is.
 */
async function rollBack(desk: Desk, { kind, reasons }: Stop): Promise<RolloutOutcome> {
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
  await say(
    desk,
    `outcome/${workflowInfo().runId.slice(0, 8)}`,
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

/** Between two nodes nothing is open: what was done is in the ledger. */
async function renew({ run, progress, brakes }: Desk, plan: Planned): Promise<never> {
  const { done, remaining } = progress;
  return continueAsNew<typeof rollout>({ ...run, brakes: brakes(), resumed: { plan, done, remaining } });
}

function order({ brakes: _brakes, resumed: _resumed, ...rest }: RolloutRun): RolloutOrder & { settings: Digest } {
  return rest;
}

function historyIsLong(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > HISTORY;
}
