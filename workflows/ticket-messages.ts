import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { TicketButton, TicketMessage, TicketProgress, TicketState } from './ticket-types.ts';

export const ticketWorkflowId = (ticket: string) => `ticket:${ticket}`;

/** Sent with signal-with-start where it is addressed to us: the ticket begins with it. */
export const ticketMessage = defineSignal<[TicketMessage]>('message');
export const ticketButton = defineSignal<[TicketButton]>('button');
/** From whatever carries a fix on. */
export const ticketProgress = defineSignal<[TicketProgress]>('progress');
/** A click that waits for its reply: why it did not count, or an empty text. */
export const pressTicket = defineUpdate<string, [TicketButton]>('press');
export const ticketState = defineQuery<TicketState>('ticketState');
