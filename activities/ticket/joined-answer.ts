import { logger } from '../../lib/log.ts';
import { withinTime } from '../../lib/time-limit.ts';
import type { Db } from '../../store/database.ts';
import { threadOf } from '../../store/thread.ts';
import { findTicket } from '../../store/tickets.ts';
import type { TicketStateName } from '../../workflows/ticket-types.ts';
import type { Knowledge } from './knowledge.ts';

/** Nobody has said that it did not help. */
const STANDS: readonly TicketStateName[] = ['answered', 'waiting'];
const WITHIN_MS = 15_000;

/** `ticket`: the one that joins. */
type Asked = { ticket: string; joins: string; room: string; audience: () => Promise<string[]> };

/** The key of what was told in one thread, in the thread of one that joined it: there it is told once. */
export const joinedKey = (key: string, ticket: string): string => `${key}/joined/${ticket}`;

/**
 * What the ticket that one joins was answered, in the words of its thread, for whoever asked the same: where the answer
 * stands, and all that it rests on is still there and may be read by everybody who reads along. Undefined otherwise, and
 * where that cannot be told in time, or where it was told there already: what comes of it is told all the same. Reads only.
 */
export async function answerBefore(
  { db, knowledge }: { db: Db; knowledge?: Knowledge },
  asked: Asked,
): Promise<string | undefined> {
  if (knowledge === undefined) return undefined;
  try {
    return await withinTime(WITHIN_MS, 'it was not told', standingAnswer(db, knowledge, asked));
  } catch (error) {
    const { joins } = asked;
    logger('ticket', { joins }).warn({ err: (error as Error).message }, 'who reads along is not known: no answer told');
    return undefined;
  }
}

async function standingAnswer(db: Db, knowledge: Knowledge, { ticket, joins, room, audience }: Asked) {
  const row = await findTicket(db, joins);
  if (row?.answer == null || !STANDS.includes(row.state) || row.answer.rests.length === 0) return undefined;
  const { text, rests } = row.answer;
  // Its places, and what is suspicious about one, stand below it there.
  const said = (await threadOf(db, joins)).findLast((message) => message.text.startsWith(`${text}\n\n`));
  if (said === undefined) return undefined;
  // It joined before the answer came, and was asked about once more since its worker died.
  const key = joinedKey(said.key, ticket);
  if ((await threadOf(db, ticket)).some((message) => message.key === key)) return undefined;
  const who = { audience: await audience(), room };
  for (const { chunk: chunkId, quote } of rests)
    if (!(await knowledge.checkCitation({ chunkId, quote, ...who }))) return undefined;
  return said.text;
}
