import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { EnvironmentSettings, KafkaEnvironmentSettings } from '../config/environment.ts';
import { startDetached, stateOf, stopDetached } from '../lib/detached.ts';
import { readJsonFile, writeJsonFile } from '../lib/json-file.ts';
import type { TrafficAccount } from '../workflows/types.ts';
import { javaCommand } from './deploy/kafka-node.ts';
import { brokerAddresses, environmentDir, requireCluster } from './deploy/layout.ts';
import { lastLines, settledState, sizeOf } from './deploy/node.ts';
import { createLedger } from './traffic/ledger.ts';
import { type ProgramDeps, trafficClassPath } from './traffic/program.ts';
import { figuresOf, longestUnwritable, readSamples, type TrafficFigures, unobserved } from './traffic/samples.ts';
import type { Ack } from './traffic/segments.ts';

const run = promisify(execFile);

const JVM = [
  '-Xms16m',
  '-Xmx64m',
  '-Xss256k',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:+ExitOnOutOfMemoryError',
];
/** Logs are handed over each tenth of a second, figures each second: after this, the window's end is written down. */
const WRITTEN_DOWN_MS = 1_300;
const FIRST_RECORD_MS = 60_000;
/** A window that nobody closed keeps its logs no longer than this. */
const WINDOW_KEPT_MS = 3 * 24 * 3600_000;

export type TrafficDeps = ProgramDeps & {
  dataDir: string;
  library(name: string): Promise<string>;
};

/** The account, and what it rests on. */
export type WindowAccount = TrafficAccount & {
  fromMs: number;
  toMs: number;
  /** Time in the window in which the traffic did not run: what was not watched proves nothing. */
  unobservedMs: number;
  /** Records that the group did not read and that were then found in the topic itself. */
  foundInTopic: number;
  /** The first of the lost ones: "PARTITION OFFSET RUN SEQUENCE". */
  examples: string[];
};

export type Rate = 'full' | 'trickle';

/** Canary traffic of one environment. Every method is safe to repeat. */
export type Traffic = {
  /** False where the environment has none (plain processes): then nothing was watched, and accounts are zero. */
  observed: boolean;
  /** Starts it or adopts what runs; either was seen at work when this returns, a new run with its first acknowledgement. */
  ensureRunning(): Promise<void>;
  setRate(rate: Rate): Promise<void>;
  /** Marks now as the window's beginning; the first call of a key holds. */
  openWindow(key: string): Promise<void>;
  /**
   * Everything acknowledged from the window's beginning until now: waits up to `waitMs` for the group to
   * have read it all, then looks for the rest in the topic itself. The window stays open.
   *
   * @throws where no such window was opened, or the topic cannot be read (what cannot be seen is not judged)
   */
  account(key: string, options?: { waitMs?: number }): Promise<WindowAccount>;
  /** Lets the window's logs go. */
  closeWindow(key: string): Promise<void>;
  recent(seconds: number): Promise<TrafficFigures>;
  between(fromMs: number, toMs: number): Promise<TrafficFigures>;
  state(): Promise<TrafficState>;
  stop(): Promise<void>;
};

export type TrafficState = { kind: 'running'; pid: number; rate: number } | { kind: 'stopped' };

/** The traffic of an environment that was brought up before. */
export function openTraffic(environment: string, settings: EnvironmentSettings, deps: TrafficDeps): Traffic {
  return settings.system === 'kafka' ? kafkaTraffic(environment, settings, deps) : noTraffic();
}

function kafkaTraffic(environment: string, settings: KafkaEnvironmentSettings, deps: TrafficDeps): Traffic {
  const dir = join(environmentDir(deps.dataDir, environment), 'traffic');
  const windows = join(dir, 'windows');
  mkdirSync(windows, { recursive: true });
  const windowFile = (key: string) =>
    join(windows, `${createHash('sha256').update(key).digest('hex').slice(0, 24)}.json`);
  const rates: Record<Rate, number> = { full: settings.traffic.recordsPerSecond, trickle: settings.traffic.trickle };
  const java = async () => ({
    command: javaCommand(deps.hostEnv),
    classPath: await trafficClassPath(await deps.library(settings.library), deps),
    env: { PATH: deps.hostEnv.PATH ?? '/usr/bin:/bin', LANG: 'C.UTF-8' },
  });
  const startTraffic = async (): Promise<boolean> => {
    const brokers = brokerAddresses(requireCluster(deps.dataDir, environment));
    writeProperties(join(dir, 'traffic.properties'), {
      bootstrap: brokers.join(','),
      topic: settings.traffic.topic,
      partitions: settings.traffic.partitions,
      group: settings.traffic.group,
      replicas: Math.min(3, brokers.length),
    });
    const control = join(dir, 'control.properties');
    if (sizeOf(control) === 0) writeProperties(control, { rate: rates.trickle });
    writeFileSync(join(dir, 'log4j.properties'), log4j(dir));
    const { command, classPath, env } = await java();
    const log = `-Dlog4j.configuration=file:${join(dir, 'log4j.properties')}`;
    const args = [...JVM, log, '-cp', classPath, 'io.patchwright.traffic.Main', 'run', dir];
    return (await startDetached({ dir, command, args, env, cwd: dir })).adopted;
  };

  return {
    observed: true,
    async ensureRunning() {
      // What was killed this moment still looks alive: then it is not seen at work, and started after all.
      for (;;) {
        const began = Date.now();
        const adopted = (await settledState(dir)).kind === 'running' || (await startTraffic());
        if (await seenAtWork(dir, began, adopted ? 0 : 1)) return;
        if (!adopted) throw new Error(`the canary traffic in ${dir} ended at once:\n${whatItSaid(dir)}`);
      }
    },
    async setRate(rate) {
      writeProperties(join(dir, 'control.properties'), { rate: rates[rate] });
    },
    async openWindow(key) {
      if (readJsonFile(windowFile(key)) === undefined) writeJsonFile(windowFile(key), { key, fromMs: Date.now() });
      keepOpenWindows(dir, windows);
    },
    async account(key, { waitMs = 20_000 } = {}) {
      const window = readJsonFile<{ fromMs: number }>(windowFile(key));
      if (!window) throw new Error(`no traffic window ${key} was opened in environment ${environment}`);
      return accountFor(dir, window.fromMs, Date.now(), waitMs, async (unread) => {
        const { command, classPath, env } = await java();
        const brokers = brokerAddresses(requireCluster(deps.dataDir, environment));
        return lookUp(dir, unread, {
          command,
          classPath,
          env,
          bootstrap: brokers.join(','),
          topic: settings.traffic.topic,
        });
      });
    },
    async closeWindow(key) {
      rmSync(windowFile(key), { force: true });
      keepOpenWindows(dir, windows);
    },
    recent: async (seconds) => figuresOf(dir, Date.now() - seconds * 1000, Date.now()),
    between: async (fromMs, toMs) => figuresOf(dir, fromMs, toMs),
    async state() {
      const state = stateOf(dir);
      if (state.kind !== 'running') return { kind: 'stopped' };
      const rate = /^rate=(.+)$/m.exec(readFileSync(join(dir, 'control.properties'), 'utf8'))?.[1];
      return { kind: 'running', pid: state.process.pid, rate: Number(rate ?? 0) };
    },
    async stop() {
      await stopDetached(dir, { graceMs: 10_000 });
    },
  };
}

/** False when the process ended first; throws where it runs and does not get that far. */
async function seenAtWork(dir: string, beganMs: number, acknowledged: number): Promise<boolean> {
  for (;;) {
    if (readSamples(dir, beganMs, Date.now()).some(({ acked }) => acked >= acknowledged)) return true;
    if (stateOf(dir).kind !== 'running') return false;
    if (Date.now() - beganMs > FIRST_RECORD_MS) {
      throw new Error(`the canary traffic in ${dir} gets nothing acknowledged:\n${whatItSaid(dir)}`);
    }
    await sleep(50);
  }
}

function whatItSaid(dir: string): string {
  return `${lastLines(join(dir, 'stderr.log'), 5)}\n${lastLines(join(dir, 'traffic.log'), 5)}`.trim();
}

async function accountFor(
  dir: string,
  fromMs: number,
  toMs: number,
  waitMs: number,
  inTopic: (unread: readonly Ack[]) => Promise<{ found: number; missing: string[]; expired: number }>,
): Promise<WindowAccount> {
  const ledger = createLedger(dir, fromMs, toMs);
  await sleep(WRITTEN_DOWN_MS);
  ledger.advance();
  // With nobody reading there is nothing to wait for.
  while (ledger.unread().length > 0 && Date.now() - toMs < waitMs && stateOf(dir).kind === 'running') {
    await sleep(200);
    ledger.advance();
  }
  const unread = ledger.unread();
  const { found, missing, expired } = unread.length > 0 ? await inTopic(unread) : { found: 0, missing: [], expired: 0 };
  const samples = readSamples(dir, fromMs, toMs + WRITTEN_DOWN_MS);
  return {
    acknowledged: ledger.acknowledged(),
    read: ledger.acknowledged() - unread.length,
    // What the topic no longer keeps cannot be shown to have been there.
    lost: unread.length - found,
    offsetsMovedBack: samples.reduce((sum, { movedBack }) => sum + movedBack, 0),
    longestUnwritableMs: longestUnwritable(samples, fromMs),
    stuckConsumers: new Set(unread.map(({ partition }) => partition)).size,
    fromMs,
    toMs,
    unobservedMs: unobserved(samples, fromMs, toMs),
    foundInTopic: found,
    examples: expired > 0 ? [`${expired} no longer kept by the topic`, ...missing] : missing,
  };
}

type LookUp = { command: string; classPath: string; env: Record<string, string>; bootstrap: string; topic: string };

/** An independent read of the topic, by a process of its own (traffic/Verify.java). */
async function lookUp(dir: string, unread: readonly Ack[], { command, classPath, env, bootstrap, topic }: LookUp) {
  const file = join(dir, `verify.${randomUUID().slice(0, 8)}.txt`);
  writeFileSync(file, unread.map((a) => `${a.partition} ${a.offset} ${a.run} ${a.sequence}\n`).join(''));
  const log = `-Dlog4j.configuration=file:${join(dir, 'log4j.properties')}`;
  const args = [...JVM, log, '-cp', classPath, 'io.patchwright.traffic.Main', 'verify', bootstrap, topic, file];
  try {
    const { stdout } = await run(command, args, { env, cwd: dir, timeout: 180_000 });
    return JSON.parse(stdout) as { found: number; missing: string[]; expired: number };
  } finally {
    rmSync(file, { force: true });
  }
}

/** Tells the traffic from when on it may not remove logs: the oldest open window, and what was read just before. */
function keepOpenWindows(dir: string, windows: string): void {
  const oldest = Date.now() - WINDOW_KEPT_MS;
  const open = readdirSync(windows)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readJsonFile<{ fromMs: number }>(join(windows, name))?.fromMs ?? oldest)
    .filter((fromMs) => fromMs > oldest);
  writeProperties(join(dir, 'keep.properties'), open.length > 0 ? { fromMs: Math.min(...open) - 120_000 } : {});
}

function writeProperties(file: string, values: Record<string, string | number>): void {
  const temporary = `${file}.${randomUUID().slice(0, 8)}.tmp`;
  const lines = Object.entries(values).map(([key, value]) => `${key}=${String(value).replaceAll('\\', '\\\\')}\n`);
  writeFileSync(temporary, lines.join(''));
  renameSync(temporary, file);
}

function log4j(dir: string): string {
  return `log4j.rootLogger=WARN, file
log4j.appender.file=org.apache.log4j.RollingFileAppender
log4j.appender.file.File=${join(dir, 'traffic.log')}
log4j.appender.file.MaxFileSize=2MB
log4j.appender.file.MaxBackupIndex=1
log4j.appender.file.layout=org.apache.log4j.PatternLayout
log4j.appender.file.layout.ConversionPattern=[%d] %p %m (%c)%n
`;
}

/** Plain processes are watched by nothing but their own readiness. */
function noTraffic(): Traffic {
  const nothing = async () => undefined;
  const zero = { offsetsMovedBack: 0, longestUnwritableMs: 0, acknowledged: 0 };
  const figures = { ...zero, seconds: 0, errors: 0, errorKinds: {}, timeouts: 0, lag: 0, stuckPartitions: 0 };
  return {
    observed: false,
    ensureRunning: nothing,
    setRate: nothing,
    openWindow: nothing,
    account: async () => ({
      ...zero,
      read: 0,
      lost: 0,
      stuckConsumers: 0,
      fromMs: 0,
      toMs: 0,
      unobservedMs: 0,
      foundInTopic: 0,
      examples: [],
    }),
    closeWindow: nothing,
    recent: async () => figures,
    between: async () => figures,
    state: async () => ({ kind: 'stopped' }),
    stop: nothing,
  };
}
