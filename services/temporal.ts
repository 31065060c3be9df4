import { existsSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dieWithParent } from '../lib/die-with-parent.ts';
import { readJsonFile, writeJsonFile } from '../lib/json-file.ts';
import { runToEnd } from '../setup/run.ts';
import { freePort, isFree } from './ports.ts';
import { type ChildEvent, type Supervised, supervise } from './supervised.ts';

export interface TemporalOptions {
  /** `<data>/temporal`: the SQLite file, its version stamp and the port. */
  dir: string;
  logFile: string;
  binary: string;
  /** Of the command-line tool: what reads and writes the file. */
  version: string;
  /** Asked for by the user. Else one is chosen once and kept. */
  port?: number;
  /** Name to type (`Keyword`, `Int` …); made where they are missing. */
  searchAttributes?: Readonly<Record<string, string>>;
  onEvent: (event: ChildEvent) => void;
  interrupted?: AbortSignal | undefined;
}

export interface RunningTemporal {
  child: Supervised;
  address: string;
}

interface Stamp {
  temporal: string;
  port: number;
  retention?: string;
  searchAttributes?: Record<string, string>;
}

// Temporal forgets a workflow this long after its end; the store does not.
const RETENTION = '720h';
const READY_WITHIN_MS = 60_000;

/**
 * Starts the embedded Temporal server of a data folder. Throws when its file was written by
 * another version: the file does not upgrade.
 */
export async function startTemporal(options: TemporalOptions): Promise<RunningTemporal> {
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const stampFile = join(dir, 'version.json');
  refuseOtherVersion(dir, options.version);
  const stamp = readJsonFile<Stamp>(stampFile);
  const port = await choosePort(options, stamp);
  writeJsonFile(stampFile, { ...stamp, temporal: options.version, port } satisfies Stamp);
  const address = `127.0.0.1:${port}`;
  const child = await supervise(planOf(dir, port, options), options.onEvent);
  try {
    const searchAttributes = await prepareNamespace(options, address, stamp);
    writeJsonFile(stampFile, {
      temporal: options.version,
      port,
      retention: RETENTION,
      searchAttributes,
    } satisfies Stamp);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { child, address };
}

/** What the file beside the database says about who wrote it. */
export function refuseOtherVersion(dir: string, version: string): void {
  if (!existsSync(join(dir, 'temporal.sqlite'))) return;
  const made = readJsonFile<Stamp>(join(dir, 'version.json'))?.temporal ?? 'an unknown version';
  if (made === version) return;
  throw new Error(
    `the Temporal file in ${dir} was written by ${made}; this Patchwright runs ${version}, and the file does not upgrade. ` +
      'Either finish what runs with the Patchwright that made it, or begin a new file: stop everything ' +
      `(patchwright down), move ${dir} away, and start again. Finished releases stay in the database; ` +
      'releases that were under way are to be started again.',
  );
}

async function choosePort({ port, dir }: TemporalOptions, stamp: Stamp | undefined): Promise<number> {
  const kept = port ?? stamp?.port;
  if (kept === undefined) return freePort();
  // A predecessor that is still stopping holds it for a moment (see `supervise`), and is waited for there.
  if ((await isFree(kept)) || existsSync(join(resolve(dir), 'server.json'))) return kept;
  if (port !== undefined) {
    throw new Error(`port ${port} on 127.0.0.1 is taken by another program; free it, or choose another for Temporal`);
  }
  return freePort();
}

function planOf(dir: string, port: number, { binary, logFile, interrupted }: TemporalOptions) {
  return {
    name: 'Temporal',
    command: async () => {
      const [command = '', ...args] = dieWithParent('TERM', [binary, ...serverArguments(dir, port)]);
      // Its own configuration files and variables are not ours to obey.
      return { command, args, env: temporalEnvironment(dir), cwd: dir };
    },
    ready: (signal: AbortSignal) => accepts(port, signal),
    logFile,
    identityFile: join(dir, 'server.json'),
    stopSignals: ['SIGTERM'] as const,
    graceMs: 3_000,
    attempts: 2,
    interrupted,
  };
}

function serverArguments(dir: string, port: number): string[] {
  return [
    ...['server', 'start-dev', '--db-filename', join(dir, 'temporal.sqlite'), '--headless'],
    ...['--ip', '127.0.0.1', '--port', String(port), '--log-level', 'error'],
    ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=2'],
    // With one history shard the default lets 20 tasks a second through: 97 ms an activity instead of 11.
    ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=2000'],
    ...['--dynamic-config-value', 'history.timerProcessorMaxPollRPS=2000'],
  ];
}

function temporalEnvironment(dir: string): Record<string, string> {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: dir, TEMPORAL_DISABLE_CONFIG_FILE: '1' };
}

/** Once a file: the retention, and the search attributes that are not there yet. */
async function prepareNamespace(options: TemporalOptions, address: string, stamp: Stamp | undefined) {
  const wanted = options.searchAttributes ?? {};
  const known = stamp?.searchAttributes ?? {};
  const operator = (...args: string[]) => operate(options, address, args);
  if (stamp?.retention === RETENTION) await operator('namespace', 'describe', '-n', 'default');
  else await operator('namespace', 'update', '-n', 'default', '--retention', RETENTION);
  for (const [name, type] of Object.entries(wanted)) {
    // To make one that is there already is a success, says the tool.
    if (known[name] !== type) await operator('search-attribute', 'create', '--name', name, '--type', type);
  }
  return { ...known, ...wanted };
}

/** The namespace appears a moment after the port: tried again until it does. */
async function operate({ binary, dir }: TemporalOptions, address: string, args: string[]): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const { exitCode, output } = await runToEnd(binary, ['operator', ...args, '--address', address], {
      cwd: resolve(dir),
      env: temporalEnvironment(resolve(dir)),
      what: `prepare Temporal's namespace`,
      mayFail: true,
    });
    if (exitCode === 0) return;
    if (Date.now() > deadline)
      throw new Error(`cannot prepare Temporal's namespace (${args.join(' ')}): ${output.trim()}`);
    await sleep(50);
  }
}

async function accepts(port: number, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await takesConnection(port))) {
    signal.throwIfAborted();
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port}`);
    await sleep(20);
  }
}

function takesConnection(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => socket.destroy() && done(true));
    socket.once('error', () => done(false));
  });
}
