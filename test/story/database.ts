import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { setLogLevel } from '../../lib/log.ts';
import { signalProcess } from '../../lib/process-identity.ts';
import { databaseUrlFor, makeDatabase, type RunningPostgres, startPostgres } from '../../services/postgres.ts';
import { requirePostgres } from '../../setup/postgres.ts';
import { type Db, openDatabase } from '../../store/database.ts';

export type FreshDatabase = { db: Db; url: string; killServer: () => void };

/**
 * One real PostgreSQL for a test file, a fresh migrated database for each call of the function it returns.
 * `killServer` is kill -9; its supervisor starts it again. Only a `durable` one then still has its last commits.
 */
export function useDatabases({ durable = false } = {}): (options?: { connections?: number }) => Promise<FreshDatabase> {
  const dir = mkdtempSync(join(tmpdir(), 'pw-story-'));
  const opened: Db[] = [];
  let server: RunningPostgres | undefined;
  let made = 0;

  beforeAll(async () => {
    setLogLevel('error');
    const events: unknown[] = [];
    server = await startPostgres({
      dir: join(dir, 'postgres'),
      logFile: join(dir, 'postgres.log'),
      binaries: requirePostgres(),
      fsync: durable,
      onEvent: (event) => events.push(event),
    });
    await makeDatabase(server.databaseUrl, 'template_story');
    await migrateAll(databaseUrlFor(server.databaseUrl, 'template_story'));
  }, 60_000);

  afterAll(async () => {
    await Promise.all(opened.map((db) => db.destroy()));
    await server?.child.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  return async (options) => {
    if (!server) throw new Error('only inside a test');
    made += 1;
    await makeDatabase(server.databaseUrl, `story_${made}`, 'template_story');
    const url = databaseUrlFor(server.databaseUrl, `story_${made}`);
    const db = openDatabase(url, options);
    opened.push(db);
    const killServer = () => {
      const process = server?.child.identity();
      if (process) signalProcess(process, 'SIGKILL');
    };
    return { db, url, killServer };
  };
}

async function migrateAll(url: string): Promise<void> {
  const db = openDatabase(url, { connections: 1 });
  const folder = new URL('../../store/migrations/', import.meta.url);
  for (const file of readdirSync(folder).sort()) {
    const { up } = (await import(new URL(file, folder).href)) as { up: (db: Db) => Promise<void> };
    await up(db);
  }
  await db.destroy();
}
