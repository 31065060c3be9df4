import { sql } from 'kysely';
import { plainText } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import type { Db } from './database.ts';

/** Direct messages to whoever is called about a ticket: a thread of their own for each person. */
const CALLS = '/calls/';

export const callThread = (ticket: string, person: string): string => `${ticket}${CALLS}${person}`;

/** Whose ticket it is. */
export const ticketOfCall = (thread: string): string => thread.slice(0, thread.lastIndexOf(CALLS));

/** Such a thread by where it stands in Slack, by our own record of what we posted; undefined where it is another one. */
export async function callAt(db: Db, { channel, thread }: { channel: string; thread: string }) {
  const row = db.selectFrom('thread').select('release').where('slack_ts', '=', thread);
  const found = await row.where('slack_channel', '=', channel).executeTakeFirst();
  return found?.release.includes(CALLS) ? found.release : undefined;
}

export async function callThreads(db: Db, ticket: string): Promise<string[]> {
  const rows = db
    .selectFrom('thread')
    .select('release')
    .where(sql<boolean>`starts_with(release, ${ticket + CALLS})`);
  return (await rows.execute()).map(({ release }) => release);
}

/** Takes the buttons from what was written in such a thread, and says how it ended below. Safe to repeat. */
export async function endCalls(db: Db, thread: string, outcome: string): Promise<void> {
  const words = plainText(redact(outcome)).trim();
  await sql`update thread_message set ended_text = text || ${`\n${words}`}
    where release = ${thread} and card is not null and ended_text is null`.execute(db);
}
