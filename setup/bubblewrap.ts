import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ExitError } from '../lib/exit-error.ts';
import { isProgram, type Machine, onPath } from './machine.ts';
import type { Progress } from './progress.ts';
import { runToEnd } from './run.ts';
import { alone } from './setup-lock.ts';
import { isOlder } from './tools.ts';

const STEP = 'bubblewrap';
// The first with --disable-userns, without which the inside makes namespaces of its own.
const LOWEST = [0, 8];

export interface Bubblewrap {
  path: string;
  version: string;
  from: 'path' | 'cache';
}

/** What to type to get it. */
export const HOW_TO_GET_BUBBLEWRAP =
  'patchwright doctor --fix (Debian, Ubuntu), or install the package bubblewrap (0.8 or newer) of your system';

/** bubblewrap on the PATH or in the cache, without fetching anything; else why not. */
export async function findBubblewrap(machine: Machine): Promise<Bubblewrap | { missing: string[] }> {
  if (process.platform !== 'linux') return { missing: [`bubblewrap is for Linux; this is ${process.platform}`] };
  const missing: string[] = [];
  const candidates = [
    ['path', onPath(machine, 'bwrap')],
    ['cache', cachedBinary(machine)],
  ] as const;
  for (const [from, path] of candidates) {
    if (path === undefined || !isProgram(path)) {
      missing.push(from === 'path' ? 'there is no bwrap on the PATH' : `the cache: ${path} does not exist`);
      continue;
    }
    const version = await versionOf(path);
    if (version !== undefined && !isOlder(version, LOWEST)) return { path, version, from };
    missing.push(`${path} is ${version ?? 'something else'}; ${LOWEST.join('.')} or newer is needed`);
  }
  return { missing };
}

/**
 * bubblewrap, in this order: the PATH, the cache, `apt-get install` where we are root, the
 * unpacked Debian package in the cache. Safe to repeat.
 *
 * @throws one error that names every way that was tried.
 */
export async function ensureBubblewrap(machine: Machine, progress: Progress): Promise<Bubblewrap> {
  const found = await findBubblewrap(machine);
  if (!('missing' in found)) return found;
  return alone(machine, STEP, progress, async () => {
    const again = await findBubblewrap(machine);
    if (!('missing' in again)) return again;
    const tried = [...again.missing];
    for (const way of process.platform === 'linux' ? [byInstall, byDownload] : []) {
      const problem = await way(machine, progress);
      const now = problem === undefined ? await findBubblewrap(machine) : { missing: [problem] };
      if (!('missing' in now)) return now;
      tried.push(...now.missing);
    }
    const list = tried.map((line, index) => `  ${index + 1}. ${line}`).join('\n');
    throw new ExitError(3, `there is no bubblewrap, and no way led to one:\n${list}\nGet it: ${HOW_TO_GET_BUBBLEWRAP}`);
  });
}

/** Whether one of the ways is open here: as root by installing, else by unpacking Debian's package. */
export function canFetchBubblewrap(machine: Machine): boolean {
  if (process.platform !== 'linux' || onPath(machine, 'apt-get') === undefined) return false;
  return process.getuid?.() === 0 || onPath(machine, 'dpkg-deb') !== undefined;
}

/** Where an unpacked package is kept. */
export function cachedBinary(machine: Machine): string {
  return join(machine.cacheDir, 'bubblewrap', 'usr/bin/bwrap');
}

async function versionOf(path: string): Promise<string | undefined> {
  const options = { cwd: '/', env: {}, what: 'ask bubblewrap for its version', mayFail: true };
  const { stdout } = await runToEnd(path, ['--version'], options);
  return /bubblewrap (\d[\d.]*)/.exec(stdout)?.[1];
}

async function byInstall(machine: Machine, progress: Progress): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'apt-get install: this is not root';
  const apt = onPath(machine, 'apt-get');
  if (apt === undefined) return 'apt-get install: there is no apt-get';
  progress(STEP, 'installing the system package');
  const env = { ...machine.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () =>
    runToEnd(apt, ['install', '-y', '--no-install-recommends', 'bubblewrap'], {
      cwd: '/',
      env,
      what: 'install bubblewrap',
      mayFail: true,
    });
  let result = await install();
  if (result.exitCode !== 0) {
    // A fresh image has no package lists.
    await runToEnd(apt, ['update'], { cwd: '/', env, what: 'update the package lists', mayFail: true });
    result = await install();
  }
  return result.exitCode === 0 ? undefined : `apt-get install: ${lastLine(result.output)}`;
}

async function byDownload(machine: Machine, progress: Progress): Promise<string | undefined> {
  const apt = onPath(machine, 'apt-get');
  const dpkg = onPath(machine, 'dpkg-deb');
  if (apt === undefined || dpkg === undefined) return 'apt-get download: there is no apt-get or dpkg-deb';
  const folder = join(machine.cacheDir, `bubblewrap.${randomUUID()}.part`);
  mkdirSync(folder, { recursive: true });
  try {
    progress(STEP, 'unpacking the system package into the cache');
    const options = { cwd: folder, env: machine.env, what: 'download bubblewrap', mayFail: true };
    const download = await runToEnd(apt, ['download', 'bubblewrap'], options);
    const deb = readdirSync(folder).find((name) => name.endsWith('.deb'));
    if (deb === undefined) return `apt-get download: ${lastLine(download.output)}`;
    const unpacked = await runToEnd(dpkg, ['-x', deb, 'root'], { ...options, what: 'unpack bubblewrap' });
    if (unpacked.exitCode !== 0) return `dpkg-deb: ${lastLine(unpacked.output)}`;
    const target = dirname(dirname(dirname(cachedBinary(machine))));
    if (existsSync(target)) rmSync(target, { recursive: true });
    renameSync(join(folder, 'root'), target);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1)?.slice(0, 300) ?? 'no output';
}
