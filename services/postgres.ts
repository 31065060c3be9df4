import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { dieWithParent } from '../lib/die-with-parent.ts';
import { readJsonFile, writeJsonFile } from '../lib/json-file.ts';
import type { PostgresBinaries } from '../setup/postgres.ts';
import { runToEnd } from '../setup/run.ts';
import { asAccount, chooseAccount, type PostgresAccount } from './postgres-account.ts';
import { type ChildEvent, type ChildPlan, type Supervised, supervise } from './supervised.ts';

export interface PostgresOptions {
  /** `<data>/postgres`: the cluster, its socket and its version stamp. */
  dir: string;
  logFile: string;
  binaries: PostgresBinaries;
  /**
   * Production syncs, always. Tests do not need to outlive a power loss: without it a new
   * database takes a tenth of the time.
   */
  fsync: boolean;
  onEvent: (event: ChildEvent) => void;
  interrupted?: AbortSignal | undefined;
}

export interface RunningPostgres {
  child: Supervised;
  /** Of the database `patchwright`, through the Unix socket: there is no port to take or to guard. */
  databaseUrl: string;
}

const ROLE = 'patchwright';
const DATABASE = 'patchwright';
const PORT = 5432;
// sun_path holds 108 bytes with its end on Linux, 104 elsewhere.
const LONGEST_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;
// Long enough for the recovery of a large log after a crash.
const READY_WITHIN_MS = 120_000;

/**
 * Starts the embedded PostgreSQL of a data folder, making it on first use. After a crash it
 * recovers by itself. Throws when the folder belongs to another major version.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  chmodSync(dir, 0o700);
  refuseOtherVersion(dir, options.binaries.version);
  const account = chooseAccount(dir);
  await makeCluster(dir, account, options);
  writeJsonFile(join(dir, 'version.json'), { postgres: options.binaries.version });
  const socketDir = socketFolder(dir);
  const child = await supervise(planOf(dir, socketDir, account, options), options.onEvent);
  try {
    await makeDatabase(urlOf(socketDir, 'postgres'), DATABASE);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { child, databaseUrl: urlOf(socketDir, DATABASE) };
}

/** Makes a database by name when there is none; from a template in some 20 ms. Names are ours: letters, digits, `_`. */
export async function makeDatabase(adminUrl: string, name: string, template?: string): Promise<void> {
  for (const word of [name, template ?? '']) {
    if (!/^\w*$/.test(word)) throw new Error(`not a name for a database: ${word}`);
  }
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const known = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (known.rowCount === 0) {
      await client.query(`create database "${name}"${template === undefined ? '' : ` template "${template}"`}`);
    }
  } finally {
    await client.end();
  }
}

/** The same server's URL for another database. */
export function databaseUrlFor(databaseUrl: string, name: string): string {
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  return url.toString();
}

/** A major version reads only its own files. A new minor version does. */
export function refuseOtherVersion(dir: string, version: string): void {
  const major = version.split('.')[0];
  const path = join(dir, 'data', 'PG_VERSION');
  if (!existsSync(path)) return;
  const found = readFileSync(path, 'utf8').trim();
  if (found === major) return;
  const stamp = readJsonFile<{ postgres: string }>(join(dir, 'version.json'))?.postgres ?? found;
  throw new Error(
    `the database in ${dir} was made by PostgreSQL ${stamp}; this Patchwright runs ${version}, which cannot read it. ` +
      `Either start the Patchwright that made it, or carry it over: dump it with a PostgreSQL ${found} of your own ` +
      `(pg_dump), move ${dir} away, start once, and load the dump. To begin anew, move ${dir} away.`,
  );
}

function planOf(dir: string, socketDir: string, account: PostgresAccount, options: PostgresOptions): ChildPlan {
  const settings = {
    listen_addresses: '',
    unix_socket_directories: socketDir,
    port: PORT,
    max_connections: 200,
    fsync: options.fsync ? 'on' : 'off',
    ...(options.fsync ? {} : { full_page_writes: 'off', synchronous_commit: 'off' }),
    log_line_prefix: '%m [%p] ',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return {
    name: 'PostgreSQL',
    command: async () => {
      await removeStalePidFile(dir);
      const server = dieWithParent('INT', [options.binaries.postgres, '-D', join(dir, 'data'), ...flags]);
      const [command = '', ...args] = asAccount(account, server);
      return { command, args, env: postgresEnvironment(), cwd: dir };
    },
    ready: (signal) => answers(urlOf(socketDir, 'postgres'), signal),
    logFile: options.logFile,
    identityFile: join(dir, 'server.json'),
    // Fast shutdown, then an immediate one, which leaves recovery to the next start.
    stopSignals: ['SIGINT', 'SIGQUIT'],
    graceMs: 2_000,
    attempts: 4,
    interrupted: options.interrupted,
  };
}

/** The encoding of the messages in its log; nothing else of our environment concerns it. */
function postgresEnvironment(): Record<string, string> {
  return { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
}

/** In a folder of its own that is then renamed: an interrupted one leaves nothing half made. */
async function makeCluster(dir: string, account: PostgresAccount, { binaries, fsync }: PostgresOptions): Promise<void> {
  for (const name of readdirSync(dir)) {
    if (name.startsWith('new-')) rmSync(join(dir, name), { recursive: true, force: true });
  }
  if (existsSync(join(dir, 'data'))) return;
  const fresh = join(dir, `new-${process.pid}`);
  const how = ['--username', ROLE, '--auth=trust', '--encoding=UTF8', '--locale=C'];
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const sync = fsync ? [] : ['--no-sync'];
  // Inside the namespace: to enter one clears the signal that a parent's death would send.
  const initdb = dieWithParent('TERM', [binaries.initdb, '-D', fresh, ...how, ...locale, ...sync]);
  const [command = '', ...args] = asAccount(account, initdb);
  await runToEnd(command, args, { cwd: dir, env: postgresEnvironment(), what: 'make the database' });
  renameSync(fresh, join(dir, 'data'));
}

/**
 * After kill -9 the server leaves its process id behind, and refuses to start while any
 * process of that id lives. We hold the data folder's lock and have ended our predecessor:
 * whoever has that id by now is a stranger, unless its command line names this very folder.
 */
async function removeStalePidFile(dir: string): Promise<void> {
  const path = join(dir, 'data', 'postmaster.pid');
  if (!existsSync(path)) return;
  const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
  if (await isServerOf(pid, join(dir, 'data'))) {
    throw new Error(`a PostgreSQL server (process ${pid}) still runs on ${dir}; end it with: kill -INT ${pid}`);
  }
  rmSync(path, { force: true });
}

async function isServerOf(pid: number, data: string): Promise<boolean> {
  const { stdout } = await runToEnd('ps', ['-ww', '-o', 'command=', '-p', String(pid)], {
    cwd: '/',
    env: postgresEnvironment(),
    what: 'look for an old server',
    mayFail: true,
  });
  return stdout.includes(` -D ${data} `);
}

/** In the data folder where the path is short enough for a socket, else a folder of ours in the temporary one. */
export function socketFolder(dir: string): string {
  const inside = join(dir, 'socket');
  const fits = Buffer.byteLength(join(inside, `.s.PGSQL.${PORT}`)) <= LONGEST_SOCKET_PATH;
  const name = createHash('sha256').update(dir).digest('hex').slice(0, 16);
  const folder = fits ? inside : join(tmpdir(), `patchwright-${name}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const owner = statSync(folder);
  // Others can make folders in the temporary one: a socket in theirs would be theirs to replace.
  if (process.getuid && owner.uid !== process.getuid() && !fits) {
    throw new Error(`${folder} belongs to another user (${owner.uid}); remove it, or use a shorter path for --data`);
  }
  chmodSync(folder, 0o700);
  return folder;
}

function urlOf(socketDir: string, database: string): string {
  return `postgresql://${ROLE}@localhost/${database}?host=${encodeURIComponent(socketDir)}`;
}

/** Resolves when the server takes connections (it refuses them while it recovers). */
async function answers(url: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    signal.throwIfAborted();
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    try {
      await client.connect();
      return await client.end();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(20);
    }
  }
}
