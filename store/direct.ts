import type { Db } from './database.ts';
import { appendMessage, type NewMessage } from './thread.ts';

/** What is told to one person alone: a thread of his own beside that of what it is about. */
const DIRECT = '/direct/';

export const directThread = (about: string, person: string): string => `${about}${DIRECT}${person}`;

export type Direct = Pick<NewMessage, 'key' | 'text' | 'tone' | 'card'> & {
  /** A release, a ticket, a question. */
  about: string;
  person: string;
  /** His id in Slack, of the configuration: whoever carries the thread opens the direct message. */
  user: string;
};

/** Keeps it for the carrier of its thread, whose name it returns. Safe to repeat: a key is told once. */
export async function writeDirect(db: Db, { about, person, user, key, ...said }: Direct): Promise<string> {
  const release = directThread(about, person);
  await appendMessage(db, { ...said, release, key: `${release}/${key}`, channel: user, final: true });
  return release;
}
