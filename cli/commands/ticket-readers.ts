import { personalToken } from '../../config/env.ts';
import type { Settings } from '../../config/schema.ts';
import { respondersOf } from '../../config/support.ts';
import { mayReadTicket, notReadWords } from '../../decisions/ticket-access.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { personOfToken } from '../../store/approvals.ts';
import type { Db } from '../../store/database.ts';
import { readersOf } from '../../store/ticket-readers.ts';
import { personOf } from './release.ts';

/** Who looks: whose token it is, else whose user this is. Enough to be shown something, and to decide nothing. */
export async function readerOf(db: Db, settings: Settings): Promise<string> {
  const token = personalToken();
  return (token === undefined ? undefined : await personOfToken(db, token)) ?? personOf(settings);
}

/** Those of these tickets that the caller may read; one that is gone, whoever answers tickets. */
export async function readableTickets(db: Db, settings: Settings, ids: readonly string[]): Promise<Set<string>> {
  const reader = await readerOf(db, settings);
  const found = await readersOf(db, ids);
  const rules = { responders: respondersOf(settings), people: settings.people };
  const nobody = { asker: '', persons: [], audience: [] };
  return new Set(ids.filter((id) => mayReadTicket(found.get(id) ?? nobody, reader, rules)));
}

/** Of what belongs to a ticket: these may read it, and whoever may read the ticket. Exit 1 with the reason otherwise. */
export async function requireReader(
  db: Db,
  settings: Settings,
  ticket: string,
  others: readonly string[] = [],
): Promise<void> {
  if ((await readableTickets(db, settings, [ticket])).has(ticket)) return;
  const reader = await readerOf(db, settings);
  if (!isAmong(settings, others, reader)) throw new ExitError(1, notReadWords(ticket, reader, settings));
}

/** A name counts as long as it is somebody's: not that of a person who is gone, nor of another user of this machine. */
export const isAmong = ({ people }: Settings, names: readonly string[], person: string): boolean =>
  Object.hasOwn(people, person) && names.includes(person);

/** What stands below a list of which the caller may not read all. */
export const othersLines = (others: number): string[] => (others > 0 ? [`${others} more are for others to read`] : []);
