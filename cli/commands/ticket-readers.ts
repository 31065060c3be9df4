import { personalToken } from '../../config/env.ts';
import type { Settings } from '../../config/schema.ts';
import { respondersOf } from '../../config/support.ts';
import { fixOf, mayReadTicket, notReadWords, shutTo, shutWords } from '../../decisions/ticket-access.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { personOfToken } from '../../store/approvals.ts';
import type { Db } from '../../store/database.ts';
import { fixesRead } from '../../store/fix-read.ts';
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

/** Exit 1 with the reason where the caller may not read this ticket. */
export async function requireReader(db: Db, settings: Settings, ticket: string): Promise<void> {
  if ((await readableTickets(db, settings, [ticket])).has(ticket)) return;
  throw new ExitError(1, notReadWords(ticket, await readerOf(db, settings), settings));
}

/** What belongs to a fix of a ticket: a run of an agent, or a question. `deciders`: whoever is asked may read it. */
export type OfFix = { ticket: string; id: string; deciders?: readonly string[] };

/**
 * Why the caller may not read each of these, by its id: it may hold lines of whatever agents have read for its fix, so that
 * whoever reads the ticket has to be a reader of that too. Those that he may read are not in it.
 */
export async function unreadable(db: Db, settings: Settings, all: readonly OfFix[]): Promise<Map<string, string>> {
  const reader = await readerOf(db, settings);
  const tickets = await readableTickets(
    db,
    settings,
    all.map(({ ticket }) => ticket),
  );
  const { people, groups, support } = settings;
  const rules = { people, groups, repositories: support.repositories };
  const read = await fixesRead(
    db,
    all.map(({ ticket, id }) => fixOf(ticket, id)),
  );
  const why = ({ ticket, id, deciders = [] }: OfFix): string | undefined => {
    if (isAmong(settings, deciders, reader)) return undefined;
    if (!tickets.has(ticket)) return notReadWords(ticket, reader, settings);
    const fix = fixOf(ticket, id);
    const shut = shutTo(read.get(fix) ?? [], reader, rules);
    return shut.length === 0 ? undefined : shutWords(fix, reader, shut);
  };
  return new Map(
    all.flatMap((one) => {
      const reason = why(one);
      return reason === undefined ? [] : [[one.id, reason] as const];
    }),
  );
}

/** Exit 1 with the reason where the caller may not read it. */
export async function requireFixReader(db: Db, settings: Settings, of: OfFix): Promise<void> {
  const reason = (await unreadable(db, settings, [of])).get(of.id);
  if (reason !== undefined) throw new ExitError(1, reason);
}

/** A name counts as long as it is somebody's: not that of a person who is gone, nor of another user of this machine. */
export const isAmong = ({ people }: Settings, names: readonly string[], person: string): boolean =>
  Object.hasOwn(people, person) && names.includes(person);

/** What stands below a list of which the caller may not read all. */
export const othersLines = (others: number): string[] => (others > 0 ? [`${others} more are for others to read`] : []);
