import type {
  EnvironmentState,
  RequestAnswer,
  RolloutRequest,
  StartPolicy,
  WaitingRollout,
  Withdrawal,
} from '../workflows/environment-messages.ts';
import type { RolloutOutcome } from '../workflows/types.ts';
import { keepEnded } from './environment-state.ts';

/** One that ended while it waited: whom to tell, and what. */
export type Superseded = { request: RolloutRequest; outcome: RolloutOutcome };

/** How a request was taken. `superseded`: what waited in its place. */
export type Admission = { answer: RequestAnswer; superseded: Superseded[] };

/** What this queue learned since there are histories of it; each is asked for only where it matters. */
export type QueueChange = 'queue' | 'older-superseded' | 'own-lane' | 'promoted-kept' | 'expedited-goes-first';

/**
 * Answers a release, and takes the roll-out on: at once where it may start, else into the queue. The same request may
 * come again.
 *
 * The queue holds one candidate of a fork and lane. A newer one takes the place of those that have not started; what
 * runs, or was promoted, nobody takes away. Nor does an ordinary one take the place of one that people let into the
 * expedited lane, or its lane: it waits behind it, whichever of the two came first. Whoever gets here has been verified by the environments before. What
 * is older than what its fork has promoted here would take that away, and is superseded too.
 * `has`: false in a history from before the change of that name.
 */
export function admit(
  state: EnvironmentState,
  request: RolloutRequest,
  at: string,
  has: (change: QueueChange) => boolean = () => true,
): Admission {
  const ended = (answer: RequestAnswer): Admission => ({ answer, superseded: [] });
  const known = answerKnown(state, request);
  if (known) return ended(known);
  const { environment, running, frozen } = state;
  if (!running && frozen) {
    const reason = `${environment} is frozen by ${frozen.by} since ${frozen.at}: ${frozen.reason}`;
    return ended({ kind: 'refused', reasons: [reason] });
  }
  if (running && !has('queue')) {
    const reason = `${environment} rolls out ${running.request.order.rollout} since ${running.since}; one at a time`;
    return ended({ kind: 'refused', reasons: [reason] });
  }
  const tooOld = tooOldFor(state, request, has);
  if (tooOld !== undefined) return ended({ kind: 'ended', outcome: { kind: 'superseded', reasons: [tooOld] } });
  const { fork } = request.order.candidate;
  const before = waiting(state).filter((other) => other.request.order.candidate.fork === fork);
  const newer = before.find((other) => isNewer(other.request, request) && !letsPass(other, request, has));
  if (newer) {
    const reason = `${newer.request.order.rollout} waits in ${environment}, and is newer`;
    return ended({ kind: 'ended', outcome: { kind: 'superseded', reasons: [reason] } });
  }
  return takePlace(state, request, at, before, has);
}

function takePlace(
  state: EnvironmentState,
  request: RolloutRequest,
  at: string,
  before: readonly WaitingRollout[],
  has: (change: QueueChange) => boolean,
): Admission {
  const isBehind = (other: WaitingRollout) => isExpedited(other.request) && !isExpedited(request);
  const ownLane = !before.some(isBehind) || has('own-lane');
  // What is newer, and still waits, let this one pass.
  const stays = (other: WaitingRollout) => isBehind(other) || isNewer(other.request, request);
  const replaced = ownLane ? before.filter((other) => !stays(other)) : before;
  const others = waiting(state).filter((other) => !replaced.includes(other));
  const taken = ownLane ? request : inLaneBefore(request);
  state.queue = inOrder([...others, { request: taken, since: at, why: [] }]);
  startNext(state, at);
  const answer = acceptedAs(state, request);
  const reasons = [`${request.order.rollout} is newer, and takes its place in ${state.environment}`];
  const outcome = { kind: 'superseded' as const, reasons };
  for (const one of replaced) keepEnded(state, one.request, outcome, at, { neverStarted: true });
  return { answer, superseded: replaced.map((one) => ({ request: one.request, outcome })) };
}

/** A newer ordinary one waits for an older one that people let into the expedited lane, and goes after it. */
const letsPass = (other: WaitingRollout, request: RolloutRequest, has: (change: QueueChange) => boolean) =>
  isExpedited(request) && !isExpedited(other.request) && has('expedited-goes-first');

/** In a history from before 'own-lane': the lane of the one whose place it took. */
function inLaneBefore(request: RolloutRequest): RolloutRequest {
  return request.start ? { ...request, start: { ...request.start, expedite: true } } : request;
}

/** Of one that is here already, or was; whoever asked last is told. */
function answerKnown(state: EnvironmentState, request: RolloutRequest): RequestAnswer | undefined {
  const { rollout } = request.order;
  const { running } = state;
  if (running?.request.order.rollout === rollout) {
    // A release that was started again waits in the place of its first run.
    state.running = { ...running, request };
    return { kind: 'accepted' };
  }
  if (waiting(state).some((one) => one.request.order.rollout === rollout)) {
    state.queue = waiting(state).map((one) => (one.request.order.rollout === rollout ? { ...one, request } : one));
    return acceptedAs(state, request);
  }
  const ended = state.ended.find((one) => one.rollout === rollout);
  if (ended && (ended.run === request.run || ended.outcome.kind === 'promoted')) {
    return { kind: 'ended', outcome: ended.outcome };
  }
  return undefined;
}

function acceptedAs(state: EnvironmentState, { order }: RolloutRequest): RequestAnswer {
  const waits = waiting(state).find(({ request }) => request.order.rollout === order.rollout)?.why;
  return { kind: 'accepted', ...(waits && { waits }) };
}

/** Starts the first of the queue that may start now; says of the others what they wait for. */
export function startNext(state: EnvironmentState, at: string): void {
  if (!state.queue) return;
  const queue = waiting(state).map((one) => ({
    ...one,
    why: obstaclesOf(state, one.request, at).map(({ why }) => why),
  }));
  const next = queue.find(({ why }) => why.length === 0);
  if (next) state.running = { request: next.request, since: at };
  const left = queue.filter((one) => one !== next);
  if (left.length > 0) state.queue = left;
  else delete state.queue;
}

/** Milliseconds until one of the queue may start by the clock alone; undefined where none does. */
export function msUntilStart(state: EnvironmentState, at: string): number | undefined {
  if (state.running || state.frozen) return undefined;
  const moments = waiting(state).flatMap(({ request }) => {
    const until = obstaclesOf(state, request, at).flatMap((obstacle) => obstacle.until ?? []);
    return until.length === 0 ? [] : [Math.max(...until)];
  });
  return moments.length === 0 ? undefined : Math.max(1, Math.min(...moments) - Date.parse(at));
}

/** Takes back what has not started. Whom to tell and what; undefined where it does not wait. */
export function withdraw(
  state: EnvironmentState,
  { rollout, by, reason = `${by} cancelled it before it started` }: Withdrawal,
  at: string,
): Superseded | undefined {
  const found = waiting(state).find(({ request }) => request.order.rollout === rollout);
  if (!found) return undefined;
  const outcome = { kind: 'aborted' as const, reasons: [reason] };
  keepEnded(state, found.request, outcome, at, { neverStarted: true });
  const left = waiting(state).filter((one) => one !== found);
  if (left.length > 0) state.queue = left;
  else delete state.queue;
  return { request: found.request, outcome };
}

/** Takes out of the queue what is older than what its fork has promoted here meanwhile. Whom to tell, and what. */
export function supersedeOlder(state: EnvironmentState, at: string): Superseded[] {
  const gone = waiting(state).flatMap(({ request }) => {
    const newer = newerPromoted(state, request);
    if (newer === undefined) return [];
    return [{ request, outcome: { kind: 'superseded' as const, reasons: [tooOldWords(state, newer)] } }];
  });
  for (const { request, outcome } of gone) keepEnded(state, request, outcome, at, { neverStarted: true });
  const left = waiting(state).filter((one) => gone.every(({ request }) => request !== one.request));
  if (left.length > 0) state.queue = left;
  else delete state.queue;
  return gone;
}

/** Why a request is too old by what its fork has promoted here; undefined where it is not. */
function tooOldFor(
  state: EnvironmentState,
  request: RolloutRequest,
  has: (change: QueueChange) => boolean,
): string | undefined {
  const newer = newerPromoted(state, request);
  if (newer !== undefined) return has('older-superseded') ? tooOldWords(state, newer) : undefined;
  // What ended is kept for a while, what was promoted last for ever.
  const promoted = state.promoted?.rollout;
  if (promoted === undefined || !isNewerOfFork(promoted, request) || !has('promoted-kept')) return undefined;
  return tooOldWords(state, promoted);
}

/** What its own fork has promoted here, and no watch took back, that is newer. */
function newerPromoted({ ended }: EnvironmentState, request: RolloutRequest): string | undefined {
  const promoted = ended.filter(({ outcome }) => outcome.kind === 'promoted').map(({ rollout }) => rollout);
  return promoted.find((rollout) => isNewerOfFork(rollout, request));
}

function isNewerOfFork(rollout: string, request: RolloutRequest): boolean {
  const fork = forkOf(request.order.release);
  const [release = '', candidate = ''] = rollout.split('/');
  if (fork === undefined || forkOf(release) !== fork) return false;
  return isOlder(ageOf(request), { release: numberOf(release), candidate: Number(candidate) });
}

const tooOldWords = ({ environment }: EnvironmentState, newer: string) =>
  `${newer} is newer, and was promoted in ${environment} meanwhile; to go back to this one on purpose: release retry`;

type Obstacle = { why: string; until?: number };

/** What keeps one from starting now. `until`: when the clock takes it away, in milliseconds since 1970. */
function obstaclesOf(state: EnvironmentState, { start }: RolloutRequest, at: string): Obstacle[] {
  const { environment, running, frozen } = state;
  const found: Obstacle[] = [];
  if (running) found.push({ why: `${running.request.order.rollout} rolls out since ${running.since}` });
  if (frozen) found.push({ why: `${environment} is frozen by ${frozen.by}: ${frozen.reason}` });
  if (start) found.push(...coolDown(state, start, at), ...windows(start, at));
  return found;
}

function coolDown(state: EnvironmentState, { expedite, coolDownSeconds }: StartPolicy, at: string): Obstacle[] {
  const last = lastStarted(state);
  if (expedite || !last) return [];
  const until = Date.parse(last.at) + coolDownSeconds * 1000;
  return until > Date.parse(at) ? [{ why: `it cools down after ${last.rollout} until ${iso(until)}`, until }] : [];
}

const lastStarted = ({ ended }: EnvironmentState) => ended.find(({ neverStarted }) => !neverStarted);

/** Until when nothing starts but what is expedited, since something has just ended; undefined where nothing has. */
export function coolsDownUntil(state: EnvironmentState, seconds: number, at: string): string | undefined {
  const last = lastStarted(state);
  const until = last ? Date.parse(last.at) + seconds * 1000 : 0;
  return until > Date.parse(at) ? iso(until) : undefined;
}

/** Windows that overlap, or follow each other at once, are one. */
function windows({ expedite, closed }: StartPolicy, at: string): Obstacle[] {
  const inForce = closed.filter(({ expedited }) => !(expedite && expedited));
  const names: string[] = [];
  let until = Date.parse(at);
  for (const { name, from, to } of [...inForce].sort((a, b) => Date.parse(a.from) - Date.parse(b.from))) {
    if (Date.parse(from) > until || Date.parse(to) <= until) continue;
    names.push(name);
    until = Date.parse(to);
  }
  if (names.length === 0) return [];
  return [{ why: `the freeze window ${names.map((name) => `"${name}"`).join(', then ')} ends ${iso(until)}`, until }];
}

const waiting = ({ queue = [] }: EnvironmentState): WaitingRollout[] => queue;

/** Expedited ones first, then whoever came first. */
function inOrder(queue: readonly WaitingRollout[]): WaitingRollout[] {
  const lane = ({ request }: WaitingRollout) => (isExpedited(request) ? 0 : 1);
  return [...queue].sort((a, b) => lane(a) - lane(b));
}

const isExpedited = ({ start }: RolloutRequest) => start?.expedite === true;

/** Of one fork: by the number of the release, then of its candidate. */
type Age = { release: number; candidate: number };

const isNewer = (one: RolloutRequest, other: RolloutRequest) => isOlder(ageOf(other), ageOf(one));

const isOlder = (a: Age, b: Age) => (a.release === b.release ? a.candidate < b.candidate : a.release < b.release);

const ageOf = ({ order }: RolloutRequest): Age => ({
  release: numberOf(order.release),
  candidate: order.candidateNumber,
});

const numberOf = (release: string) => Number(/-(\d+)$/.exec(release)?.[1] ?? 0);
const forkOf = (release: string) => /^(.+)-\d+$/.exec(release)?.[1];

const iso = (ms: number) => new Date(ms).toISOString();
