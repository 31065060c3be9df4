import { lessonOf, roomOfTicket, type TicketRoom } from '../../decisions/closed-ticket.ts';
import type { Db } from '../../store/database.ts';
import { closedTickets } from '../../store/ticket-knowledge.ts';
import { type Document, documentOf } from './document.ts';

/**
 * What closed tickets teach, each with the room whose readers it has. `stands`: whether a chunk is in the index that is
 * being made: an answer lapses with the first place that it rests on.
 */
export async function* ticketDocuments(
  db: Db,
  stands: (chunk: string) => boolean,
): AsyncGenerator<{ document: Document; room: TicketRoom }> {
  for await (const ticket of closedTickets(db)) {
    const lesson = lessonOf(ticket);
    if (lesson === undefined || !lesson.rests.every(({ chunk }) => stands(chunk))) continue;
    const document = documentOf(`tickets/${ticket.id}`, lesson.text);
    if (document !== undefined) yield { document, room: roomOfTicket(ticket, lesson.rests) };
  }
}
