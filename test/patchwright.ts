import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readUp } from '../services/data-folder.ts';
import { type Db, openDatabase } from '../store/database.ts';

const MAIN = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

export type Ran = { status: number; stdout: string; stderr: string };

/**
 * A whole Patchwright as a user has it: its own folder and configuration, driven by its command line, in
 * processes of their own. `close` leaves nothing running.
 */
export function patchwrightIn(yaml: (folder: string) => string, extraEnv: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'patchwright-test-'));
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'patchwright.yaml'), yaml(folder));
  const globals = ['--data', join(folder, 'data'), '--config', join(folder, 'patchwright.yaml')];
  const env = { ...process.env, ...extraEnv };
  const callWith = (more: Record<string, string>, ...args: string[]): Promise<Ran> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [MAIN, ...globals, ...args], {
        cwd: folder,
        env: { ...env, ...more },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const ran: Ran = { status: -1, stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const) {
        child[name].setEncoding('utf8').on('data', (text: string) => {
          ran[name] += text;
        });
      }
      child.on('error', reject);
      child.on('close', (status) => resolve({ ...ran, status: status ?? -1 }));
    });
  const call = (...args: string[]) => callWith({}, ...args);
  let up: ChildProcess | undefined;
  let upLog = '';
  let db: Db | undefined;
  return {
    folder,
    data: join(folder, 'data'),
    call,
    /** With further variables, for example a person's token. */
    callWith,
    json: async <T>(...args: string[]): Promise<T> => {
      const ran = await call('--json', ...args);
      if (ran.stdout === '')
        throw new Error(`patchwright ${args.join(' ')} ended with ${ran.status}: ${ran.stderr}\n${upLog}`);
      return JSON.parse(ran.stdout) as T;
    },
    upLog: () => upLog,
    /** The store of the product that runs: looked at often, where the command line would take all of a small machine. */
    store(): Db {
      db ??= openDatabase(readUp(join(folder, 'data'))?.databaseUrl ?? '', { connections: 2 });
      return db;
    },
    /** Starts `up` in the background and waits until it serves. */
    async start() {
      up = spawn(process.execPath, [MAIN, ...globals, 'up'], { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
      up.stderr?.on('data', (chunk: Buffer) => {
        upLog += chunk.toString();
      });
      while (readUp(join(folder, 'data'))?.ready !== true) {
        if (up.exitCode !== null) throw new Error(`up ended with ${up.exitCode}: ${upLog}`);
        await sleep(50);
      }
    },
    async close() {
      await db?.destroy();
      const down = await call('down');
      up?.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      if (down.status !== 0) throw new Error(`down ended with ${down.status}: ${down.stderr}`);
    },
  };
}

export type Patchwright = ReturnType<typeof patchwrightIn>;
