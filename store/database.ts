import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { logger } from '../lib/log.ts';
import type { AgentTables } from './agents.ts';
import type { ApprovalTables } from './approvals.ts';
import type { AuditTables } from './audit.ts';
import type { FixReadTables } from './fix-read.ts';
import type { GateTables } from './gates.ts';
import type { JournalTables } from './journal.ts';
import type { MemoryTables } from './memory.ts';
import type { RehearsalTables } from './rehearsals.ts';
import type { ReleaseTables } from './releases.ts';
import type { RolloutTables } from './rollout-tables.ts';
import type { SuiteTables } from './suites.ts';
import type { ThreadTables } from './thread.ts';
import type { TicketTables } from './tickets.ts';
import type { TriageTables } from './triage.ts';
import type { WorkTables } from './work.ts';

/** Every table, put together from the files that own them. */
export type Database = ReleaseTables &
  SuiteTables &
  RolloutTables &
  RehearsalTables &
  GateTables &
  JournalTables &
  ThreadTables &
  TriageTables &
  ApprovalTables &
  AgentTables &
  TicketTables &
  MemoryTables &
  FixReadTables &
  WorkTables &
  AuditTables;

export type Db = Kysely<Database>;

// Counts and byte sizes fit a JavaScript number; as strings they would compare and add wrongly.
pg.types.setTypeParser(pg.types.builtins.INT8, (text) => Number(text));
pg.types.setTypeParser(pg.types.builtins.NUMERIC, (text) => Number(text));

/**
 * Opens the store. A returned insert is durable: commits are synchronous on the server.
 *
 * The pool reconnects by itself after the server was away; a query that fails meanwhile throws, and
 * Temporal retries the activity it belongs to.
 */
export function openDatabase(url: string, { connections = 10 }: { connections?: number } = {}): Db {
  const pool = new pg.Pool({ connectionString: url, max: connections, connectionTimeoutMillis: 5_000 });
  // Without a listener a connection that the server ends takes the whole process down: an idle one, and also
  // one that is out of the pool but between two queries (the pool takes its own listener off meanwhile).
  pool.on('error', (error) => logger('store').warn({ err: error.message }, 'an idle connection to the database ended'));
  pool.on('connect', (client) =>
    client.on('error', (error) => logger('store').debug({ err: error.message }, 'a connection to the database ended')),
  );
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
}
