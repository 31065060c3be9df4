import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Below the range from which Linux takes the local ports of outgoing connections (32768 and up): a port
 * that is kept for years must not be lost to somebody's client while its broker is down.
 */
const LOWEST = 15_000;
const HIGHEST = 31_999;

/** True when this port could be listened on now. */
export async function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((answer, fail) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') answer(false);
      else fail(error);
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => answer(true)));
  });
}

/** That many different free ports, none of `taken` (what other environments keep, running or not). */
export async function chooseFreePorts(host: string, count: number, taken: ReadonlySet<number>): Promise<number[]> {
  const chosen = new Set<number>();
  for (let attempt = 0; chosen.size < count; attempt += 1) {
    if (attempt > 5_000) throw new Error(`no ${count} free ports between ${LOWEST} and ${HIGHEST} on ${host}`);
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (!taken.has(port) && !chosen.has(port) && (await isFree(host, port))) chosen.add(port);
  }
  return [...chosen];
}

/**
 * Throws where one of the ports is taken, naming port and holder. Another process' names are only
 * readable by root or its owner: then the holder stays unnamed.
 */
export async function requireFreePorts(target: string, host: string, ports: Record<string, number>): Promise<void> {
  for (const [use, port] of Object.entries(ports)) {
    if (await isFree(host, port)) continue;
    throw new Error(
      `cannot start ${target}: its ${use} port ${port} is taken by ${portHolder(port) ?? 'a process that cannot be seen from here'}; end that process, or choose other ports (env down --purge, basePort)`,
    );
  }
}

/** "process 4711 (java -cp …)": who listens on the port. Linux only; undefined where it cannot be told. */
export function portHolder(port: number): string | undefined {
  const inode = listeningInode(port);
  if (inode === undefined) return undefined;
  const socket = `socket:[${inode}]`;
  for (const pid of listOr('/proc')) {
    if (/^\d+$/.test(pid) && holdsFile(pid, socket)) return `process ${pid} (${commandOf(pid)})`;
  }
  return undefined;
}

function listeningInode(port: number): string | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of textOf(table).split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      // 0A: LISTEN.
      if (fields[1]?.endsWith(`:${hex}`) && fields[3] === '0A') return fields[9];
    }
  }
  return undefined;
}

function holdsFile(pid: string, file: string): boolean {
  return listOr(`/proc/${pid}/fd`).some((fd) => readOr(() => readlinkSync(`/proc/${pid}/fd/${fd}`), '') === file);
}

function listOr(folder: string): string[] {
  return readOr(() => readdirSync(folder), []);
}

function commandOf(pid: string): string {
  const command = textOf(`/proc/${pid}/cmdline`).split('\0').join(' ').trim();
  return command.length > 160 ? `${command.slice(0, 160)}…` : command;
}

function textOf(file: string): string {
  return readOr(() => readFileSync(file, 'utf8'), '');
}

function readOr<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (isGoneOrForeign(error)) return otherwise;
    throw error;
  }
}

/** It ended while we looked, or belongs to somebody else, or this is not Linux. */
function isGoneOrForeign(error: unknown): boolean {
  return ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
}
