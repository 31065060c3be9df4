import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A host of the test's own, reached by commands alone: `node ctl.mjs ACTION TARGET …`, with a detached process a
 * target. It knows nothing of Patchwright; `broken` in a target's folder makes every command fail, as a lost host does.
 */
const CTL = `
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
const [action, target, ...rest] = process.argv.slice(2);
const dir = join(import.meta.dirname, target);
mkdirSync(dir, { recursive: true });
const file = join(dir, 'server.cjs');
const state = join(dir, 'state.json');
const read = () => (existsSync(state) ? JSON.parse(readFileSync(state, 'utf8')) : undefined);
const alive = (pid) => {
  try {
    return !readFileSync('/proc/' + pid + '/stat', 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};
const running = () => read() !== undefined && alive(read().pid);
const sha256 = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');
const artifacts = () => (existsSync(file) ? [{ name: 'server.cjs', sha256: sha256(file) }] : []);
const answers = async () => {
  try {
    return (await (await fetch('http://127.0.0.1:' + read().port)).text()).trim();
  } catch {
    return undefined;
  }
};
const end = async (signal) => {
  if (running()) process.kill(read().pid, signal);
  for (let i = 0; running() && i < 60; i++) await sleep(50);
  if (running()) {
    console.log('it does not end');
    process.exit(5);
  }
};
if (existsSync(join(dir, 'broken'))) {
  console.error('no route to host');
  process.exit(255);
}
appendFileSync(join(dir, 'actions'), action + ' ' + rest.slice(1).join(' ') + '\\n');
switch (action) {
  case 'stop':
    await end('SIGTERM');
    break;
  case 'kill':
    await end('SIGKILL');
    break;
  case 'install':
    copyFileSync(rest[0], file);
    break;
  case 'fetch':
    copyFileSync(file, rest[0]);
    break;
  case 'start': {
    if (running()) break;
    const port = 20000 + Math.floor(Math.random() * 20000);
    const child = spawn(process.execPath, [file, String(port)], { cwd: dir, detached: true, stdio: 'ignore' });
    writeFileSync(state, JSON.stringify({ pid: child.pid, port, token: child.pid + '-' + Date.now() }));
    child.unref();
    break;
  }
  case 'readBack':
    console.log(JSON.stringify({ artifacts: artifacts(), commit: running() ? ((await answers()) ?? '') : '' }));
    break;
  case 'facts': {
    const up = running();
    const ready = up && (await answers()) !== undefined;
    console.log(JSON.stringify({ running: up, artifacts: artifacts(), ...(up && { ready, restartToken: read().token }) }));
    break;
  }
}
`;

/** Writes the commands into `folder`, and says how an environment names them. */
export function commandDriver(folder: string) {
  const ctl = join(folder, 'ctl.mjs');
  writeFileSync(ctl, CTL);
  const command = (action: string, ...more: string[]) => ({
    run: [process.execPath, ctl, action, '{host}', ...more],
    timeoutSeconds: 20,
  });
  return {
    kind: 'command',
    stop: command('stop'),
    kill: command('kill'),
    install: command('install', '{file}', '{version}', '{commit}'),
    fetch: command('fetch', '{file}'),
    start: command('start'),
    readBack: command('readBack'),
    facts: command('facts'),
  };
}
