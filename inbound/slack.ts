import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Slack } from '../activities/slack.ts';
import { createGuestCheck } from '../activities/ticket/guests.ts';
import { messageKey } from '../activities/ticket/people.ts';
import type { Settings } from '../config/schema.ts';
import {
  HAND_OFF_FORM,
  HINT,
  readSlack,
  type SlackIntent,
  type SlackSelf,
  ticketIdOf,
} from '../decisions/slack-event.ts';
import { logger } from '../lib/log.ts';
import type { ArtifactStore } from '../store/artifacts.ts';
import { appendAudit } from '../store/audit.ts';
import { callAt, ticketOfCall } from '../store/calls.ts';
import type { Db } from '../store/database.ts';
import { adoptThread, appendMessage } from '../store/thread.ts';
import { findTicket, isTicketEvent, ticketText } from '../store/tickets.ts';
import type { TicketButton, TicketMessage, TicketPlace } from '../workflows/ticket-types.ts';
import type { Digest } from '../workflows/types.ts';
import { takeApprovalClick } from './slack-approval.ts';
import { whoIs } from './who.ts';

export type SlackDoorDeps = {
  client: Client;
  db: Db;
  /** The settings of now, and what they are called in the store. */
  present: () => Promise<{ settings: Settings; digest: Digest }>;
  slack: Slack;
  artifacts: Pick<ArtifactStore, 'read'>;
  self: SlackSelf;
  wakeThread: (ticket: string) => Promise<void>;
};

/** The same, with the settings of the moment in which something came in. */
export type SlackDoorNow = SlackDoorDeps & Awaited<ReturnType<SlackDoorDeps['present']>>;

/**
 * What both ways from Slack lead to. It returns when what was asked is in Temporal (or is none of ours), and only then
 * may the request be acknowledged; what it throws is not acknowledged, and Slack sends it again. The ticket knows what
 * came before by its key, so that it may come as often, and in whatever order, as it likes.
 */
export function createSlackDoor(deps: SlackDoorDeps) {
  const log = logger('inbound');
  const guest = createGuestCheck(deps.slack);
  return {
    async receive(body: unknown): Promise<void> {
      const intent = readSlack(body, deps.self);
      if (intent.kind === 'ignored') return log.debug({ why: intent.why }, 'ignored');
      const now = { ...deps, ...(await deps.present()) };
      switch (intent.kind) {
        case 'elsewhere':
          return refuseElsewhere(now, intent);
        case 'message':
          return takeMessage(now, intent);
        case 'form':
          return openForm(now, intent);
        case 'button':
          return takeButton(now, intent);
        case 'approval':
          return takeApprovalClick({ ...now, guest }, intent.account, intent.click);
      }
    },
  };
}

export type SlackDoor = ReturnType<typeof createSlackDoor>;

type Of<K extends SlackIntent['kind']> = Extract<SlackIntent, { kind: K }>;

async function takeMessage(deps: SlackDoorNow, { place, account, ts, text, addressed }: Of<'message'>): Promise<void> {
  const { person, refused } = whoIs(deps, account);
  // Others may talk in a thread; only who speaks to us is told why we cannot help.
  if (refused !== undefined && !addressed) return;
  const message: TicketMessage = {
    ...{ key: messageKey(place.channel, ts), sent: ts, account, addressed, text: ticketText(text) },
    ...(person !== undefined && { person }),
    ...(refused !== undefined && { refused, text: '' }),
  };
  const ticket = ticketIdOf(place);
  if (!addressed) return void (await toRunning(() => handleOf(deps, ticket).signal('message', message)));
  await deps.client.workflow.signalWithStart('ticket', {
    ...{ workflowId: `ticket:${ticket}`, taskQueue: 'patchwright' },
    args: [{ ticket, settings: deps.digest, place }],
    ...{ signal: 'message', signalArgs: [message] },
  });
}

async function takeButton(deps: SlackDoorNow, { place, account, key, action, note }: Of<'button'>): Promise<void> {
  const { person, refused } = whoIs(deps, account);
  const button: TicketButton = {
    ...{ key, sent: (Date.now() / 1_000).toFixed(6), account, action },
    ...(person !== undefined && { person }),
    ...(refused !== undefined && { refused }),
    ...(note !== undefined && { note: ticketText(note) }),
  };
  // In a direct message to whoever is called: by our own record of it, never by what a button says.
  const from = await callAt(deps.db, place);
  const ticket = from === undefined ? ticketIdOf(place) : ticketOfCall(from);
  const made = { ...button, ...(from !== undefined && { from }) };
  const taken = await toRunning(() => handleOf(deps, ticket).signal('button', made));
  if (!taken) await sayItIsOver(deps, { ticket, place, from }, key);
}

async function openForm({ slack, db, ...deps }: SlackDoorNow, { place, account, trigger }: Of<'form'>): Promise<void> {
  const { refused } = whoIs(deps, account);
  // Told in the thread, as for any other button: a form would only be refused at its end.
  if (refused !== undefined) {
    const key = `button/form/${account.team}/${account.user}`;
    return takeButton({ slack, db, ...deps }, { kind: 'button', place, account, key, action: 'hand-off' });
  }
  try {
    await slack.openView(trigger, handOffForm(place));
  } catch (error) {
    // A trigger is good for three seconds: the person clicks again, and a retry of ours could not.
    logger('inbound').warn({ err: (error as Error).message, ticket: ticketIdOf(place) }, 'no form was opened');
  }
}

function handOffForm(place: TicketPlace) {
  const plain = (text: string) => ({ type: 'plain_text' as const, text });
  return {
    ...{ type: 'modal' as const, callback_id: HAND_OFF_FORM, private_metadata: ticketIdOf(place) },
    ...{ title: plain('Hand to the agent'), submit: plain('Hand over'), close: plain('Cancel') },
    blocks: [
      {
        ...{ type: 'input' as const, block_id: HINT, optional: true, label: plain('A hint, if you have one') },
        hint: plain('It is said in the thread too.'),
        element: { type: 'plain_text_input' as const, action_id: HINT, multiline: true, max_length: 2_000 },
      },
    ],
  };
}

/** A click on a ticket that is closed is answered all the same, also where nothing of it is kept any more. */
async function sayItIsOver(
  { db, wakeThread }: SlackDoorDeps,
  { ticket, place, from }: { ticket: string; place: TicketPlace; from: string | undefined },
  key: string,
): Promise<void> {
  const row = await findTicket(db, ticket);
  // The click that closed it may come again: then it was heard already.
  if (row?.closed_at === null || (await isTicketEvent(db, ticket, key))) return;
  const text =
    row === undefined
      ? 'That does nothing any more: it was closed long ago, and nothing of it is kept. Mention me in its thread to ask again.'
      : `That does nothing any more: it is closed (${row.reason}). Mention me in its thread to open it again.`;
  const release = from ?? ticket;
  if (from === undefined) await adoptThread(db, { release, channel: place.channel, ts: place.thread });
  await appendMessage(db, { release, key: `${ticket}/late/${key}`, text, tone: 'warn' });
  await wakeThread(release);
}

async function refuseElsewhere({ db }: SlackDoorDeps, { account, what }: Of<'elsewhere'>): Promise<void> {
  const by = `slack:${account.team}/${account.user}`;
  logger('inbound').warn({ by, what }, 'refused: it comes from another workspace');
  const key = `slack/elsewhere/${by}/${what}`;
  await appendAudit(db, { key, kind: 'refused', about: 'slack', by, entry: { what, reason: 'another workspace' } });
}

const handleOf = ({ client }: SlackDoorDeps, ticket: string) => client.workflow.getHandle(`ticket:${ticket}`);

/** False where no such ticket runs. */
async function toRunning(signal: () => Promise<void>): Promise<boolean> {
  try {
    await signal();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
