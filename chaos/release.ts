import { setTimeout as sleep } from 'node:timers/promises';
import { readCluster } from '../activities/deploy/layout.ts';
import { environmentsForBrokers, killBroker } from './broker.ts';
import { killWhenThere } from './kill.ts';
import { type Look, lookAt } from './look.ts';
import type { PlannedKill } from './plan.ts';
import { persistently, type World } from './world.ts';

const LOOK_MS = 500;
const SOON_MS = 50;
/** Of the kills in roll-outs: so many fall into the middle of a node's change. */
const IN_A_CHANGE = 0.7;

/** Starts a release and returns its id; a start whose end was not heard is asked for again, and joined. */
export async function startRelease(world: World, number: number): Promise<string> {
  await persistently(world, 'release', world.ground.fork, '--detach');
  return `${world.ground.fork}-${number}`;
}

/** Where the kills are to fall: anywhere, or in the middle of roll-outs alone. */
export type Aim = 'release' | 'rollout';

export type Until = { deadlineMs: number; interrupted?: AbortSignal };

/** Waits until the release has ended. Throws when it has not by the deadline. */
export async function untilEnded(world: World, release: string, until: Until): Promise<Look> {
  const { deadlineMs, interrupted } = until;
  for (;;) {
    interrupted?.throwIfAborted();
    const look = await lookAt(world, release);
    if (look?.outcome) return look;
    if (Date.now() > deadlineMs)
      throw new Error(`${release} has not ended in time; it is in ${look?.step ?? 'unknown'}`);
    await sleep(LOOK_MS);
  }
}

/** Slack has the whole story: what is proved there must not be a race with the last message. */
export async function untilTold(world: World, release: string, deadlineMs: number): Promise<void> {
  const told = () => world.slack.keys().includes(`${release}/end`) && world.slack.messages().some(isEnding(release));
  while (!told() && Date.now() < deadlineMs) await sleep(LOOK_MS);
}

const isEnding =
  (release: string) =>
  ({ metadata, edited }: { metadata?: { event_payload: Record<string, unknown> }; edited?: boolean }) =>
    edited === true && metadata?.event_payload.key === `${release}/open`;

/**
 * Kills one planned target after another, from where the plan was left, until the signal fires (the release has
 * ended) or the plan is done. Takes what it kills off the plan. Returns what was wrong.
 */
export async function killByPlan(
  world: World,
  release: string,
  plan: PlannedKill[],
  signal: AbortSignal,
  aim: Aim = 'release',
): Promise<string[]> {
  const problems: string[] = [];
  // Builds and tests take most of the time; half of the kills is for what follows them.
  const early = aim === 'rollout' ? 0 : Math.ceil(plan.length / 2);
  const before = world.kills.length;
  while (plan[0] && !signal.aborted) {
    const { afterMs, target, pick } = plan[0];
    await sleep(afterMs, undefined, { signal }).catch(ignoreAbort);
    if (signal.aborted) break;
    const look = await lookAt(world, release);
    if (look?.outcome) break;
    // A store that does not answer is recovering from a kill: it may be hit again.
    const elsewhere = aim === 'rollout' ? look !== undefined : true;
    if (world.kills.length - before >= early && elsewhere && !look?.step.startsWith('rollout:')) {
      await sleep(LOOK_MS);
      continue;
    }
    if (aim === 'rollout' && pick < IN_A_CHANGE && look && !isChanging(look)) {
      // Between two nodes there is little to lose: this one waits for an open ledger entry, and then comes at once.
      plan[0] = { ...plan[0], afterMs: SOON_MS };
      continue;
    }
    if (target === 'broker') {
      const environments = look ? environmentsForBrokers(world.ground.environments, look, nodesIn(world)) : [];
      if (environments.length === 0) {
        // Not now: something else first, and this one as soon as it may be.
        if (plan.some(({ target: other }) => other !== 'broker')) swapWithNextOther(plan);
        else await sleep(LOOK_MS);
        continue;
      }
      plan.shift();
      problems.push(...(await killBroker(world, { environments, pick, step: look?.step ?? 'unknown' })));
    } else if (await killWhenThere(world, target, { step: look?.step ?? 'a recovery', signal })) {
      plan.shift();
    }
  }
  return problems;
}

const isChanging = ({ open }: Look) => Object.values(open).some((entries) => entries > 0);

const nodesIn = (world: World) => (environment: string) =>
  readCluster(world.data, environment)?.targets.length ?? Number.POSITIVE_INFINITY;

function swapWithNextOther(plan: PlannedKill[]): void {
  const at = plan.findIndex(({ target }) => target !== 'broker');
  const [other] = plan.splice(at, 1);
  if (other) plan.unshift({ ...other, afterMs: Math.min(other.afterMs, LOOK_MS) });
}

function ignoreAbort(error: Error): void {
  if (error.name !== 'AbortError') throw error;
}
