import { Context } from '@temporalio/activity';
import type { EnvironmentSettings, KafkaEnvironmentSettings } from '../config/environment.ts';
import { isKafkaCluster } from '../config/environment-cluster.ts';
import type { Settings } from '../config/schema.ts';
import { metadataName } from '../decisions/kafka-rules/metadata-versions.ts';
import { whatToGoBackTo } from '../decisions/rehearsal.ts';
import type { Db } from '../store/database.ts';
import { keepRehearsal } from '../store/rehearsals.ts';
import { buildOf, nameBuild } from '../store/rollout-report.ts';
import type {
  RehearsalFrom,
  RehearsalInput,
  RehearsalOutcome,
  RehearsalPlan,
  Rehearsed,
} from '../workflows/rehearsal-types.ts';
import type { Artifact, Build, Digest } from '../workflows/types.ts';
import { openDriver } from './deploy/driver.ts';
import type { ProvisionDeps } from './deploy/provision.ts';
import { environmentOf } from './environment-up.ts';
import { permanent } from './failures.ts';
import { allFacts, openSystem } from './health/system.ts';
import { goBack } from './rehearsal/go-back.ts';
import { purgeLeftovers } from './rehearsal/leftovers.ts';

export type RehearsalDeps = Omit<ProvisionDeps, 'library'> & {
  db: Db;
  cacheDir: string;
  settings: (digest: Digest) => Promise<Settings>;
  /** The folder of jars of one named library of those settings. */
  library: (settings: Settings, name: string) => Promise<string>;
};

export type GoBack = { fork: string; settings: Digest; from: RehearsalFrom; candidate: Artifact[] };

export function createRehearsalActivities(deps: RehearsalDeps) {
  return {
    /** What runs now in the Kafka environments of a release, to be gone back to. Reads only: safe to repeat. */
    async planRehearsals({ settings: digest, environments, candidate }: RehearsalInput): Promise<RehearsalPlan> {
      const settings = await deps.settings(digest);
      const kafka = environments.filter((name) => environmentOf(settings, name).system === 'kafka');
      const problems = environments.filter((name) => onHosts(environmentOf(settings, name))).map(notThere);
      const runs: Parameters<typeof whatToGoBackTo>[0][number][] = [];
      for (const environment of kafka) {
        const found = await whatRunsIn(deps, settings, environment);
        if (typeof found === 'string') problems.push({ environment, reason: found });
        else runs.push(...found);
      }
      return { from: whatToGoBackTo(runs, placedBy(settings, kafka, candidate)), problems };
    },

    /**
     * Goes there and back on a throw-away cluster (rehearsal/go-back.ts). Safe to repeat: an attempt that died left a
     * cluster of its own, which its guard removes, and the next one begins anew with another.
     */
    async rehearseDowngrade({ fork, settings: digest, from, candidate }: GoBack): Promise<RehearsalOutcome> {
      const context = Context.current();
      const all = await deps.settings(digest);
      const settings = kafkaOf(all, from.environment);
      const rehearsal = all.forks[fork]?.release.rehearsal;
      if (rehearsal === undefined) throw permanent('UnknownFork', `no fork "${fork}" is configured`);
      const { nodes, timeoutMinutes } = rehearsal;
      await purgeLeftovers(deps.dataDir);
      const limitMs = timeoutMinutes * 60_000;
      const late = AbortSignal.timeout(limitMs);
      try {
        return await goBack(
          { ...deps, library: (name) => deps.library(all, name) },
          {
            ...{ settings, from, candidate, nodes, endMs: Date.now() + limitMs + 60_000 },
            signal: AbortSignal.any([context.cancellationSignal, late]),
            doing: (step) => context.heartbeat(step),
          },
        );
      } catch (error) {
        if (!late.aborted || context.cancellationSignal.aborted) throw error;
        return { kind: 'impossible', reasons: [`it was not over after ${timeoutMinutes} minutes`] };
      }
    },

    /** Keeps how it ended, for the report. The last word of a key holds. */
    async recordRehearsal(order: { release: string; n: number; rehearsed: Rehearsed }): Promise<void> {
      await keepRehearsal(deps.db, order);
    },
  };
}

export type RehearsalActivities = ReturnType<typeof createRehearsalActivities>;

const onHosts = (found: EnvironmentSettings) => found.system !== 'kafka' && isKafkaCluster(found);

/** A throw-away cluster needs the whole library of a node, and its properties: commands tell of the artifacts alone. */
const notThere = (environment: string): RehearsalPlan['problems'][number] => ({
  environment,
  reason: 'its nodes are reached by commands, and what they run beside the artifacts is not known here',
});

function kafkaOf(settings: Settings, environment: string): KafkaEnvironmentSettings {
  const found = environmentOf(settings, environment);
  if (found.system === 'kafka') return found;
  throw permanent('BadConfiguration', `environment "${environment}" is no Kafka cluster any more`);
}

/** The candidate's artifacts that any of these environments takes: the others are no part of what runs there. */
function placedBy(settings: Settings, kafka: readonly string[], { artifacts }: Build): Artifact[] {
  const taken = kafka.flatMap((name) => Object.keys(kafkaOf(settings, name).artifacts));
  return artifacts.filter(({ name }) => taken.includes(name));
}

/** Every node's artifacts and the pinned or finalised level, or why nobody can say. */
async function whatRunsIn(deps: RehearsalDeps, all: Settings, environment: string) {
  const settings = kafkaOf(all, environment);
  let facts: Awaited<ReturnType<typeof allFacts>>;
  let level: number | undefined;
  try {
    const driver = openDriver(environment, settings, deps);
    facts = await allFacts(driver);
    level = (await openSystem(settings, driver).levels?.before())?.level;
  } catch (error) {
    return (error as Error).message;
  }
  const changed = facts.flatMap(({ strangers }) => strangers)[0];
  if (changed !== undefined) return changed;
  const metadataVersion = settings.rollout.metadataVersion ?? (level === undefined ? undefined : metadataName(level));
  return Promise.all(
    facts.map(async ({ artifacts }) => ({
      environment,
      nodes: [artifacts],
      name: nameBuild({ artifacts, ...(await buildOf(deps.db, artifacts)) }),
      ...(metadataVersion !== undefined && { metadataVersion }),
    })),
  );
}
