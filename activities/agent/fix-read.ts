import { repositoryOf } from '../../config/code.ts';
import type { Settings } from '../../config/schema.ts';
import { fixOf } from '../../decisions/ticket-access.ts';
import type { Db } from '../../store/database.ts';
import { keepFixRead } from '../../store/fix-read.ts';

/**
 * Keeps that an agent of a ticket's fix is about to be shown lines of these places: before it is, so that nothing which
 * it makes of them is ever shown to more people than may read them. Safe to repeat.
 */
export async function keepPlacesRead(
  db: Db,
  { support }: Settings,
  { release: ticket, run }: { release: string; run: string },
  places: Iterable<string>,
): Promise<void> {
  for (const place of new Set(places)) {
    const repository = repositoryOf(place);
    if (repository === undefined) continue;
    const closed = support.repositories[repository]?.readers !== undefined;
    await keepFixRead(db, fixOf(ticket, run), { repository, closed });
  }
}
