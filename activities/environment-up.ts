import { Context } from '@temporalio/activity';
import { environmentIn } from '../config/environment-cluster.ts';
import type { Settings } from '../config/schema.ts';
import type { Artifact, Digest } from '../workflows/types.ts';
import { bringUp, type UpResult } from './deploy/environment.ts';
import type { ProvisionDeps } from './deploy/provision.ts';
import { isProvisioned } from './deploy/provision.ts';
import { permanent } from './failures.ts';
import { openTraffic } from './traffic.ts';

export type EnvironmentUpDeps = Omit<ProvisionDeps, 'library'> & {
  settings: (digest: Digest) => Promise<Settings>;
  /** The folder of jars of one named library of those settings. */
  library: (settings: Settings, name: string) => Promise<string>;
  cacheDir: string;
};

export function createEnvironmentUpActivities(deps: EnvironmentUpDeps) {
  return {
    /** Whether every node was laid out before: then no first artifact is needed. */
    async needsInitialBuild({ environment, settings }: { environment: string; settings: Digest }): Promise<boolean> {
      const found = environmentOf(await deps.settings(settings), environment);
      // What the user's own commands reach is there already.
      if (found.system === 'command') return false;
      return found.initial === 'base' && !isProvisioned(environment, deps.dataDir);
    },

    /** Lays out and starts what is missing, adopts what runs, starts the canary traffic. Safe to repeat. */
    async bringEnvironmentUp(order: { environment: string; settings: Digest; initial: Artifact[] }): Promise<UpResult> {
      const context = Context.current();
      const settings = await deps.settings(order.settings);
      const found = environmentOf(settings, order.environment);
      const beat = setInterval(() => context.heartbeat(), 2_000);
      try {
        const library = (name: string) => deps.library(settings, name);
        const nodes = await bringUp(order.environment, found, { ...deps, library }, order.initial);
        if (found.system === 'kafka') {
          await openTraffic(order.environment, found, { ...deps, library }).ensureRunning();
        }
        return nodes;
      } finally {
        clearInterval(beat);
      }
    },
  };
}

export type EnvironmentUpActivities = ReturnType<typeof createEnvironmentUpActivities>;

export function environmentOf(settings: Settings, name: string) {
  const found = environmentIn(settings, name);
  if (found !== undefined) return found;
  const known = Object.keys(settings.environments).join(', ') || 'none';
  throw permanent('UnknownEnvironment', `no environment "${name}" is configured; there are: ${known}`);
}
