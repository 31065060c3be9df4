import { Context } from '@temporalio/activity';
import type { EnvironmentSettings } from '../../config/environment.ts';
import { environmentIn } from '../../config/environment-cluster.ts';
import type { RolloutSettings } from '../../config/rollout.ts';
import type { Settings } from '../../config/schema.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';
import type { Db } from '../../store/database.ts';
import type { Digest } from '../../workflows/types.ts';
import { type Driver, openDriver, type TargetFacts } from '../deploy/driver.ts';
import { permanent } from '../failures.ts';
import { openSystem, type System } from '../health/system.ts';
import { openTraffic, type Traffic } from '../traffic.ts';

export type RolloutDeps = {
  db: Db;
  dataDir: string;
  cacheDir: string;
  artifacts: ArtifactStore;
  hostEnv: Readonly<Record<string, string>>;
  settings: (digest: Digest) => Promise<Settings>;
  /** The folder of jars of one named library of those settings. */
  library: (settings: Settings, name: string) => Promise<string>;
};

/** Which roll-out a step belongs to. */
export type RolloutStep = { rollout: string; release: string; environment: string; settings: Digest };

/** Everything that a step acts through, opened anew for each: nothing is remembered between steps. */
export type RolloutContext = {
  db: Db;
  all: Settings;
  settings: EnvironmentSettings;
  rules: RolloutSettings;
  driver: Driver;
  system: System;
  traffic: Traffic;
};

export async function openContext(deps: RolloutDeps, step: RolloutStep): Promise<RolloutContext> {
  const all = await deps.settings(step.settings);
  const settings = environmentIn(all, step.environment);
  if (settings === undefined) {
    const known = Object.keys(all.environments).join(', ') || 'none';
    throw permanent('UnknownEnvironment', `no environment "${step.environment}" is configured; there are: ${known}`);
  }
  const driver = openDriver(step.environment, settings, deps);
  const library = (name: string) => deps.library(all, name);
  return {
    db: deps.db,
    all,
    settings,
    rules: settings.rollout,
    driver,
    system: openSystem(settings, driver),
    traffic: openTraffic(step.environment, settings, { ...deps, library }),
  };
}

/** Heartbeats while something else waits, so that a dead worker is noticed and a cancellation arrives. */
export async function withHeartbeat<T>(work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), 1_000);
  try {
    context.heartbeat();
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** Waits a moment; throws when the activity was cancelled, or its worker is being shut down. */
export const pause = (ms: number) => Context.current().sleep(ms);

/** The files of these facts that the environment's settings let artifacts replace. */
export function placedNames(settings: EnvironmentSettings, target: string): string[] {
  if (settings.system === 'command') return settings.artifacts;
  if (settings.system === 'kafka') return Object.keys(settings.artifacts);
  return Object.keys(settings.targets.find(({ name }) => name === target)?.files ?? {});
}

/** Facts as `decisions/node-change.ts` looks at them. */
export function nodeFacts({ state, pid, startedAt, artifacts, permit }: TargetFacts) {
  return {
    state,
    artifacts,
    ...(pid !== undefined && { pid }),
    ...(startedAt !== undefined && { startedAt }),
    ...(permit && 'ledger' in permit && { startedFor: permit.ledger }),
  };
}

/** The process of a target, as the ledger keeps it. */
export function seenProcess({ state, pid, startedAt }: TargetFacts) {
  return { state, ...(pid !== undefined && { pid }), ...(startedAt !== undefined && { startedAt }) };
}

export const seconds = (fromMs: number) => Math.round((Date.now() - fromMs) / 10) / 100;
