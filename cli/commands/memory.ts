import { mayRead } from '../../activities/memory.ts';
import type { Settings } from '../../config/schema.ts';
import { respondersOf } from '../../config/support.ts';
import { fieldWords } from '../../decisions/kafka-config.ts';
import { fixOf, shutTo } from '../../decisions/ticket-access.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { oneLine } from '../../lib/plain-text.ts';
import type { Db } from '../../store/database.ts';
import { fixesRead } from '../../store/fix-read.ts';
import { confirmMemory, forgetMemory, isFile, listMemories, type MemoryRow, type RestsOn } from '../../store/memory.ts';
import { requirePerson } from './approvals.ts';
import { readerOf } from './ticket-readers.ts';

/** What is remembered and the caller may read, what waits for a confirmation first. */
export async function memories(db: Db, settings: Settings) {
  const reader = await readerOf(db, settings);
  const listed = (await listMemories(db)).filter((row) => mayList(settings, row, reader));
  // The cause is in the words of agents, which have read more than it rests on.
  const read = await fixesRead(
    db,
    listed.map(({ ticket, fix }) => fixOf(ticket, fix)),
  );
  const { people, groups, support } = settings;
  const rules = { people, groups, repositories: support.repositories };
  const all = listed.filter(
    ({ ticket, fix }) => shutTo(read.get(fixOf(ticket, fix)) ?? [], reader, rules).length === 0,
  );
  return all.map((row) => ({
    ...{ id: row.id, ticket: row.ticket, fix: row.fix, digest: row.digest },
    ...{ asked: row.asked, cause: row.cause, change: row.change, restsOn: row.rests_on, readers: row.readers },
    ...{ writtenAt: row.written_at.toISOString(), confirmedBy: row.confirmed_by },
  }));
}

/** As a ticket is shown: to who answers tickets, who confirm it, and to its readers; to anybody where nobody is configured. */
export function mayList(settings: Settings, row: MemoryRow, reader: string): boolean {
  const { people } = settings;
  if (Object.keys(people).length === 0) return true;
  return reader in people && (respondersOf(settings).includes(reader) || mayRead(settings, row, [reader]));
}

/** Confirms by whoever answers tickets, with a token of his own; `readers` then takes the place of who may read it. */
export async function confirm(db: Db, settings: Settings, id: string, readers: readonly string[] | undefined) {
  const by = await requireResponder(db, settings);
  const { people, groups } = settings;
  const nobody = readers?.find((name) => name !== 'everyone' && !(name in people) && !(name in groups));
  if (nobody !== undefined)
    throw new ExitError(2, `neither a person nor a group is called "${nobody}"; "everyone" is allowed too`);
  // Whoever may not read it cannot say that it is right.
  if (!(await memories(db, settings)).some((one) => one.id === id)) throw missing(id);
  const done = await confirmMemory(db, { id, by, ...(readers !== undefined && { readers: [...readers] }) });
  if (!done) throw missing(id);
  return { id, confirmedBy: by };
}

export async function forget(db: Db, settings: Settings, id: string) {
  const by = await requireResponder(db, settings);
  if (!(await forgetMemory(db, { id, by }))) throw missing(id);
  return { id, forgottenBy: by };
}

const missing = (id: string) =>
  new ExitError(1, `there is no memory ${id} that you may read; see: npx patchwright memory list`);

async function requireResponder(db: Db, settings: Settings): Promise<string> {
  const person = await requirePerson(db, settings);
  const may = respondersOf(settings);
  if (may.includes(person)) return person;
  throw new ExitError(1, `${person} does not answer tickets; these do: ${may.join(', ')} (support.responders)`);
}

const restWords = (rest: RestsOn) =>
  isFile(rest)
    ? `${rest.place} ${rest.path} ${rest.blob?.slice(0, 12) ?? 'gone'}`
    : `${rest.environment}, ${fieldWords(rest)}`;

export function memoryLines(all: Awaited<ReturnType<typeof memories>>): string[] {
  if (all.length === 0) return ['nothing is remembered that you may read: memory is written after verified fixes'];
  return all.flatMap(({ id, ticket, digest, asked, cause, change, restsOn, readers, confirmedBy }) => [
    `${id}  ${confirmedBy === null ? `waits: npx patchwright memory confirm ${id}` : `confirmed by ${confirmedBy}`}`,
    `  asked: ${oneLine(asked, 300)}`,
    `  cause, by the agent: ${oneLine(cause, 600)}`,
    `  what helped: ${oneLine(change, 400)}`,
    `  of ${ticket}, its fix ${digest.slice(0, 12)}; may read it: ${readers.join(', ') || 'nobody'}`,
    `  rests on: ${restsOn.map(restWords).join(', ') || 'no file'}`,
  ]);
}
