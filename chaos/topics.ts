import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brokerAddresses, requireCluster } from '../activities/deploy/layout.ts';
import { visitAcks } from '../activities/traffic/segments.ts';
import type { KafkaEnvironmentSettings } from '../config/environment.ts';
import type { Settings } from '../config/schema.ts';
import { resolveLibrary } from '../setup/libraries.ts';
import { thisMachine } from '../setup/machine.ts';
import { silent } from '../setup/progress.ts';
import type { World } from './world.ts';

const run = promisify(execFile);
const SOURCE = fileURLToPath(new URL('./java/TopicWitness.java', import.meta.url));
/** What the program needs of the library that the brokers run: the stock clients, never the fork's. */
const NEEDED = /^(kafka-clients|slf4j-api|slf4j-reload4j|reload4j|lz4-java|snappy-java|zstd-jni)-/;
const CATCH_UP_MS = 60_000;

/** What one environment's topic is watched with; its offsets since then. */
export type TopicWatch = {
  environment: string;
  settings: KafkaEnvironmentSettings;
  classPath: string;
  bootstrap: string;
  /** Sentences about committed offsets that moved back. */
  movedBack: string[];
  readings: number;
  stop: () => void;
};

/** Compiles the witness against the library's own clients and watches the committed offsets of every environment. */
export async function watchTopics(world: World, settings: Settings): Promise<TopicWatch[]> {
  const watches: TopicWatch[] = [];
  for (const [environment, found] of Object.entries(settings.environments)) {
    const library = settings.libraries[found.system === 'kafka' ? found.library : ''];
    if (found.system !== 'kafka' || !library) continue;
    const { dir } = await resolveLibrary(library, thisMachine(), silent);
    const jars = readdirSync(dir).filter((jar) => NEEDED.test(jar));
    const classes = join(world.folder, 'witness');
    const classPath = [classes, ...jars.map((jar) => join(dir, jar))].join(':');
    await run('javac', ['--release', '17', '-cp', classPath, '-d', classes, SOURCE], { timeout: 120_000 });
    const bootstrap = brokerAddresses(requireCluster(world.data, environment)).join(',');
    watches.push(watchOffsets({ environment, settings: found, classPath, bootstrap }));
  }
  return watches;
}

function watchOffsets(about: Pick<TopicWatch, 'environment' | 'settings' | 'classPath' | 'bootstrap'>): TopicWatch {
  const { environment, settings, classPath, bootstrap } = about;
  const { topic, group } = settings.traffic;
  const child: ChildProcess = spawn('java', [...jvm(classPath), 'watch', bootstrap, topic, group], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const watch: TopicWatch = { ...about, movedBack: [], readings: 0, stop: () => child.kill('SIGKILL') };
  const furthest = new Map<string, number>();
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.filter((one) => one !== '' && !one.startsWith('!'))) {
      watch.readings += 1;
      for (const word of line.split(' ')) {
        const [partition = '', offset = ''] = word.split('=');
        const before = furthest.get(partition) ?? 0;
        if (Number(offset) < before)
          watch.movedBack.push(`${environment}: partition ${partition} went back from ${before} to ${offset}`);
        furthest.set(partition, Number(offset));
      }
    }
  });
  return watch;
}

export type TopicFigures = { acknowledged: number; found: number; records: number; duplicates: number };

type Proof = TopicFigures & {
  expired: number;
  missing: number;
  examples: string[];
  ends: Record<string, number>;
  committed: Record<string, number>;
};

/**
 * Every record that the traffic wrote down as acknowledged is in the topic, at its offset, once; the group has
 * committed beyond the last of them in every partition; no committed offset was ever seen to move back.
 */
export async function proveTopic(
  world: World,
  watch: TopicWatch,
): Promise<{ problems: string[]; figures: TopicFigures }> {
  const { environment } = watch;
  const last = new Map<string, number>();
  const lines: string[] = [];
  visitAcks(join(world.data, 'env', environment, 'traffic'), world.sinceMs, (ack) => {
    lines.push(`${ack.partition} ${ack.offset} ${ack.run} ${ack.sequence}\n`);
    last.set(String(ack.partition), Math.max(last.get(String(ack.partition)) ?? -1, ack.offset));
  });
  const file = join(world.folder, `acknowledged-${environment}.txt`);
  writeFileSync(file, lines.join(''));
  const deadline = Date.now() + CATCH_UP_MS;
  for (;;) {
    const proof = await readTopic(watch, file);
    const behind = [...last].filter(([partition, offset]) => (proof.committed[partition] ?? 0) <= offset);
    // Commits follow reading after a moment.
    if (behind.length > 0 && Date.now() < deadline) await sleep(1_000);
    else return { problems: judge(watch, proof, behind), figures: proof };
  }
}

function judge(watch: TopicWatch, proof: Proof, behind: [partition: string, offset: number][]): string[] {
  const { environment } = watch;
  const problems = [...watch.movedBack];
  if (proof.acknowledged === 0) problems.push(`${environment}: the traffic had nothing acknowledged`);
  if (proof.missing > 0)
    problems.push(`${environment}: ${proof.missing} acknowledged records are lost: ${proof.examples.join('; ')}`);
  if (proof.expired > 0) problems.push(`${environment}: ${proof.expired} records are no longer kept: not proved`);
  if (proof.duplicates > 0) problems.push(`${environment}: ${proof.duplicates} records are in the topic twice`);
  if (watch.readings === 0) problems.push(`${environment}: the committed offsets were never read`);
  for (const [partition, offset] of behind)
    problems.push(
      `${environment}: the group is stuck in partition ${partition} at ${proof.committed[partition]} of ${offset + 1}`,
    );
  return problems;
}

async function readTopic({ settings, classPath, bootstrap }: TopicWatch, file: string): Promise<Proof> {
  const { topic, group } = settings.traffic;
  const { stdout } = await run('java', [...jvm(classPath), 'prove', bootstrap, topic, group, file], {
    timeout: 300_000,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Proof;
}

function jvm(classPath: string): string[] {
  return ['-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classPath, 'TopicWitness'];
}
