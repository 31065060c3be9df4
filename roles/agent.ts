import { availableParallelism } from 'node:os';
import { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { createAgentActivities } from '../activities/agent.ts';
import { createSettingsReader } from '../activities/settings.ts';
import { requireRuleOfTwo } from '../activities/touches.ts';
import { allowedEnvironment, GIT_ENVIRONMENT } from '../config/env.ts';
import { run } from '../lib/run.ts';
import { common, dataConverter, openSandboxes, type Parts, wakeThread } from './parts.ts';

/** What agents run: commands in sandboxes, as many at once as half of the cores. It holds no secret that it could lose. */
export async function createAgentWorker(parts: Parts): Promise<Worker> {
  const { db, dataDir, artifacts, connection, temporal } = parts;
  const client = new Client({ connection, namespace: temporal.namespace, dataConverter });
  const { sandboxOf } = await openSandboxes(dataDir);
  const git = { run, environment: allowedEnvironment(GIT_ENVIRONMENT), dataDir, settings: createSettingsReader(db) };
  return Worker.create({
    ...common(parts),
    taskQueue: 'patchwright-agent',
    activities: requireRuleOfTwo(
      createAgentActivities({
        ...{ ...git, db, artifacts, sandboxOf, allowedEnvironment },
        wakeThread: wakeThread(client),
      }),
    ),
    maxConcurrentActivityTaskExecutions: Math.max(1, Math.floor(availableParallelism() / 2)),
  });
}
