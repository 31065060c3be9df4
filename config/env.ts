import { readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { learnSecret } from '../lib/redact.ts';

/**
 * The only reader of `process.env` (with `bin/` and the set-up, which run before anything else).
 * Each function names the variable that it reads, so that an error can name it too.
 */

/** A secret is never in the configuration, only where it is: a variable of the environment or a file. */
export type SecretRef = { env: string } | { file: string };

/** @throws when the variable is not set, or the file cannot be read: it names which. */
export function readSecret(ref: SecretRef, what: string): string {
  const value = findSecret(ref);
  if (value !== undefined) return value;
  throw new Error(
    'env' in ref
      ? `${what}: the environment variable ${ref.env} is not set`
      : `${what}: the file ${ref.file} cannot be read or is empty`,
  );
}

/** The secret, or undefined where it is not there. Whatever is read here is redacted by this process from then on. */
export function findSecret(ref: SecretRef): string | undefined {
  const secret = secretAt(ref);
  if (secret !== undefined) learnSecret(secret);
  return secret;
}

function secretAt(ref: SecretRef): string | undefined {
  if ('env' in ref) return process.env[ref.env] || undefined;
  try {
    return readFileSync(ref.file, 'utf8').trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Where things that outlive a data folder are kept: tools, libraries, sources. */
export function cacheDir(): string {
  return resolve(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'patchwright');
}

/** The name of the operating system's user: who acts on the CLI (design, *Who acts*). */
export function systemUser(): string {
  return userInfo().username;
}

/** The caller's personal token for a decision. */
export function personalToken(): string | undefined {
  return process.env.PATCHWRIGHT_TOKEN || undefined;
}

export type TemporalSettings = { address: string; namespace: string; tls: boolean; apiKey?: string };

/** What a worker was told by the supervisor, or by whoever starts it on another machine. */
export function workerEnvironment(): {
  databaseUrl: string;
  temporal: TemporalSettings;
  dataDir: string;
  configFile: string;
} {
  const databaseUrl = process.env.PATCHWRIGHT_DATABASE_URL || process.env.DATABASE_URL;
  const dataDir = process.env.PATCHWRIGHT_DATA;
  const temporal = temporalFromEnvironment();
  const missing = [
    databaseUrl ? undefined : 'DATABASE_URL',
    temporal ? undefined : 'TEMPORAL_ADDRESS',
    dataDir ? undefined : 'PATCHWRIGHT_DATA',
  ].filter((name) => name !== undefined);
  if (!databaseUrl || !temporal || !dataDir) {
    throw new Error(`a worker cannot start without ${missing.join(', ')}; \`patchwright up\` sets them`);
  }
  const configFile = process.env.PATCHWRIGHT_CONFIG || 'patchwright.yaml';
  return { databaseUrl, temporal, dataDir: resolve(dataDir), configFile };
}

/** A Temporal server of the user's own: a cluster, or Temporal Cloud with an API key. */
export function temporalFromEnvironment(): TemporalSettings | undefined {
  const address = process.env.PATCHWRIGHT_TEMPORAL_ADDRESS || process.env.TEMPORAL_ADDRESS;
  if (!address) return undefined;
  const apiKey = process.env.TEMPORAL_API_KEY || undefined;
  return {
    address,
    namespace: process.env.TEMPORAL_NAMESPACE || 'default',
    tls: apiKey !== undefined || process.env.TEMPORAL_TLS === 'true',
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

/** The variables that a fork's own programs may see: an allow-list, so that no secret reaches them. */
export function allowedEnvironment(names: readonly string[]): Record<string, string> {
  const allowed: Record<string, string> = {};
  for (const name of names) {
    const value = process.env[name];
    if (value !== undefined) allowed[name] = value;
  }
  return allowed;
}

/** What git's own transports need; nothing of it reaches a fork's programs. */
export const GIT_ENVIRONMENT: readonly string[] = [
  'PATH',
  'HOME',
  'LANG',
  'SSH_AUTH_SOCK',
  'SSH_AGENT_PID',
  'GIT_SSH_COMMAND',
  'GIT_SSL_CAINFO',
  'XDG_CONFIG_HOME',
];

/** What programs on this machine need to be found and to run: nothing of it is secret. */
export const HOST_ENVIRONMENT: readonly string[] = [
  'PATH',
  'HOME',
  'LANG',
  'JAVA_HOME',
  'TMPDIR',
  'TZ',
  'XDG_CACHE_HOME',
];

/**
 * Where Node keeps what it has compiled (bin/node24.js): with it a program of ours that is started with nothing else, a
 * slot's runner or a build's, begins in a third of the time. It is not handed on to what those run.
 */
export const COMPILE_CACHE: readonly string[] = ['NODE_COMPILE_CACHE'];

/** How much is logged: trace, debug, info, warn, error. */
export function logLevel(): string {
  return process.env.PATCHWRIGHT_LOG_LEVEL || 'info';
}

/** The file in which a worker says that it serves; the supervisor waits for it. */
export function readyFile(): string | undefined {
  return process.env.PATCHWRIGHT_READY_FILE || undefined;
}

/** The whole environment: for our own workers, which need the secrets that the configuration refers to. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
