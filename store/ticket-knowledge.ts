import type { ClosedTicket } from '../decisions/closed-ticket.ts';
import type { Db } from './database.ts';

/** The newest of them: what is older than so many others is seldom right any more. */
const MOST = 10_000;
const PAGE = 200;

/** Tickets that were solved or fixed, the newest first, with what counts of what was said in them. Reads only. */
export async function* closedTickets(db: Db): AsyncGenerator<ClosedTicket> {
  const rows = await db
    .selectFrom('ticket')
    .select(['id', 'room', 'asker', 'text', 'ended', 'reason', 'settled', 'answer', 'fix'])
    .where('state', '=', 'closed')
    .where('ended', 'in', ['solved', 'fixed'])
    .orderBy('closed_at', 'desc')
    .limit(MOST)
    .execute();
  for (let at = 0; at < rows.length; at += PAGE) {
    const page = rows.slice(at, at + PAGE);
    const events = await eventsOf(
      db,
      page.map(({ id }) => id),
    );
    for (const { text, reason, fix, ...row } of page) {
      const own = events.filter(({ ticket }) => ticket === row.id);
      const said = own.flatMap(({ kind, person, text: words }) =>
        kind === 'message' && person !== null ? [{ person, text: words }] : [],
      );
      const fixed = own.find(({ kind, key }) => kind === 'progress' && key === `${fix}/verified`)?.text;
      yield { ...row, question: text, reason: reason ?? '', fixed, said };
    }
  }
}

const eventsOf = (db: Db, tickets: readonly string[]) =>
  db
    .selectFrom('ticket_event')
    .select(['ticket', 'key', 'kind', 'person', 'text'])
    .where('ticket', 'in', tickets)
    .where('refused', 'is', null)
    .orderBy('sent')
    .orderBy('key')
    .execute();
