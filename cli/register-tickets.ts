import type { Command } from 'commander';
import type { Settings } from '../config/schema.ts';
import { ticketStats } from '../store/tickets.ts';
import type { ButtonAction } from '../workflows/ticket-types.ts';
import {
  followTicket,
  listLines,
  openTicket,
  pressInTicket,
  sayInTicket,
  showTicket,
  showTicketTo,
  statsLines,
  ticketLines,
  ticketsFor,
} from './commands/ticket.ts';
import { othersLines } from './commands/ticket-readers.ts';
import { type Connected, connect, type Globals, openStore, settingsOf } from './context.ts';
import type { Register } from './main.ts';
import { print, table } from './output.ts';

export const addTicketCommands: Register = (program, run) => {
  const ticket = program.command('ticket').description('a question, and what became of it');
  ticket
    .command('open')
    .requiredOption('--text <text>', 'what you ask')
    .option('--detach', 'do not wait for the answer', false)
    .description('ask, and wait for the answer or for who is called')
    .action(({ text, detach }: { text: string; detach: boolean }, command: Command) =>
      run(command, (globals) =>
        asking(globals, detach, (connected, settings) => openTicket(connected, settings, text)),
      ),
    );
  ticket
    .command('say')
    .argument('<id>', 'a ticket, the beginning of its id, or latest')
    .requiredOption('--text <text>')
    .option('--detach', 'do not wait for the answer', false)
    .description('say one more thing; a closed one is opened again')
    .action((id: string, { text, detach }: { text: string; detach: boolean }, command: Command) =>
      run(command, (globals) =>
        asking(globals, detach, (connected, settings) => sayInTicket(connected, settings, id, text)),
      ),
    );
  ticket
    .command('show')
    .argument('<id>', 'a ticket, the beginning of its id, or latest')
    .description('its state, and all that was said')
    .action((id: string, _: object, command: Command) =>
      run(command, async (globals) => {
        const store = await openStore(globals);
        try {
          const view = await showTicketTo(store.db, settingsOf(globals), id);
          print(globals, view, ticketLines(view));
          return 0;
        } finally {
          await store.close();
        }
      }),
    );
  addClicks(ticket, run);
  addList(program, run);
};

/** The buttons of the card, as commands. */
const CLICKS: [name: ButtonAction, note: string | undefined, description: string][] = [
  ['hand-off', '--hint <text>', 'hand it to the agent'],
  ['take', undefined, 'take it yourself'],
  ['solved', undefined, 'say that it is solved'],
  ['not-solved', undefined, 'say that the answer did not help'],
  ['not-ours', '--note <text>', 'send it away, with where to'],
];

const addClicks: Register = (ticket, run) => {
  for (const [action, option, description] of CLICKS) {
    const command = ticket.command(action).argument('<id>').description(description);
    if (option !== undefined) command.option(option);
    command.action((id: string, { hint, note }: { hint?: string; note?: string }, called: Command) =>
      run(called, async (globals) => {
        const settings = settingsOf(globals);
        const connected = await connect(globals);
        try {
          const pressed = await pressInTicket(connected, settings, { id, action, note: hint ?? note });
          const view = await showTicket(connected.db, pressed);
          print(globals, view, ticketLines(view));
          return 0;
        } finally {
          await connected.close();
        }
      }),
    );
  }
};

const addList: Register = (program, run) => {
  program
    .command('tickets')
    .option('--stats', 'how many, how they ended, how fast', false)
    .description('tickets, the open ones first')
    .action(({ stats }: { stats: boolean }, command: Command) =>
      run(command, async (globals) => {
        const store = await openStore(globals);
        try {
          if (stats) {
            const counted = await ticketStats(store.db);
            print(globals, counted, statsLines(counted));
          } else {
            const { views, others } = await ticketsFor(store.db, settingsOf(globals));
            const lines = views.length > 0 ? table(listLines(views)) : [others > 0 ? 'none of yours' : 'no ticket yet'];
            print(globals, views, [...lines, ...othersLines(others)]);
          }
          return 0;
        } finally {
          await store.close();
        }
      }),
    );
};

/** Room for what is said after the time for an answer is up. */
const SLACK_MS = 30_000;

async function asking(
  globals: Globals,
  detach: boolean,
  ask: (connected: Connected, settings: Settings) => Promise<{ id: string; after: number }>,
): Promise<number> {
  const settings = settingsOf(globals);
  const connected = await connect(globals);
  const { db } = connected;
  try {
    const { id, after } = await ask(connected, settings);
    if (!globals.json) process.stdout.write(`${id}\n`);
    if (!detach) {
      const withinMs = settings.support.answerMinutes * 60_000 + SLACK_MS;
      const tell = (line: string) => globals.json || process.stdout.write(`${line}\n`);
      await followTicket(db, { id, after, withinMs }, tell);
    }
    if (globals.json) print(globals, detach ? { id } : await showTicket(db, id), []);
    return 0;
  } finally {
    await connected.close();
  }
}
