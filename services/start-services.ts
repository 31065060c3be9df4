import { join, resolve } from 'node:path';
import type { TemporalSettings } from '../config/env.ts';
import { type Machine, thisMachine } from '../setup/machine.ts';
import { requirePostgres } from '../setup/postgres.ts';
import { type Progress, silent } from '../setup/progress.ts';
import { ensureTemporal } from '../setup/temporal.ts';
import { startPostgres } from './postgres.ts';
import type { ChildEvent, Supervised } from './supervised.ts';
import { startTemporal } from './temporal.ts';

export interface ServicesOptions {
  dataDir: string;
  /** A Temporal server or a database of the user's own: the embedded one is then not started. */
  external?: { temporal?: TemporalSettings | undefined; databaseUrl?: string | undefined };
  /** False in tests only (see `PostgresOptions.fsync`). */
  fsync?: boolean;
  temporalPort?: number;
  /** Name to type; made in the embedded server. */
  searchAttributes?: Readonly<Record<string, string>>;
  machine?: Machine;
  progress?: Progress;
  onEvent?: (event: ChildEvent) => void;
  /** Ends a start that is no longer wanted: what has begun is stopped, and the start throws. */
  interrupted?: AbortSignal;
}

export interface RunningServices {
  temporal: TemporalSettings;
  /** As PostgreSQL clients take it; the embedded server's goes through a Unix socket in the data folder. */
  databaseUrl: string;
  /** The embedded parts that run here, restarted with back-off on the same port and files when they die. */
  children: Supervised[];
  /** Ends them, in at most some 8 s. */
  stop: () => Promise<void>;
  kill: () => void;
}

/**
 * Starts Temporal and PostgreSQL for a data folder: about a second for a new one with
 * `fsync: false`, less for one that has run before. The caller owns the folder (`up` holds
 * its lock; a test makes one of its own).
 */
export async function startServices(options: ServicesOptions): Promise<RunningServices> {
  const progress = options.progress ?? silent;
  const begun = await Promise.allSettled([beginTemporal(options, progress), beginPostgres(options, progress)]);
  const children = begun.flatMap((part) => (part.status === 'fulfilled' && part.value.child ? [part.value.child] : []));
  const stop = async () => {
    await Promise.all(children.map((child) => child.stop()));
  };
  const [temporal, postgres] = begun;
  if (temporal.status === 'rejected' || postgres.status === 'rejected') {
    await stop();
    const reasons = begun.flatMap((part) => (part.status === 'rejected' ? [part.reason as Error] : []));
    // One reason as it is; a second one is told too.
    throw reasons.length === 1
      ? reasons[0]
      : new AggregateError(reasons, reasons.map(({ message }) => message).join('\n'));
  }
  return {
    temporal: temporal.value.settings,
    databaseUrl: postgres.value.databaseUrl,
    children,
    stop,
    kill: () => {
      for (const child of children) child.kill();
    },
  };
}

async function beginTemporal(
  options: ServicesOptions,
  progress: Progress,
): Promise<{ settings: TemporalSettings; child?: Supervised }> {
  const external = options.external?.temporal;
  if (external) {
    progress('Temporal', `using ${external.address}, namespace ${external.namespace}`);
    return { settings: external };
  }
  const machine = options.machine ?? thisMachine(options.interrupted);
  const { path, version } = await ensureTemporal(machine, progress);
  const { child, address } = await startTemporal({
    dir: join(resolve(options.dataDir), 'temporal'),
    logFile: logFile(options, 'temporal'),
    binary: path,
    version,
    ...(options.temporalPort === undefined ? {} : { port: options.temporalPort }),
    searchAttributes: options.searchAttributes ?? {},
    onEvent: options.onEvent ?? (() => undefined),
    interrupted: options.interrupted,
  });
  progress('Temporal', `serves on ${address}`);
  return { settings: { address, namespace: 'default', tls: false }, child };
}

async function beginPostgres(
  options: ServicesOptions,
  progress: Progress,
): Promise<{ databaseUrl: string; child?: Supervised }> {
  const external = options.external?.databaseUrl;
  if (external !== undefined) {
    progress('PostgreSQL', `using ${withoutPassword(external)}`);
    return { databaseUrl: external };
  }
  const { child, databaseUrl } = await startPostgres({
    dir: join(resolve(options.dataDir), 'postgres'),
    logFile: logFile(options, 'postgres'),
    binaries: requirePostgres(),
    fsync: options.fsync ?? true,
    onEvent: options.onEvent ?? (() => undefined),
    interrupted: options.interrupted,
  });
  progress('PostgreSQL', 'takes connections');
  return { databaseUrl, child };
}

function logFile({ dataDir }: ServicesOptions, name: string): string {
  return join(resolve(dataDir), 'logs', `${name}.log`);
}

function withoutPassword(databaseUrl: string): string {
  return databaseUrl.replace(/:[^:@/]*@/, ':…@');
}
