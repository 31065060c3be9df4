import type { Settings } from '../../config/schema.ts';
import { withoutWords } from '../../decisions/audit-words.ts';
import { approvalsOf } from '../../store/approvals.ts';
import { type AuditRow, auditRows } from '../../store/audit.ts';
import type { Db } from '../../store/database.ts';
import { table } from '../output.ts';
import { ofTicket } from './approvals.ts';
import { type OfFix, unreadable } from './ticket-readers.ts';

/**
 * What is in the audit, the newest first. A row that is about a ticket which the caller may not read stands there as all
 * others do, hash and all, and its words do not. Reads only.
 */
export async function showAudit(
  db: Db,
  settings: Settings,
  wanted: { about?: string; limit: number },
): Promise<AuditRow[]> {
  const rows = await auditRows(db, wanted);
  const asked = (await approvalsOf(db, { ids: [...new Set(rows.map(({ about }) => about))] })).flatMap(ofTicket);
  const known = new Set(asked.map(({ id }) => id));
  const others = rows.flatMap(({ about }) => (known.has(about) ? [] : ofName(about)));
  const shut = await unreadable(db, settings, [...asked, ...others]);
  return rows.map((row) => {
    const reason = shut.get(row.about);
    return reason === undefined ? row : { ...row, entry: withoutWords(row.entry, reason) };
  });
}

/** A question that nobody asked, or whose record is gone: a ticket's has a colon in its name, which no other has. */
function ofName(about: string): OfFix[] {
  const [ticket = ''] = about.split('/', 1);
  return ticket.includes(':') ? [{ ticket, id: about }] : [];
}

export const auditLines = (rows: readonly AuditRow[]): string[] =>
  rows.length === 0
    ? ['nothing yet']
    : table(rows.map(({ at, kind, about, by, entry }) => [at, kind, about, by, JSON.stringify(entry).slice(0, 200)]));
