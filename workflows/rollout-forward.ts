import { continueAsNew, workflowInfo } from '@temporalio/workflow';
import { reasonsOf } from '../decisions/kafka-rules/waivers.ts';
import { blockMeans } from '../decisions/rollout-plan.ts';
import { nodeWords } from '../decisions/rollout-words.ts';
import type { rollout } from './rollout.ts';
import { type Desk, type Planned, type Stop, say, settle } from './rollout-desk.ts';
import { changeOne, nextOf, node } from './rollout-nodes.ts';
import type { RuleFinding } from './types.ts';

const HISTORY = 1_500;

/**
 * Changes these nodes (all that are left, where none are named) one at a time, in the order of K3; undefined once
 * they are done.
 */
export async function rollForward(desk: Desk, plan: Planned, wave?: readonly string[]): Promise<Stop | undefined> {
  const { run, progress } = desk;
  const left = () => progress.remaining.filter((name) => wave === undefined || wave.includes(name));
  while (left().length > 0) {
    if (historyIsLong()) await renew(desk, plan);
    const target = await nextOf(desk, 'forward', plan.blockedSeconds, left);
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

/** Between two nodes nothing is open: what was done is in the ledger. */
export async function renew({ run, progress, brakes, wavesLeft }: Desk, plan: Planned): Promise<never> {
  const { done, remaining } = progress;
  const resumed = { plan, done, remaining, ...(wavesLeft && { wavesLeft }) };
  return continueAsNew<typeof rollout>({ ...run, brakes: brakes(), resumed });
}

export function historyIsLong(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > HISTORY;
}
