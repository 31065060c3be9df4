import type { Settings } from '../../config/schema.ts';
import { durationWords } from '../../decisions/duration-words.ts';
import { configKeys } from '../../decisions/kafka-config.ts';
import { oneLine } from '../../lib/plain-text.ts';
import { withinTime } from '../../lib/time-limit.ts';
import type { Db } from '../../store/database.ts';
import { nameBuild, whatRuns } from '../../store/rollout-report.ts';
import type { ConfigResource } from '../../workflows/fix-types.ts';
import type { Driver, TargetInfo } from '../deploy/driver.ts';
import { environmentOf } from '../environment-up.ts';
import { readConfigs, readTopic } from './kafka-config.ts';
import { readLag } from './kafka-groups.ts';
import { openSystem } from './system.ts';

/** Longer than any of its requests may take; whoever asks has waited for long enough then. */
const LIMIT_MS = 12_000;

export type StatusDeps = {
  db: Db;
  /** Undefined where it was never brought up. */
  driverOf: (settings: Settings, environment: string) => Driver | undefined;
};

/** What one may ask for by name; of a group how far it is behind. */
export type Resource = { type: ConfigResource['type'] | 'group'; name: string };
export type LogOf = { node: string; containing?: string };
export type LiveStatus = ReturnType<typeof createLiveStatus>;

/**
 * How environments stand now, asked of themselves: of the brokers' admin interface, as the rules of a roll-out ask it,
 * of figures, processes and their logs. Reads only. What does not answer is told in so many words, with what the store last read
 * and how long ago; it is never an error.
 */
export function createLiveStatus({ db, driverOf }: StatusDeps) {
  async function ask(
    settings: Settings,
    environment: string,
    look: (driver: Driver) => Promise<{ lines: string[]; whole: boolean }>,
  ): Promise<string> {
    const askedAt = new Date();
    try {
      const driver = driverOf(settings, environment);
      if (driver === undefined) return `${environment} was never brought up`;
      const { lines, whole } = await withinTime(LIMIT_MS, `${environment} did not answer`, look(driver));
      const stored = whole ? [] : await lastRead(db, environment, askedAt);
      return [`${environment}, asked at ${askedAt.toISOString()}:`, ...lines, ...stored].join('\n');
    } catch (error) {
      const reason = oneLine((error as Error).message, 300);
      const head = `${environment}, asked at ${askedAt.toISOString()}: NO ANSWER: ${reason}`;
      return [head, ...(await lastRead(db, environment, askedAt))].join('\n');
    }
  }

  const system = async (settings: Settings, environment: string, driver: Driver) =>
    openSystem(environmentOf(settings, environment), driver).status();

  return {
    /** Nodes, quorum and what is wrong, without names of topics: some 100 characters a node. */
    brief: (settings: Settings, environment: string) =>
      ask(settings, environment, async (driver) => system(settings, environment, driver)),

    /** The same with every topic; or the configuration of one topic or broker, or the lag of a group. */
    whole: (settings: Settings, environment: string, resource?: Resource) =>
      ask(settings, environment, async (driver) => {
        if (resource !== undefined && environmentOf(settings, environment).system === 'kafka')
          return { lines: await resourceLines(await driver.targets(), resource), whole: true };
        const { lines, more, whole } = await system(settings, environment, driver);
        return { lines: [...lines, ...more], whole };
      }),

    /** Beginning and end of what a node logged; with `containing` the lines that have these words, in any case. */
    log: (settings: Settings, environment: string, { node, containing = '' }: LogOf) =>
      ask(settings, environment, async (driver) => {
        const names = (await driver.targets()).map(({ name }) => name);
        if (!names.includes(node))
          return { lines: [`there is no such node; there are: ${names.join(', ')}`], whole: true };
        if (driver.logs === undefined)
          return { lines: ['its logs are elsewhere: they cannot be read from here'], whole: true };
        return { lines: logLines(await driver.logs(node), containing), whole: true };
      }),
  };
}

/** A name of a file stays above its lines. */
function logLines(text: string, containing: string): string[] {
  const wanted = containing.toLowerCase();
  const lines = text.split('\n').filter((line) => line.startsWith('## ') || line.toLowerCase().includes(wanted));
  return lines.some((line) => line !== '') ? lines : ['it has logged nothing'];
}

/** A name is told back only where the cluster has it: an agent could ask for words, and quote the answer. */
async function resourceLines(targets: TargetInfo[], { type, name }: Resource): Promise<string[]> {
  if (type === 'group') {
    const lag = await readLag(targets, name);
    return [lag === undefined ? 'the group has committed nothing' : `the group lags by ${lag} records`];
  }
  const values = await readConfigs(targets, { type, name }, configKeys(type));
  if (values === undefined) return [`there is no such ${type}`];
  const copies = type === 'topic' ? await readTopic(targets, name) : undefined;
  const head = copies && `${copies.partitions} partitions, ${copies.inSync} of ${copies.replicas} replicas in sync`;
  return [
    `${type} ${name}`,
    ...(head === undefined ? [] : [head]),
    ...values.map((value) => `${value.name}=${value.effective ?? ''}${value.own === null ? '' : ' (its own)'}`),
  ];
}

/** What the store knows of it, and since when: not how it is now. */
async function lastRead(db: Db, environment: string, now: Date): Promise<string[]> {
  const targets = await whatRuns(db, environment);
  if (targets.length === 0) return ['the store has never read anything back from it'];
  return [
    'what was last read back of it, which may be otherwise by now:',
    ...targets.map((target) => {
      const age = durationWords((now.getTime() - Date.parse(target.since)) / 1_000);
      return `${target.target}: ${nameBuild(target)}, read ${age} ago`;
    }),
  ];
}
