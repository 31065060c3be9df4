// Plain JavaScript for Node 20: runs before there is a Node 24 or a node_modules.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const LOWEST_NODE = 24;
const MODULES = join(ROOT, 'node_modules');
// Written when an installation is complete; it holds what was installed.
const STAMP = join(MODULES, '.patchwright-installed');

/**
 * Runs a TypeScript file with Node 24 or newer, after installing what is missing, and ends as
 * it ends. Signals are passed on.
 * @param {string} script path of the file
 * @param {string[]} args
 */
export function runWithNode24(script, args) {
  ensureModules();
  linkOwnCommand();
  const node = findNode();
  const child = spawnNode(node, [script, ...args]);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => fail(`cannot run ${node}: ${error.message}`, 3));
  child.on('exit', (code, signal) => {
    // As a shell tells it; our own handlers are gone by then, so a fatal signal ends us too.
    process.exit(code ?? 128 + (constants.signals[signal] ?? 1));
  });
}

/** @param {string} message @param {number} status @returns {never} */
export function fail(message, status) {
  process.stderr.write(`patchwright: ${message}\n`);
  process.exit(status);
}

/** Installs the packages when there are none, or others than package-lock.json names. Carries on where it was interrupted: npm keeps what it fetched. */
function ensureModules() {
  const lockfile = join(ROOT, 'package-lock.json');
  // A package that npm installed has its dependencies beside it, and no lockfile.
  if (!existsSync(lockfile)) return;
  const wanted = readFileSync(lockfile, 'utf8');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
  if (installedByNpm(lockfile)) {
    writeFileSync(STAMP, wanted);
    return;
  }
  alone(() => {
    if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
    const begun = Date.now();
    process.stderr.write(`patchwright: installing npm packages (npm ci, about 10 s)\n`);
    const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 2],
    });
    if (npm.error) fail(`cannot run npm: ${npm.error.message}. Install npm (it comes with Node), then try again.`, 3);
    if (npm.status !== 0) {
      fail('npm ci failed (its message is above). Once the cause is gone, the same command carries on.', 3);
    }
    mkdirSync(MODULES, { recursive: true });
    writeFileSync(STAMP, wanted);
    process.stderr.write(`patchwright: packages installed in ${((Date.now() - begun) / 1000).toFixed(1)} s\n`);
  });
}

/** True when the user's own npm has installed it: npm writes its hidden lockfile last. The second is for their order within one run. */
function installedByNpm(lockfile) {
  const hidden = join(MODULES, '.package-lock.json');
  return existsSync(hidden) && statSync(hidden).mtimeMs >= statSync(lockfile).mtimeMs - 1_000;
}

/** One installation at a time: two `npm ci` at once delete each other's files. One whose process is gone does not count. */
function alone(work) {
  const lock = join(ROOT, '.npm-ci.lock');
  for (let told = false; !takes(lock); told = true) {
    if (!told) process.stderr.write('patchwright: another process is installing the packages; waiting\n');
    pause(500);
  }
  const unlock = () => rmSync(lock, { force: true });
  process.once('exit', unlock);
  work();
  unlock();
}

function takes(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const holder = Number(readOrNothing(lock));
    // Empty for the moment between its making and its writing.
    if (holder > 0 && !lives(holder)) rmSync(lock, { force: true });
    return false;
  }
  // Another process may have judged the old holder dead at the same time, and removed ours.
  pause(50);
  return readOrNothing(lock) === String(process.pid);
}

function readOrNothing(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

function lives(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

function pause(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** For npm's own `postinstall`: what a start would do, for whoever installs by hand and then types `npx patchwright`. */
export function afterInstall() {
  linkOwnCommand();
}

/** npm links the commands of dependencies, not a package's own: `npx patchwright` in the clone needs it. */
function linkOwnCommand() {
  const link = join(MODULES, '.bin/patchwright');
  if (!existsSync(join(ROOT, 'package-lock.json')) || existsSync(link)) return;
  mkdirSync(dirname(link), { recursive: true });
  try {
    symlinkSync('../../bin/patchwright.js', link);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
}

/** This Node where it is new enough, else the one that npm installed for this platform. */
function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= LOWEST_NODE) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  try {
    const node = join(dirname(createRequire(join(ROOT, 'package.json')).resolve(`${name}/package.json`)), 'bin/node');
    if (existsSync(node)) return node;
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
  }
  return fail(
    `needs Node ${LOWEST_NODE} or newer; this is ${process.version}, and there is no package ${name} installed. ` +
      `Install Node ${LOWEST_NODE} (nodejs.org, or your version manager), or run npm ci without --omit=optional.`,
    3,
  );
}

function spawnNode(node, args) {
  const env = { NODE_COMPILE_CACHE: join(MODULES, '.cache/node-compile'), ...process.env };
  // Killed with -9 we can pass nothing on; the kernel then tells the child to end.
  const [program, ...rest] = endsWithUs('TERM', [node, ...args]);
  return spawn(program, rest, { stdio: 'inherit', env });
}

/** The command so wrapped that the kernel signals it when this process dies, where that is possible. */
function endsWithUs(signal, command) {
  const wrapper = ['setpriv', '--pdeathsig', signal, '--'];
  const works =
    process.platform === 'linux' &&
    spawnSync(wrapper[0], [...wrapper.slice(1), 'true'], { stdio: 'ignore' }).status === 0;
  return works ? [...wrapper, ...command] : command;
}
