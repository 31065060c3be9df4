import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { readStore } from '../look.ts';
import { REPOSITORIES } from '../ticket-ground.ts';
import type { World } from '../world.ts';

export type TicketFigures = { messages: number; effects: number; again: number; found: number };
export type ProvedTickets = TicketFigures & { problems: string[] };

const CHANNELS = ['C0RELEASES', 'D0ADA'];

/** Every ticket ended in one applied fix: by the repositories, by Slack's own record, and by the journal. */
export async function proveTickets(world: World, tickets: readonly string[]): Promise<ProvedTickets> {
  const rows = async <Row extends object>(query: string) => {
    for (let tries = 0; tries < 20; tries += 1) {
      const found = await readStore<Row>(world, query, [tickets]);
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    throw new Error('the store did not come back');
  };
  const ends = await rows<{ id: string; ended: string }>('select id, ended from ticket where id = any($1)');
  const told = await rows<{ key: string }>(
    'select key from thread_message where release = any($1) or split_part(release, $$/$$, 1) = any($1)',
  );
  const effects = await rows<Effect>(
    'select key, kind, release, state, attempts, found from effect where release = any($1) or split_part(release, $$/$$, 1) = any($1)',
  );
  const decisions = await rows<{ ticket: string }>(
    'select a.ticket from approval_decision d join approval a on a.id = d.approval where a.ticket = any($1) and d.refused is null',
  );
  return {
    problems: [
      ...once(
        'the ticket was fixed:',
        tickets,
        ends.filter(({ ended }) => ended === 'fixed').map(({ id }) => id),
      ),
      ...once(
        'it was decided:',
        tickets,
        decisions.map(({ ticket }) => ticket),
      ),
      ...once(
        'Slack has',
        told.map(({ key }) => key),
        postedOf(
          world,
          tickets,
          told.map(({ key }) => key),
        ),
      ),
      ...once(
        'its branch has',
        tickets,
        commitsOf(world).filter((ticket) => tickets.includes(ticket)),
      ),
      ...once(
        'the journal applied',
        tickets,
        effects.filter(isFix).map(({ release }) => release),
      ),
      ...effects.filter(({ state }) => state !== 'done').map(({ key, state }) => `effect ${key} is ${state}`),
    ],
    messages: told.length,
    effects: effects.length,
    again: effects.filter(({ attempts }) => attempts > 1).length,
    found: effects.filter(({ found }) => found).length,
  };
}

type Effect = { key: string; kind: string; release: string; state: string; attempts: number; found: boolean };
const isFix = ({ kind }: Effect) => kind === 'fix' || kind === 'fix-undo';

/** Each of these once, and nothing else. */
function once(what: string, wanted: readonly string[], found: readonly string[]): string[] {
  const count = (key: string) => found.filter((one) => one === key).length;
  const strange = [...new Set(found)].filter((key) => !wanted.includes(key));
  return [
    ...wanted.filter((key) => count(key) !== 1).map((key) => `${what} ${key} ${count(key)} times`),
    ...strange.map((key) => `${what} ${key}, which nobody wanted`),
  ];
}

/** The keys of what the bot said about these tickets, as Slack kept them: those that were told, and whatever has their name. */
function postedOf({ slack }: World, tickets: readonly string[], told: readonly string[]): string[] {
  const keys = CHANNELS.flatMap((channel) => slack.keys(channel)).map(String);
  // An approval's card and a memory's question stand in the ticket's thread, under names of their own.
  const isOfThese = (key: string) => tickets.some((ticket) => key.replace(/^approval\//, '').startsWith(`${ticket}/`));
  return keys.filter((key) => told.includes(key) || isOfThese(key));
}

/** Whose commits are on the branches, by their trailers. */
function commitsOf({ folder }: World): string[] {
  return REPOSITORIES.flatMap((name) =>
    execFileSync('git', ['log', 'main', '--format=%(trailers:key=Ticket,valueonly,separator=%x2C)'], {
      cwd: join(folder, name),
      encoding: 'utf8',
    })
      .split('\n')
      .filter((line) => line !== ''),
  );
}
