import type { ClosedTime, EndedRollout, EnvironmentState } from '../workflows/environment-messages.ts';

/** What is in effect in an environment, beside what its disks and processes say. */
export type InEffect =
  | { state: EnvironmentState; windows: ClosedTime[]; coolsDownUntil?: string; held: string[] }
  /** Why it cannot be told now. */
  | { unknown: string };

const ENDED_SHOWN = 3;

/** What rolls out, what waits and what is braked, a sentence each. */
export function stateLines({ running, queue = [], paused, frozen }: EnvironmentState): string[] {
  return [
    running &&
      `rolls out ${running.request.order.candidate.version} (${running.request.order.rollout}) since ${running.since}`,
    ...queue.map(({ request, why }) => `${request.order.rollout} waits: ${why.join('; ') || 'it is about to start'}`),
    running?.aborted && `aborted by ${running.aborted.by}: ${running.aborted.reason}`,
    paused && `paused by ${paused.by} since ${paused.at}: ${paused.reason}`,
    frozen && `frozen by ${frozen.by} since ${frozen.at}: ${frozen.reason}`,
  ].filter((line) => typeof line === 'string');
}

/** What runs here and why, what keeps anything from starting, and how the last ones ended. */
export function inEffectLines(effect: InEffect, now: Date): string[] {
  if ('unknown' in effect) return [`its own state is not known: ${effect.unknown}`];
  const { state, windows, coolsDownUntil, held } = effect;
  const { promoted, ended } = state;
  const others = ended.filter(({ rollout }) => rollout !== promoted?.rollout).slice(0, ENDED_SHOWN);
  const lines = stateLines(state);
  return [
    promoted
      ? `promoted ${promoted.version} (${promoted.rollout}, ${promoted.digest.slice(0, 12)}) at ${promoted.at}`
      : 'nothing was promoted here yet',
    ...(lines.length > 0 ? lines : ['nothing rolls out, nothing is braked']),
    ...windowLines(windows, now),
    ...(coolsDownUntil === undefined ? [] : [`cools down until ${coolsDownUntil}`]),
    ...held.map((reason) => `held: ${reason}`),
    ...others.map(endedLine),
  ];
}

function endedLine({ rollout, version, outcome, at, neverStarted }: EndedRollout): string {
  const why = 'reasons' in outcome ? `: ${outcome.reasons.join('; ')}` : '';
  return `before: ${version} (${rollout}) ${outcome.kind} at ${at}${neverStarted ? ', never started' : ''}${why}`;
}

/** Those in which nothing starts now, and the next one. */
function windowLines(windows: readonly ClosedTime[], now: Date): string[] {
  const at = now.getTime();
  const begun = windows.filter(({ from, to }) => Date.parse(from) <= at && Date.parse(to) > at);
  const [next] = windows
    .filter(({ from }) => Date.parse(from) > at)
    .sort((a, b) => Date.parse(a.from) - Date.parse(b.from));
  const who = ({ expedited }: ClosedTime) => (expedited ? 'nothing starts but what is expedited' : 'nothing starts');
  return [
    ...begun.map((one) => `in the freeze window "${one.name}" until ${one.to}: ${who(one)}`),
    ...(next ? [`the next freeze window "${next.name}" is from ${next.from} to ${next.to}: ${who(next)}`] : []),
  ];
}
