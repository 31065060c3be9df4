import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { findSecret, type TemporalSettings, temporalFromEnvironment } from '../config/env.ts';
import { knownSecrets } from '../config/known-secrets.ts';
import { ConfigurationError, loadSettings } from '../config/load.ts';
import type { Settings } from '../config/schema.ts';
import { serverSecrets } from '../config/secrets.ts';
import { ExitError } from '../lib/exit-error.ts';
import { redactingCodec } from '../lib/payload-redaction.ts';
import { configureRedaction } from '../lib/redact.ts';
import { redactionKey } from '../lib/redact-key.ts';
import { readUp, takeDataFolder, type UpState, whoHasDataFolder } from '../services/data-folder.ts';
import { startPostgres } from '../services/postgres.ts';
import { requirePostgres } from '../setup/postgres.ts';
import { type Db, openDatabase } from '../store/database.ts';

/** The options that every command takes. */
export type Globals = { data: string; config: string; json: boolean };

/** Exit 2 with every problem of the configuration. */
export function settingsOf(globals: Globals): Settings {
  try {
    return loadSettings(globals.config);
  } catch (error) {
    if (error instanceof ConfigurationError) throw new ExitError(2, error.message);
    throw error;
  }
}

export type OpenStore = { db: Db; close: () => Promise<void> };

const UP_STARTS_WITHIN_MS = 90_000;

/**
 * The store of the data folder: of the `up` that runs there, of DATABASE_URL, or, when nothing runs, of a
 * database started for this command alone, so that a report can be read the day after.
 */
export async function openStore(globals: Globals): Promise<OpenStore> {
  const dataDir = resolve(globals.data);
  const url = (await runningUp(dataDir))?.databaseUrl ?? findSecret({ env: 'DATABASE_URL' });
  if (url !== undefined) {
    const db = openDatabase(url, { connections: 2 });
    return { db, close: () => db.destroy() };
  }
  if (!existsSync(join(dataDir, 'postgres'))) {
    throw new ExitError(4, `nothing was ever run on ${dataDir}; start with: npm start, or npx patchwright up`);
  }
  return openResting(dataDir);
}

async function openResting(dataDir: string): Promise<OpenStore> {
  const release = takeDataFolder(dataDir, 'read the store');
  try {
    const { child, databaseUrl } = await startPostgres({
      dir: join(dataDir, 'postgres'),
      logFile: join(dataDir, 'logs', 'postgres.log'),
      binaries: requirePostgres(),
      fsync: true,
      onEvent: () => undefined,
    });
    const db = openDatabase(databaseUrl, { connections: 2 });
    return {
      db,
      close: async () => {
        await db.destroy();
        await child.stop();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** The `up` of this data folder; one that is just starting is waited for. */
export async function runningUp(dataDir: string): Promise<UpState | undefined> {
  const deadline = Date.now() + UP_STARTS_WITHIN_MS;
  for (;;) {
    const up = readUp(dataDir);
    if (up?.ready) return up;
    const holder = whoHasDataFolder(dataDir);
    if (holder === undefined || Date.now() > deadline) return undefined;
    await sleep(100);
  }
}

export type Connected = { db: Db; client: Client; dataDir: string; close: () => Promise<void> };

/** Store and Temporal of the running `up`; exit 4 with the command that starts one where none runs. */
export async function connect(globals: Globals): Promise<Connected> {
  const dataDir = resolve(globals.data);
  const up = await runningUp(dataDir);
  const databaseUrl = up?.databaseUrl ?? findSecret({ env: 'DATABASE_URL' });
  const temporal = up ? temporalOf(up) : temporalFromEnvironment();
  if (databaseUrl === undefined || temporal === undefined) {
    throw new ExitError(4, `Patchwright does not run on ${dataDir}; start it with: npx patchwright up`);
  }
  learnSecrets(globals.config);
  return openConnected(databaseUrl, temporal, dataDir, up ? redactionKey(dataDir) : randomBytes(32));
}

/** What the configuration refers to is kept out of Temporal, should somebody type or paste it. */
function learnSecrets(config: string): void {
  try {
    knownSecrets(loadSettings(config));
  } catch (error) {
    // A command that needs the configuration says what is wrong with it.
    if (!(error instanceof ConfigurationError)) throw error;
  }
}

/** `key`: the data folder's own where an `up` runs on it; a command that only connects leaves nothing in a folder. */
export async function openConnected(
  databaseUrl: string,
  temporal: TemporalSettings,
  dataDir: string,
  key: Buffer,
): Promise<Connected> {
  configureRedaction({ secrets: serverSecrets(temporal, databaseUrl), key });
  const dataConverter = { payloadCodecs: [redactingCodec()] };
  const connection = await connectTemporal(temporal);
  const db = openDatabase(databaseUrl, { connections: 4 });
  return {
    db,
    client: new Client({ connection, namespace: temporal.namespace, dataConverter }),
    dataDir,
    close: async () => {
      await db.destroy();
      await connection.close();
    },
  };
}

export async function connectTemporal(temporal: TemporalSettings): Promise<Connection> {
  try {
    return await Connection.connect({
      address: temporal.address,
      tls: temporal.tls,
      ...(temporal.apiKey === undefined ? {} : { apiKey: temporal.apiKey }),
    });
  } catch (error) {
    throw new ExitError(4, `the Temporal server at ${temporal.address} does not answer: ${(error as Error).message}`);
  }
}

function temporalOf(up: UpState): TemporalSettings {
  const external = temporalFromEnvironment();
  if (external?.address === up.temporalAddress) return external;
  return { address: up.temporalAddress, namespace: 'default', tls: false };
}
