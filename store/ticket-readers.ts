import type { Db } from './database.ts';

/** Those that joined it, of which neither was closed and opened again since: of the same room, so that the same people read along. */
export async function joinedTo(db: Db, ticket: string): Promise<string[]> {
  const rows = await db.selectFrom('ticket').select('id').where('joined', '=', ticket).orderBy('id').execute();
  return rows.map(({ id }) => id);
}

/** Who reads along there now. Safe to repeat. */
export async function keepAudience(db: Db, ticket: string, persons: readonly string[]): Promise<void> {
  const audience = JSON.stringify(persons);
  await db
    .updateTable('ticket')
    .set({ audience: audience as never })
    .where('id', '=', ticket)
    .execute();
}

/** Who may read each of these, as far as a ticket knows (decisions/ticket-access.ts); of one that is gone nothing. */
export async function readersOf(db: Db, tickets: readonly string[]) {
  if (tickets.length === 0) return new Map<string, never>();
  const rows = await db
    .selectFrom('ticket')
    .select(['id', 'asker', 'audience'])
    .where('id', 'in', [...new Set(tickets)])
    .execute();
  const persons = await personsIn(
    db,
    rows.map(({ id }) => id),
  );
  return new Map(
    rows.map(({ id, asker, audience }) => [id, { asker, persons: persons.get(id) ?? [], audience: audience ?? [] }]),
  );
}

/** Who wrote in each of these, or pressed a button that counted. */
async function personsIn(db: Db, tickets: readonly string[]): Promise<Map<string, string[]>> {
  const persons = new Map<string, string[]>();
  if (tickets.length === 0) return persons;
  const rows = await db
    .selectFrom('ticket_event')
    .select(['ticket', 'person'])
    .distinct()
    .where('ticket', 'in', tickets)
    .where('person', 'is not', null)
    .where('refused', 'is', null)
    .execute();
  for (const { ticket, person } of rows) persons.set(ticket, [...(persons.get(ticket) ?? []), person ?? '']);
  return persons;
}
