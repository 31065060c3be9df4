import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../lib/process-identity.ts';
import type { Report } from '../report/report.ts';
import { readUp, type UpState } from '../services/data-folder.ts';
import { type Patchwright, patchwrightIn, type Ran } from '../test/patchwright.ts';
import { type SlackServer, startSlackServer } from '../test/servers/slack.ts';
import type { Ground } from './ground.ts';
import type { Kill } from './kill.ts';
import { processesOf } from './process-table.ts';
import { type Witness, watchLaunches } from './witness.ts';

export type Say = (line: string) => void;

/** A whole Patchwright in a folder of its own, a Slack that this process keeps, and an eye on the process table. */
export type World = {
  ground: Ground;
  folder: string;
  data: string;
  patchwright: Patchwright;
  slack: SlackServer;
  witness: Witness;
  /** Everything that was killed so far. */
  kills: Kill[];
  /** How often `env up` has started a node again, by `<environment>/<node>`. */
  broughtBack: Map<string, number>;
  /** When the run began. */
  sinceMs: number;
  say: Say;
};

/** What a command needs at most to find everything in the middle of its recovery. */
const COMMAND_TRIES = 12;

/** Repository, `up` and environments, ready for the first release. */
export async function openWorld(ground: Ground, say: Say): Promise<World> {
  const slack = await startSlackServer();
  const place = (folder: string) => ({
    url: slack.url,
    channel: slack.channel,
    tokenFile: join(folder, 'slack.token'),
  });
  const patchwright = patchwrightIn((folder) => ground.yaml(folder, place(folder)));
  const { folder, data } = patchwright;
  const world: World = {
    ...{ ground, folder, data, patchwright, slack, say },
    witness: watchLaunches(folder),
    kills: [],
    broughtBack: new Map(),
    sinceMs: Date.now(),
  };
  try {
    writeFileSync(join(folder, 'slack.token'), slack.token, { mode: 0o600 });
    await ground.prepare(folder, say);
    await patchwright.start();
    say(`up in ${folder}`);
    await Promise.all(ground.environments.map((name) => persistently(world, 'env', 'up', name)));
    say(`${ground.environments.join(' and ')} run`);
    return world;
  } catch (error) {
    throw await closeWorld(world).then(
      () => error,
      (second) => new AggregateError([error, second], `${(error as Error).message}\n${(second as Error).message}`),
    );
  }
}

/** Ends everything and says what still ran after that. Keeps the logs where `keepIn` is given. */
export async function closeWorld(world: World, keepIn?: string): Promise<string[]> {
  const { patchwright, witness, slack, folder } = world;
  witness.stop();
  try {
    if (keepIn !== undefined) keepLogs(world, keepIn);
  } finally {
    await patchwright.close().finally(() => slack.stop());
  }
  for (let tries = 0; processesOf(folder).length > 0 && tries < 20; tries += 1) await sleep(250);
  return processesOf(folder).map(({ pid, argv }) => `process ${pid} still runs: ${argv.join(' ').slice(0, 200)}`);
}

function keepLogs({ data, patchwright }: World, keepIn: string): void {
  for (const room of ['logs', 'runs', 'roles']) {
    const isWanted = (file: string) => !/\/(arms|socket)(\/|$)/.test(file);
    if (existsSync(join(data, room)))
      cpSync(join(data, room), join(keepIn, room), { recursive: true, filter: isWanted });
  }
  writeFileSync(join(keepIn, 'up.log'), patchwright.upLog());
}

/** A command as a person would run it: again, where what it needs was just killed. */
export async function persistently(world: World, ...args: string[]): Promise<Ran> {
  for (let tries = 1; ; tries += 1) {
    const ran = await world.patchwright.call(...args);
    if (ran.status === 0) return ran;
    // 1 is an answer; everything else may be the chaos.
    if (ran.status === 1 || tries >= COMMAND_TRIES) {
      throw new Error(`patchwright ${args.join(' ')} ended with ${ran.status}: ${ran.stderr.slice(-2_000)}`);
    }
    await sleep(1_000);
  }
}

export async function reportOf(world: World, release: string): Promise<Report> {
  return JSON.parse((await persistently(world, '--json', 'report', release)).stdout) as Report;
}

/** The `up` that runs and serves, or undefined while it does not. */
export function servingUp({ data }: Pick<World, 'data'>): UpState | undefined {
  const up = readUp(data);
  return up?.ready && isAlive(up) ? up : undefined;
}

/** The data folder of a second host, where there is one. */
export const secondData = ({ folder }: Pick<World, 'folder'>) => join(folder, 'second');
