import { CancellationScope, log, patched } from '@temporalio/workflow';
import type { WaveOutcome, WaveVerdict } from '../activities/rollout/gates.ts';
import type { PlanOfWave } from '../activities/rollout/plan.ts';
import { gateMeans } from '../decisions/gate-outcome.ts';
import { type Desk, type Planned, type Stop, say } from './rollout-desk.ts';
import { historyIsLong, renew, rollForward } from './rollout-forward.ts';
import { node, untilWhole } from './rollout-nodes.ts';

/** Times that a bake begins anew since others ended a node: more than that is for a person to look at. */
const ROUNDS = 5;

/**
 * Wave after wave, each judged before the next begins.
 *
 *   1. Which wave is next, the one with the active controller after its fellows (K3).
 *   2. Its nodes, one at a time.
 *   3. The gate, over looks on a fixed beat while the wave bakes: promote, roll back or freeze (gateMeans).
 *
 * Undefined once every wave has passed.
 */
export async function rollWaves(desk: Desk, plan: Planned, waves: readonly PlanOfWave[]): Promise<Stop | undefined> {
  const { progress } = desk;
  desk.wavesLeft ??= waves.map(({ n }) => n);
  while (desk.wavesLeft.length > 0) {
    if (historyIsLong()) await renew(desk, plan);
    const left = waves.filter(({ n }) => desk.wavesLeft?.includes(n));
    const { n, again = [] } = await node.beginNextWave({ ...desk.step, left });
    const diverged = await converge(desk, plan, again, `${n}`);
    if (diverged) return diverged;
    const wave = left.find((one) => one.n === n) ?? left[0]!;
    progress.wave = { n: waves.length - left.length + 1, of: waves.length };
    progress.step = 'roll';
    const stopped = await rollForward(desk, plan, wave.targets);
    if (stopped) return stopped;
    const judged = await bake(desk, plan, wave, `${n}`);
    if (judged) return judged;
    desk.wavesLeft = desk.wavesLeft.filter((other) => other !== n);
  }
  return undefined;
}

/**
 * Once more, right before the account: a brake may have held the roll-out since the last look, and a host may have been
 * replaced meanwhile. Nobody looks at it again after that but the watch, so that it converges now, and bakes.
 */
export async function lookOnceMore(desk: Desk, plan: Planned, waves: readonly PlanOfWave[]): Promise<Stop | undefined> {
  const last = waves.at(-1);
  if (!last || !patched('looked-once-more')) return undefined;
  for (let time = 1; time <= ROUNDS; time += 1) {
    desk.progress.step = 'account';
    const stopped = await untilWhole(desk, plan.blockedSeconds);
    if (stopped) return stopped;
    const { again } = await node.lookOnceMore({ ...desk.step, wave: last.n });
    if (again.length === 0) return undefined;
    const told = `${last.n}/once-more-${time}`;
    const diverged = await converge(desk, plan, again, told);
    if (diverged) return diverged;
    const judged = await bake(desk, plan, last, told);
    if (judged) return judged;
  }
  return { kind: 'held', reasons: [`hosts were replaced ${ROUNDS} times after the last wave had baked`] };
}

/** Nodes that hold something else than they were left with (a host that was replaced): put right before anything goes on. */
async function converge(desk: Desk, plan: Planned, again: readonly string[], told: string): Promise<Stop | undefined> {
  if (again.length === 0) return undefined;
  const { progress, run } = desk;
  const names = again.join(', ');
  await say(
    desk,
    `again/${told}/${names}`,
    `${run.environment}: ${names} no longer hold what was installed: once more`,
    'warn',
  );
  progress.step = 'roll';
  progress.done = progress.done.filter((name) => !again.includes(name));
  progress.remaining = [...again, ...progress.remaining];
  return rollForward(desk, plan, again);
}

/**
 * Watches a wave until its gate has decided; after a node was ended by others, and is back, anew. What came back
 * with something else (its host was replaced) converges first: it is not to be promoted on the old artifact.
 * `told`: names the time of judging in the thread, where what has one name is told once.
 */
async function bake(desk: Desk, plan: Planned, wave: PlanOfWave, told: string): Promise<Stop | undefined> {
  const { n } = wave;
  for (let round = 1; round <= ROUNDS; round += 1) {
    desk.progress.step = 'bake';
    const watched = await watch(desk, { ...desk.step, attempt: desk.attempt, wave: n, round });
    if (watched === 'abort') return desk.brakesReleased();
    if (watched.kind === 'held') return watched;
    if (watched.kind !== 'interrupted') return follow(desk, wave, watched, told);
    const stopped = await untilWhole(desk, plan.blockedSeconds);
    if (stopped) return stopped;
    if (!patched('converges-in-the-bake')) continue;
    const { again = [] } = await node.beginNextWave({ ...desk.step, left: [wave] });
    const diverged = await converge(desk, plan, again, `${told}/round-${round}`);
    if (diverged) return diverged;
  }
  return { kind: 'held', reasons: [`nodes were ended by others ${ROUNDS} times while wave ${n} baked`] };
}

/** An abort does not wait for the bake's end. */
async function watch(desk: Desk, order: Parameters<typeof node.watchWave>[0]): Promise<WaveOutcome | 'abort'> {
  const watching = new CancellationScope();
  const gate = watching.run(() => node.watchWave(order));
  const first = await Promise.race([gate, desk.abortPressed()]);
  if (first !== undefined) return first;
  watching.cancel();
  gate.catch((error) => log.info('the bake was given up', { error: String(error) }));
  return 'abort';
}

/** What follows from the verdict, told with the figure that came nearest to its limit. */
async function follow(desk: Desk, { n }: PlanOfWave, gate: WaveVerdict, told: string): Promise<Stop | undefined> {
  await say(desk, `gate/${told}`, gate.words, gate.kind === 'pass' ? 'good' : 'bad');
  const means = gateMeans(gate, { direction: 'forward', reversibility: desk.reversibility });
  switch (means.kind) {
    case 'promote':
      return undefined;
    case 'roll-back':
      return means;
    case 'freeze':
      return { kind: 'frozen', reasons: means.reasons };
    case 'watch':
      throw new Error(`wave ${n} has no verdict yet`);
  }
}
