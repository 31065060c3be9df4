import { setTimeout as sleep } from 'node:timers/promises';
import { agentRuns } from '../../store/agents.ts';
import { approvalsOf } from '../../store/approvals.ts';
import { threadOf } from '../../store/thread.ts';
import { TEAM } from '../../test/support/world.ts';
import type { TicketCase } from './cases.ts';
import { CHANNEL, openTicketsWorld, type TicketsWorld } from './world.ts';

export type TicketOutcome = {
  id: string;
  ticket: string;
  /** Why this is not the right end; empty where it is. */
  problems: string[];
  /** The agents that worked on it, how each ended and after how many turns. */
  runs: string[];
  /** All that the thread says. */
  said: string[];
  minutes: number;
};

type Options = { model: string; say: (line: string) => void; atOnce: number };

const LOOK_MS = 500;
/** A reader who went away: nobody waits for him for ever. */
const LONGEST_MS = 90 * 60_000;
const ENDED = /^(VERIFIED|APPLIED|UNDONE|FAILED|NOT VERIFIED|NOT APPLIED|No fix)\b/m;

/** Lives each ticket from the question to its end, so many at once, in one product. */
export async function proveTickets(
  cases: readonly TicketCase[],
  { model, say, atOnce }: Options,
): Promise<TicketOutcome[]> {
  const world = await openTicketsWorld({ model, cluster: cases.some(({ cluster }) => cluster) });
  try {
    const left = [...cases];
    const outcomes: TicketOutcome[] = [];
    const next = async () => {
      for (let one = left.shift(); one !== undefined; one = left.shift()) {
        const outcome = await prove(world, one, say);
        outcomes.push(outcome);
        say(
          `${one.id}: ${outcome.problems.join('; ') || 'right'} (${outcome.minutes} minutes)\n${outcome.runs.join('\n')}`,
        );
      }
    };
    await Promise.all(Array.from({ length: atOnce }, next));
    return outcomes;
  } finally {
    await world.close();
  }
}

async function prove(world: TicketsWorld, one: TicketCase, say: Options['say']): Promise<TicketOutcome> {
  const begun = Date.now();
  const thread = await world.write(one.asks, 'dan');
  const ticket = `${TEAM}:${CHANNEL}:${thread}`;
  say(`${one.id}: asked as ${ticket}`);
  let problems: string[];
  try {
    await live(world, one, { ticket, thread, say });
    const said = (await told(world, ticket)).join('\n');
    problems = await one.problems(world, said);
  } catch (error) {
    problems = [`it did not come to its end: ${(error as Error).message}`];
  }
  const runs = (await agentRuns(world.db, ticket)).map(
    ({ run, turns, outcome }) => `${run.slice(ticket.length + 1)}: ${outcome?.kind ?? 'runs'} after ${turns} turns`,
  );
  const minutes = Math.round((Date.now() - begun) / 6_000) / 10;
  return { id: one.id, ticket, problems, runs, said: await told(world, ticket), minutes };
}

type Lived = { ticket: string; thread: string; say: Options['say'] };

/** People do what people do: hand it off, decide, say that it is solved. Nobody helps the agent. */
async function live(world: TicketsWorld, one: TicketCase, { ticket, thread, say }: Lived): Promise<void> {
  const came = await until(world, ticket, 'it is answered or escalated', async () => {
    const state = await stateOf(world, ticket);
    return state === 'answered' || state === 'escalated' ? state : undefined;
  });
  say(`${one.id}: ${came}`);
  if (one.wanted === 'answered') {
    if (came !== 'answered') throw new Error('nobody answered it');
    return;
  }
  if (came === 'answered') await world.must('ticket', 'not-solved', ticket);
  if (one.wanted === 'learnt') {
    await world.write(one.told ?? '', 'bob', thread);
    await until(world, ticket, 'what was told is kept', () => hasHeard(world, ticket, one.told ?? ''));
    await world.must('ticket', 'solved', ticket);
  } else await world.must('ticket', 'hand-off', ticket);
  const fix = `${ticket}/${one.wanted === 'learnt' ? 'learnt' : '1'}`;
  const first = await proposedAs(world, ticket, `${fix}/1`);
  say(`${one.id}: proposed\n${first.question.summary}`);
  if (one.changes === undefined) await decide(world, 'cat', 'approve', first.id, '--digest', first.open.digest);
  else {
    await decide(world, 'bob', 'reject', first.id, '--digest', first.open.digest, '--changes', '--note', one.changes);
    const second = await proposedAs(world, ticket, `${fix}/2`);
    say(`${one.id}: proposed again\n${second.question.summary}`);
    await decide(world, 'cat', 'approve', second.id, '--digest', second.open.digest);
  }
  const end = await until(world, ticket, 'the fix ends', async () => {
    const said = await told(world, ticket);
    return said.find((text) => ENDED.test(text));
  });
  if (!/^(VERIFIED|APPLIED)\b/.test(end)) throw new Error(end);
}

async function proposedAs(world: TicketsWorld, ticket: string, id: string) {
  const found = await until(world, ticket, `${id} is proposed`, async () => {
    if (ENDED.test((await told(world, ticket)).join('\n'))) return 'ended';
    return (await approvalsOf(world.db, { id }))[0];
  });
  if (found === 'ended') throw new Error(`no fix was proposed: ${(await told(world, ticket)).at(-1)}`);
  return found;
}

async function decide(world: TicketsWorld, person: string, ...decision: string[]): Promise<void> {
  const { token } = await world.patchwright.json<{ token: string }>('people', 'token', person);
  const ran = await world.patchwright.callWith({ PATCHWRIGHT_TOKEN: token }, ...decision);
  if (ran.status !== 0) throw new Error(`${decision.join(' ')} did not count: ${ran.stderr}`);
}

const told = async (world: TicketsWorld, ticket: string) => (await threadOf(world.db, ticket)).map(({ text }) => text);

const stateOf = async ({ db }: TicketsWorld, ticket: string) =>
  (await db.selectFrom('ticket').select('state').where('id', '=', ticket).executeTakeFirst())?.state;

async function hasHeard({ db }: TicketsWorld, ticket: string, text: string): Promise<true | undefined> {
  const events = await db.selectFrom('ticket_event').select('text').where('ticket', '=', ticket).execute();
  return events.some((event) => event.text.includes(text.slice(0, 40))) || undefined;
}

async function until<T>(
  world: TicketsWorld,
  ticket: string,
  what: string,
  look: () => Promise<T | undefined>,
): Promise<T> {
  for (const deadline = Date.now() + LONGEST_MS; ; await sleep(LOOK_MS)) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline)
      throw new Error(
        `waited in vain until ${what}:\n${(await told(world, ticket)).join('\n')}\n${world.patchwright.upLog().slice(-2_000)}`,
      );
  }
}
