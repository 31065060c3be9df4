import { configKeys } from '../../decisions/kafka-config.ts';
import type { Db } from '../../store/database.ts';
import { listReleases } from '../../store/releases.ts';
import { threadOf } from '../../store/thread.ts';
import type { Looks } from '../agent/investigate.ts';
import type { Driver } from '../deploy/driver.ts';
import { readConfigs, readTopic, readTopicNames } from '../health/kafka-config.ts';
import { allFacts } from '../health/system.ts';
import type { Knowledge } from '../ticket/knowledge.ts';

export type LooksDeps = {
  db: Db;
  knowledge?: Knowledge;
  /** Undefined where it was never brought up. */
  driverOf: (settings: Parameters<Looks['status']>[0], environment: string) => Driver | undefined;
};

const NEWEST = 10;
const TOPICS = 300;

/** What an investigation sees beside source. What does not answer is told as such: that is news too. */
export function createLooks({ db, knowledge, driverOf }: LooksDeps): Looks {
  return {
    async knowledge(question) {
      if (knowledge === undefined) return 'there is no knowledge configured';
      const { chunks, enough } = await knowledge.searchKnowledge({ question, audience: [], limit: 6 });
      if (chunks.length === 0) return 'nothing is found';
      const found = chunks.map(({ id, source, path, text }) => `## chunk ${id}: ${source} ${path}\n${text}`);
      return [...(enough ? [] : ['Nothing speaks of it; these share some of its words:']), ...found].join('\n\n');
    },

    stands: async (chunkId, quote) => (await knowledge?.checkCitation({ chunkId, quote })) ?? false,

    async status(settings, environment, resource) {
      const driver = driverOf(settings, environment);
      if (driver === undefined) return `${environment} was never brought up`;
      const targets = await driver.targets();
      const facts = await allFacts(driver);
      const nodes = facts.map(({ name, state }) => `${name}: ${state}`);
      if (settings.environments[environment]?.system !== 'kafka') return nodes.join('\n');
      try {
        if (resource === undefined) {
          const topics = await readTopicNames(targets);
          return [...nodes, `topics: ${topics.slice(0, TOPICS).join(', ')}`].join('\n');
        }
        const { type, name } = resource;
        const values = await readConfigs(targets, resource, configKeys(type));
        if (values === undefined) return `there is no ${type} ${name}`;
        const copies = type === 'topic' ? await readTopic(targets, name) : undefined;
        const head =
          copies && `${copies.partitions} partitions, ${copies.inSync} of ${copies.replicas} replicas in sync`;
        const lines = values.map(
          (value) => `${value.name}=${value.effective ?? ''}${value.own === null ? '' : ' (its own)'}`,
        );
        return [`${type} ${name}`, ...(head === undefined ? [] : [head]), ...lines].join('\n');
      } catch (error) {
        return [...nodes, `the cluster does not answer: ${(error as Error).message}`].join('\n');
      }
    },

    async releases(release) {
      if (release !== undefined) {
        const told = await threadOf(db, release);
        return told.map(({ at, text }) => `${at} ${text}`).join('\n') || `there is no release ${release}`;
      }
      const found = await listReleases(db, { limit: NEWEST });
      const line = ({ id, ref, step, outcome }: (typeof found)[number]) =>
        `${id} ${ref}: ${outcome === null ? step : [outcome.kind, ...('reasons' in outcome ? outcome.reasons : [])].join('; ')}`;
      return found.map(line).join('\n') || 'there is no release yet';
    },
  };
}
