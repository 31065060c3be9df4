import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processEnvironment } from '../config/env.ts';
import { secondData, servingUp, type World } from './world.ts';

const MAIN = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

export type SecondHost = { stop(): Promise<void> };

/** A suite worker with a data folder of its own on the first one's servers, as `up --role suite` runs it elsewhere. */
export async function startSecondHost(world: World): Promise<SecondHost> {
  const first = servingUp(world);
  if (!first) throw new Error('a second host needs the servers of the first');
  const globals = ['--data', secondData(world), '--config', join(world.folder, 'patchwright.yaml')];
  const env = { ...processEnvironment(), TEMPORAL_ADDRESS: first.temporalAddress, DATABASE_URL: first.databaseUrl };
  const run = (...args: string[]) =>
    spawn(process.execPath, [MAIN, ...globals, ...args], {
      cwd: world.folder,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  const up = run('up', '--role', 'suite');
  let said = '';
  up.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-4_000);
  });
  while (servingUp({ data: secondData(world) }) === undefined) {
    if (up.exitCode !== null) throw new Error(`the second host ended with ${up.exitCode}: ${said}`);
    await sleep(50);
  }
  world.say('a second host has joined');
  return {
    async stop() {
      const down = run('down');
      down.stderr.resume();
      await ended(down);
      await ended(up);
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) await sleep(20);
}
