import { execFile, spawn } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { takeDown } from '../../activities/deploy/environment.ts';
import { readKafka } from '../../activities/health/kafka.ts';
import { openSystem } from '../../activities/health/system.ts';
import { environmentIn } from '../../config/environment-cluster.ts';
import { metadataLevel } from '../../decisions/kafka-rules/metadata-versions.ts';
import { type Fixture, until } from '../../test/rollout/fixture.ts';
import type { Build } from '../../workflows/types.ts';

const run = promisify(execFile);
const STUCK_MEMBER = fileURLToPath(new URL('./java/StuckMember.java', import.meta.url));

/** What a trouble does something to: one environment, and the roll-out that runs through it. */
export type Ground = {
  fixture: Fixture;
  environment: string;
  release: string;
  rollout: string;
  candidate: Build;
  /** A candidate that is harmless too, and another. */
  another(): Promise<Build>;
};

type Place = Pick<Ground, 'fixture' | 'environment'>;

export const snapshot = async ({ fixture, environment }: Place) =>
  readKafka(await fixture.driver(environment).targets(), await fixture.facts(environment));

export async function idOf({ fixture, environment }: Place, node: string): Promise<number> {
  const id = (await fixture.driver(environment).targets()).find(({ name }) => name === node)?.nodeId;
  if (id === undefined) throw new Error(`${node} has no id`);
  return id;
}

/** Nodes that the roll-out has done, and those that it has not begun. */
export async function halves({ fixture, rollout }: Ground): Promise<{ done: string[]; untouched: string[] }> {
  const ledger = (await fixture.ledger(rollout)).filter(({ direction }) => direction === 'forward');
  const named = (state: string) => ledger.filter((entry) => entry.state === state).map(({ target }) => target);
  return { done: named('done'), untouched: named('planned') };
}

export async function signal(place: Place, node: string, how: NodeJS.Signals): Promise<void> {
  const { pid } = await place.fixture.driver(place.environment).facts(node);
  if (pid === undefined) throw new Error(`${node} does not run`);
  process.kill(pid, how);
}

/** Whoever waits has said so, in the words that a person reads. */
export const untilItWaits = ({ fixture, rollout }: Ground, words: string | RegExp): Promise<unknown> =>
  until(`it waits: ${words}`, async () => {
    const { waiting = '' } = await fixture.progress(rollout);
    return typeof words === 'string' ? waiting.includes(words) : words.test(waiting);
  });

/** One of Kafka's own command-line tools, of the library that the brokers run. */
export async function tool({ fixture, environment }: Place, main: string, args: string[]): Promise<void> {
  const bootstrap = await bootstrapOf({ fixture, environment });
  const libraries = join(await fixture.library('kafka-3.6.2'), '*');
  await run('java', ['-cp', libraries, main, '--bootstrap-server', bootstrap, ...args], { timeout: 120_000 });
}

async function bootstrapOf({ fixture, environment }: Place): Promise<string> {
  const targets = await fixture.driver(environment).targets();
  return targets.map(({ host, ports }) => `${host}:${ports.broker}`).join(',');
}

/** As somebody would by hand: no roll-out and no approval of ours knows of it. */
export async function raiseMetadata({ fixture, environment }: Place, name: string): Promise<void> {
  const { levels } = openSystem(environmentIn(fixture.settings, environment)!, fixture.driver(environment));
  const refused = await levels?.raise(metadataLevel(name) ?? 0);
  if (refused !== undefined) throw new Error(`metadata.version stays where it is: ${refused}`);
}

export const createTopic = (place: Place, topic: string, how: string[]) =>
  tool(place, 'kafka.admin.TopicCommand', ['--create', '--topic', topic, ...how]);

export const deleteTopic = (place: Place, topic: string) =>
  tool(place, 'kafka.admin.TopicCommand', ['--delete', '--topic', topic]);

export const configureTopic = (place: Place, topic: string, ...change: string[]) =>
  tool(place, 'kafka.admin.ConfigCommand', ['--alter', '--entity-type', 'topics', '--entity-name', topic, ...change]);

/** Records of a kilobyte, as many as it takes. */
export async function fill(place: Place, topic: string, mebibytes: number): Promise<void> {
  const libraries = join(await place.fixture.library('kafka-3.6.2'), '*');
  const args = ['--bootstrap-server', await bootstrapOf(place), '--topic', topic, '--batch-size', '100000'];
  const producing = run('java', ['-cp', libraries, 'kafka.tools.ConsoleProducer', ...args], { timeout: 120_000 });
  producing.child.stdin!.end(`${'x'.repeat(1023)}\n`.repeat(mebibytes * 1024));
  await producing;
}

/** Moves partition 0 of a topic to other brokers, no faster than `bytesPerSecond`. */
export async function moveTopic(place: Place, topic: string, replicas: number[], bytesPerSecond: number) {
  const plan = await planFile(place, topic, replicas);
  const how = ['--reassignment-json-file', plan, '--throttle', String(bytesPerSecond), '--execute'];
  await tool(place, 'kafka.admin.ReassignPartitionsCommand', how);
}

export async function cancelMove(place: Place, topic: string, replicas: number[]): Promise<void> {
  const plan = await planFile(place, topic, replicas);
  await tool(place, 'kafka.admin.ReassignPartitionsCommand', ['--reassignment-json-file', plan, '--cancel']);
}

async function planFile({ fixture }: Place, topic: string, replicas: number[]): Promise<string> {
  const file = join(fixture.root, `${topic}-${replicas.join('-')}.json`);
  writeFileSync(file, JSON.stringify({ version: 1, partitions: [{ topic, partition: 0, replicas }] }));
  return file;
}

/** A member of the canary's own group that takes its part of the partitions, and reads nothing. Ends with the answer. */
export async function joinAndStick(place: Place, { topic, group }: { topic: string; group: string }) {
  const libraries = join(await place.fixture.library('kafka-3.6.2'), '*');
  const member = spawn('java', ['-cp', libraries, STUCK_MEMBER, await bootstrapOf(place), topic, group], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await new Promise<void>((resolve, reject) => {
    member.stdout.once('data', () => resolve());
    member.once('exit', (code) => reject(new Error(`the member that was to get stuck ended with ${code}`)));
  });
  return async () => {
    const ended = new Promise((resolve) => member.once('exit', resolve));
    member.kill('SIGKILL');
    await ended;
  };
}

/**
 * Puts every node's folder on a disk of its own, so small that it can be filled; needs root. `undo` puts them back.
 * Which node comes first is the roll-out's to say, so that none is left out.
 */
export async function onSmallDisks({ fixture, environment }: Place, mebibytes: number) {
  const targets = await fixture.driver(environment).targets();
  const aside = (dir: string) => `${dir}.aside`;
  // Sparse: a broker's indexes are mostly holes. With their links: a library is no larger than on the disk before.
  const copy = (from: string, to: string) => run('cp', ['-a', '--sparse=always', `${from}/.`, to]);
  const whileDown = async (work: (dir: string) => Promise<void>) => {
    await takeDown(environment, { dataDir: fixture.deps.dataDir });
    for (const { dir } of targets) await work(dir);
    await fixture.up(environment);
    await fixture.traffic(environment).ensureRunning();
  };
  await whileDown(async (dir) => {
    renameSync(dir, aside(dir));
    mkdirSync(dir);
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', dir]);
    await copy(aside(dir), dir);
    rmSync(aside(dir), { recursive: true });
  });
  return {
    fileOn: (node: string) => join(targets.find(({ name }) => name === node)!.dir, 'somebody-else.bin'),
    undo: () =>
      whileDown(async (dir) => {
        mkdirSync(aside(dir));
        await copy(dir, aside(dir));
        await run('umount', [dir]);
        rmSync(dir, { recursive: true });
        renameSync(aside(dir), dir);
      }),
  };
}

/** Until the disk takes no more. */
export async function fillDisk(file: string): Promise<void> {
  await run('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M']).catch((error: Error) => {
    if (!/No space left/.test(error.message)) throw error;
  });
}
