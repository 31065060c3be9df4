import { callThreads, endCalls } from '../../store/calls.ts';
import type { Db } from '../../store/database.ts';
import { appendMessage } from '../../store/thread.ts';
import type { Said } from '../tickets.ts';

/**
 * Says in the direct messages of whoever was called what the ticket's thread says: what came of a click that counted, to
 * all; why one did not, where it was made. Where nobody is asked any more, the buttons go. Safe to repeat.
 */
export async function tellCalls(
  { db, wakeThread }: { db: Db; wakeThread?: ((thread: string) => Promise<void>) | undefined },
  ticket: string,
  { key, text, tone, clicked, over }: Said,
): Promise<void> {
  if (clicked === undefined && !over) return;
  for (const release of await callThreads(db, ticket)) {
    // What ends it stands in the message itself, in place of its buttons.
    const told = clicked !== undefined && (clicked.counted ? !over : clicked.from === release);
    if (told) await appendMessage(db, { release, key: `${release}/${key}`, text, ...(tone && { tone }) });
    if (over) await endCalls(db, release, text);
    if (told || over) await wakeThread?.(release);
  }
}
