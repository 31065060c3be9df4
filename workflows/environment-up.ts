import { ApplicationFailure, proxyActivities } from '@temporalio/workflow';
import type { BuildActivities } from '../activities/build.ts';
import type { EnvironmentUpActivities } from '../activities/environment-up.ts';
import type { GitActivities } from '../activities/git.ts';
import type { Artifact, Digest } from './types.ts';

const taskQueue = 'patchwright-activity';

const { resolveBase } = proxyActivities<GitActivities>({
  taskQueue,
  startToCloseTimeout: '20 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds', maximumAttempts: 5 },
});

const { buildSource } = proxyActivities<BuildActivities>({
  taskQueue,
  startToCloseTimeout: '13 hours',
  heartbeatTimeout: '30 seconds',
  retry: { maximumInterval: '10 seconds', maximumAttempts: 5 },
});

const { needsInitialBuild, bringEnvironmentUp } = proxyActivities<EnvironmentUpActivities>({
  taskQueue,
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '30 seconds',
  // A person waits for `env up`: say soon what does not work.
  retry: { maximumInterval: '5 seconds', maximumAttempts: 4 },
});

export type EnvironmentUpOrder = { environment: string; fork?: string; settings: Digest };

/**
 * Brings an environment up.
 *
 *   1. Where it is new and starts with the fork's base: build the base by the pipeline of every release.
 *   2. Lay out what is missing, adopt what runs, start the rest, and its canary traffic.
 */
export async function environmentUp({ environment, fork, settings }: EnvironmentUpOrder): Promise<string[]> {
  let initial: Artifact[] = [];
  if (await needsInitialBuild({ environment, settings })) {
    if (fork === undefined) {
      throw ApplicationFailure.nonRetryable(
        `no fork is released to ${environment}, so there is no base to start it with; set initial: library`,
      );
    }
    const built = await buildSource({ ...(await resolveBase({ fork, settings })), settings });
    if (built.kind === 'broken') {
      throw ApplicationFailure.nonRetryable(`the base of ${fork} does not build: ${built.reasons.join('; ')}`);
    }
    initial = built.build.artifacts;
  }
  const nodes = await bringEnvironmentUp({ environment, settings, initial });
  return nodes.map(({ name, pid, adopted, seconds }) => {
    const how = adopted ? 'runs already' : `is ready after ${seconds.toFixed(1)} s`;
    return `${name} ${how}${pid === undefined ? '' : ` (process ${pid})`}`;
  });
}
