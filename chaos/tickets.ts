import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../services/ports.ts';
import { byRole } from '../test/repair/script.ts';
import { startModel } from '../test/servers/model.ts';
import { postSigned } from '../test/servers/slack-events.ts';
import type { ChaosOptions } from './chaos.ts';
import { killWhenThere } from './kill.ts';
import { readStore } from './look.ts';
import { type PlannedKill, planByWeight, type TargetKind, type Weights } from './plan.ts';
import { proveNoOrphans } from './proofs/processes.ts';
import { type ProvedTickets, proveTickets } from './proofs/tickets.ts';
import type { Until } from './release.ts';
import type { SuiteChaos } from './suite.ts';
import { accountOf, addLine, questionOf, REPOSITORIES, TEAM, ticketGround } from './ticket-ground.ts';
import { closeWorld, openWorld, persistently, type World } from './world.ts';

const WEIGHTS: Weights = {
  ...{ 'worker workflow': 3, 'worker activity': 4, 'worker agent': 2, 'worker inbound': 3 },
  ...{ Temporal: 2, PostgreSQL: 2, supervisor: 1 },
};
const CHANNEL = 'C0RELEASES';
const LOOK_MS = 500;
const AGAIN_MS = 300;

type Ran = ProvedTickets & { tickets: number; kills: number; redelivered: number; seconds: number };
type Under = { world: World; port: number; token: string; until: Until };

/** Tickets from the question to the applied fix, again and again, while every process is killed by plan. */
export async function runTicketChaos(options: Omit<ChaosOptions, 'ground'>): Promise<SuiteChaos> {
  const { kills, seed, minutes, say, interrupted } = options;
  const until: Until = { deadlineMs: Date.now() + minutes * 60_000, interrupted };
  const [model, port] = [await startModel(byRole(addLine)), await freePort()];
  const ground = ticketGround(model.url, port);
  const plan = planByWeight(seed, WEIGHTS, { kills, meanGapMs: ground.meanGapMs });
  const ran: Ran[] = [];
  const problems: string[] = [];
  let world: World | undefined;
  let left: string[] = [];
  try {
    world = await openWorld(ground, say);
    const issued = await persistently(world, '--json', 'people', 'token', 'bob');
    const under = { world, port, until, token: (JSON.parse(issued.stdout) as { token: string }).token };
    while (plan.length > 0 && Date.now() < until.deadlineMs && problems.length === 0) {
      const one = await ticketsUnderFire(under, plan, ran.length + 1);
      ran.push(one);
      problems.push(...one.problems.map((problem) => `round ${ran.length}: ${problem}`));
    }
    problems.push(...(await proveNoOrphans(world)).map((problem) => `processes: ${problem}`));
  } catch (error) {
    problems.push(`the run itself: ${(error as Error).stack}`);
  }
  if (world !== undefined) {
    left = await closeWorld(world, problems.length > 0 ? options.keepIn : undefined).catch((error: Error) => [
      `it does not end cleanly: ${error.message}`,
    ]);
  }
  await model.stop();
  return conclude(options, world, ran, problems, left);
}

/** One ticket a repository, at once. */
async function ticketsUnderFire(under: Under, plan: PlannedKill[], round: number): Promise<Ran> {
  const { world } = under;
  const [begun, killsBefore] = [Date.now(), world.kills.length];
  const ended = new AbortController();
  const killing = killByPlan(world, plan, ended.signal);
  const carrying = Promise.all(REPOSITORIES.map((name, i) => carry(under, { name, i, round }))).finally(() =>
    ended.abort(),
  );
  const [killed, carried] = await Promise.allSettled([killing, carrying]);
  for (const part of [killed, carried]) if (part.status === 'rejected') throw part.reason;
  const done = carried.status === 'fulfilled' ? carried.value : [];
  const tickets = done.map(({ ticket }) => ticket);
  const posted = `select count(*)::int as n from thread_message
    where slack_ts is null and (release = any($1) or split_part(release, '/', 1) = any($1))`;
  await eventually(
    under,
    'everything is posted',
    async () => (await readStore<{ n: number }>(world, posted, [tickets]))?.[0]?.n === 0,
  );
  const proved = await proveTickets(world, tickets);
  const kills = world.kills.length - killsBefore;
  const seconds = Math.round((Date.now() - begun) / 1_000);
  const redelivered = done.reduce((sum, one) => sum + one.redelivered, 0);
  world.say(
    `round ${round}: ${tickets.length} tickets after ${seconds} s and ${kills} kills; ${proved.problems.length === 0 ? 'all proofs hold' : proved.problems.join('\n')}`,
  );
  return { ...proved, tickets: tickets.length, kills, redelivered, seconds };
}

async function killByPlan(world: World, plan: PlannedKill[], signal: AbortSignal): Promise<void> {
  while (plan[0] && !signal.aborted) {
    const { afterMs, target } = plan[0];
    const waitsSince = Date.now();
    await sleep(afterMs, undefined, { signal }).catch(ignoreAbort);
    if (signal.aborted) {
      // What was waited counts in the next round: a gap that is longer than a round would never come to its end.
      plan[0] = { ...plan[0], afterMs: Math.max(0, afterMs - (Date.now() - waitsSince)) };
      return;
    }
    const killed = await killWhenThere(world, target as Exclude<TargetKind, 'broker'>, { step: 'tickets', signal });
    if (killed) plan.shift();
  }
}

/** Asks, hands it over once it was escalated, approves what is proposed, and waits until it is closed. */
async function carry(under: Under, { name, i, round }: { name: string; i: number; round: number }) {
  const { world } = under;
  const thread = `${1_790_000_000 + 10 * round + i}.000100`;
  const ticket = `${TEAM}:${CHANNEL}:${thread}`;
  const text = questionOf(name, round);
  world.slack.write({ ts: thread, text, user: accountOf('dan'), mrkdwn: true });
  const said = { channel: CHANNEL, user: accountOf('dan'), team: TEAM, ts: thread, text: `<@U0BOT> ${text}` };
  const event = {
    type: 'event_callback',
    team_id: TEAM,
    event_id: `Ev${thread}`,
    event: { type: 'app_mention', ...said },
  };
  let redelivered = await deliver(under, event);
  const state = async () =>
    (await readStore<{ state: string }>(world, 'select state from ticket where id = $1', [ticket]))?.[0]?.state;
  await eventually(under, `${ticket} is escalated`, async () => (await state()) === 'escalated');
  const view = { callback_id: 'ticket_hand_off', private_metadata: ticket, id: `V${thread}`, state: {} };
  const user = { id: accountOf('ada'), team_id: TEAM };
  redelivered += await deliver(under, { type: 'view_submission', team: { id: TEAM }, user, view });
  await approve(under, `${ticket}/1/1`);
  await eventually(under, `${ticket} is closed`, async () => (await state()) === 'closed');
  return { ticket, redelivered };
}

/** As a person does: again, until it counts. */
async function approve(under: Under, id: string): Promise<void> {
  const { world, token } = under;
  const query = "select digest, outcome->>'kind' as outcome from approval where id = $1";
  await eventually(under, `${id} is approved`, async () => {
    const [found] = (await readStore<{ digest: string; outcome: string | null }>(world, query, [id])) ?? [];
    if (found?.outcome === 'approved') return true;
    if (found !== undefined)
      await world.patchwright.callWith({ PATCHWRIGHT_TOKEN: token }, 'approve', id, '--digest', found.digest);
    return false;
  });
}

/** As Slack does with what was not acknowledged. How often it had to. */
async function deliver(under: Under, body: Record<string, unknown>): Promise<number> {
  let times = -1;
  await eventually(
    under,
    'an event is taken',
    async () => {
      times += 1;
      // While nobody listens the connection is refused: Slack tries again, and so do we.
      return (await postSigned(under.port, body).catch(() => 0)) === 200;
    },
    AGAIN_MS,
  );
  return times;
}

async function eventually(
  { until: { deadlineMs, interrupted } }: Under,
  what: string,
  isSo: () => Promise<boolean>,
  everyMs = LOOK_MS,
): Promise<void> {
  while (!(await isSo())) {
    interrupted?.throwIfAborted();
    if (Date.now() > deadlineMs) throw new Error(`not in time: ${what}`);
    await sleep(everyMs);
  }
}

function conclude(
  { kills, seed }: Omit<ChaosOptions, 'ground'>,
  world: World | undefined,
  ran: Ran[],
  problems: string[],
  left: string[],
): SuiteChaos {
  const sum = (of: (one: Ran) => number) => ran.reduce((total, one) => total + of(one), 0);
  const done = world?.kills ?? [];
  const byTarget: Record<string, number> = {};
  for (const { target } of done) byTarget[target] = (byTarget[target] ?? 0) + 1;
  const goals = {
    killed: done.length >= kills,
    nothingLostOrTwice: ran.length > 0 && ran.every((one) => one.problems.length === 0),
    nothingElse: problems.length === 0,
    nothingLeft: left.length === 0,
  };
  return {
    figures: {
      ...{ seed, seconds: Math.round((Date.now() - (world?.sinceMs ?? Date.now())) / 1_000) },
      rounds: ran.map(({ tickets, kills: killed, seconds }) => ({ tickets, kills: killed, seconds })),
      kills: { asked: kills, done: done.length, byTarget },
      redelivered: sum(({ redelivered }) => redelivered),
      messages: sum(({ messages }) => messages),
      effects: {
        all: sum(({ effects }) => effects),
        again: sum(({ again }) => again),
        found: sum(({ found }) => found),
      },
    },
    goals,
    problems: [...problems, ...left],
    met: problems.length === 0 && Object.values(goals).every(Boolean),
  };
}

function ignoreAbort(error: Error): void {
  if (error.name !== 'AbortError') throw error;
}
