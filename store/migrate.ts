import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import { openDatabase } from './database.ts';

/** Migrations in the order in which they were written; a number is never used again. */
const MIGRATIONS: Record<string, () => Promise<Migration>> = {
  '001-releases': () => import('./migrations/001-releases.ts'),
  '010-suites': () => import('./migrations/010-suites.ts'),
  '011-retention': () => import('./migrations/011-retention.ts'),
  '011-suite-hosts': () => import('./migrations/011-suite-hosts.ts'),
  '012-suite-plan': () => import('./migrations/012-suite-plan.ts'),
  '013-verdicts': () => import('./migrations/013-verdicts.ts'),
  '015-triage': () => import('./migrations/015-triage.ts'),
  '020-rollouts': () => import('./migrations/020-rollouts.ts'),
  '030-journal-thread': () => import('./migrations/030-journal-thread.ts'),
  '040-build-sandbox': () => import('./migrations/040-build-sandbox.ts'),
  '050-gates': () => import('./migrations/050-gates.ts'),
  '060-approvals': () => import('./migrations/060-approvals.ts'),
  '070-agents': () => import('./migrations/070-agents.ts'),
  '080-mentions': () => import('./migrations/080-mentions.ts'),
  '081-metadata-before': () => import('./migrations/081-metadata-before.ts'),
  '095-tickets': () => import('./migrations/095-tickets.ts'),
  '100-fixes': () => import('./migrations/100-fixes.ts'),
  '105-approval-cards': () => import('./migrations/105-approval-cards.ts'),
  '106-memory': () => import('./migrations/106-memory.ts'),
  '120-work': () => import('./migrations/120-work.ts'),
  '121-answer-cost': () => import('./migrations/121-answer-cost.ts'),
  '122-calls': () => import('./migrations/122-calls.ts'),
  '130-rehearsals': () => import('./migrations/130-rehearsals.ts'),
  '150-expedite': () => import('./migrations/150-expedite.ts'),
  '170-ticket-answer': () => import('./migrations/170-ticket-answer.ts'),
  '175-ticket-audience': () => import('./migrations/175-ticket-audience.ts'),
  '176-joined-tickets': () => import('./migrations/176-joined-tickets.ts'),
  '180-release-tip': () => import('./migrations/180-release-tip.ts'),
  '185-fix-read': () => import('./migrations/185-fix-read.ts'),
  '186-fix-proof': () => import('./migrations/186-fix-proof.ts'),
};

const provider: MigrationProvider = {
  async getMigrations() {
    const loaded = await Promise.all(
      Object.entries(MIGRATIONS).map(async ([name, load]) => [name, await load()] as const),
    );
    return Object.fromEntries(loaded);
  },
};

/**
 * Brings the store to this version; safe to call by several processes at once (a lock in the database).
 *
 * @throws when the database was written by a newer Patchwright: it says which migration it does not know.
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const db = openDatabase(databaseUrl, { connections: 1 });
  try {
    const { error, results = [] } = await new Migrator({ db, provider }).migrateToLatest();
    if (error !== undefined) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(
        `the database could not be brought to this version: ${text}. Run the Patchwright that wrote it, or name another data folder with --data.`,
      );
    }
    return results.map((result) => result.migrationName);
  } finally {
    await db.destroy();
  }
}
