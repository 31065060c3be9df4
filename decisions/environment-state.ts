import type { BrakeOrder, EndedRollout, EnvironmentState, RolloutRequest } from '../workflows/environment-messages.ts';
import type { RolloutOutcome } from '../workflows/types.ts';

const ENDED_KEPT = 10;

/** Why a brake cannot be pressed or released, or undefined. A sentence, because a person reads it. */
/** What comes before a change of an environment that is no roll-out: one that runs, or a brake of somebody's. */
export function heldWords({ environment, running, paused, frozen }: EnvironmentState): string | undefined {
  if (running) return `${running.request.order.rollout} rolls out in ${environment}: it comes first`;
  const brake = paused ?? frozen;
  return brake && `${environment} is ${paused ? 'paused' : 'frozen'} by ${brake.by}: ${brake.reason}`;
}

export function brakeProblem(state: EnvironmentState, { kind, by }: BrakeOrder): string | undefined {
  const { environment, running, paused, frozen } = state;
  if (by.trim() === '') return 'a brake needs the name of who presses it';
  if (kind === 'abort' && !running) return `nothing rolls out in ${environment}: there is nothing to abort`;
  if (kind === 'abort' && running?.aborted)
    return `${running.aborted.by} already aborted it: ${running.aborted.reason}`;
  // With one that runs it may be pressed all the same: a new history of ours need not know of an old pause.
  if (kind === 'resume' && !paused && !running) return `${environment} is not paused`;
  if (kind === 'resume' && running?.aborted) return 'it was aborted, and puts back what it changed';
  if (kind === 'unfreeze' && !frozen) return `${environment} is not frozen`;
  return undefined;
}

/** Pause and freeze stay until released, whatever runs; the first reason holds. */
export function applyBrake(state: EnvironmentState, { kind, by, reason }: BrakeOrder, at: string): void {
  const pressed = { by, reason: reason.trim() || 'no reason was given', at };
  switch (kind) {
    case 'pause':
      state.paused ??= pressed;
      return;
    case 'resume':
      delete state.paused;
      return;
    case 'freeze':
      state.frozen ??= pressed;
      return;
    case 'unfreeze':
      delete state.frozen;
      return;
    case 'abort':
      // What is put back must not wait for the pause that came before.
      delete state.paused;
      if (state.running) state.running = { ...state.running, aborted: pressed };
  }
}

/** Keeps how the roll-out ended. One that froze keeps others out, until a person has looked. */
export function endRunning(state: EnvironmentState, outcome: RolloutOutcome, at: string): void {
  const { running } = state;
  if (!running) return;
  const { order } = running.request;
  const ended = keepEnded(state, running.request, outcome, at);
  if (outcome.kind === 'promoted') state.promoted = ended;
  if (outcome.kind === 'frozen') {
    state.frozen ??= { by: 'patchwright', reason: `${order.rollout} froze: ${outcome.reasons.join('; ')}`, at };
  }
  delete state.running;
}

/** A watch took back what had been promoted: it is what became of it, and runs here no more. */
export function overruleEnded(state: EnvironmentState, rollout: string, outcome: RolloutOutcome, at: string): void {
  if (state.running?.request.order.rollout === rollout) return;
  const known = state.ended.find((one) => one.rollout === rollout);
  // What was promoted last may have ended longer ago than endings are kept.
  const isLast = state.promoted?.rollout === rollout;
  if (known ? known.outcome.kind !== 'promoted' : !isLast || outcome.kind === 'promoted') return;
  if (known) state.ended = state.ended.map((one) => (one === known ? { ...known, outcome, at } : one));
  if (!isLast) return;
  const before = state.ended.find((one) => one.outcome.kind === 'promoted');
  if (before) state.promoted = before;
  else delete state.promoted;
}

/** Whoever asks for it again hears this. */
export function keepEnded(
  state: EnvironmentState,
  { order, run }: RolloutRequest,
  outcome: RolloutOutcome,
  at: string,
  { neverStarted = false } = {},
): EndedRollout {
  const { rollout } = order;
  const { version, digest } = order.candidate;
  const ended: EndedRollout = { rollout, run, version, digest, outcome, at, ...(neverStarted && { neverStarted }) };
  state.ended = [ended, ...state.ended.filter((other) => other.rollout !== rollout)].slice(0, ENDED_KEPT);
  return ended;
}
