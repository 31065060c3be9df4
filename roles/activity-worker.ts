import { Worker } from '@temporalio/worker';
import { outlineOpenCandidates } from '../activities/agent/outlines.ts';
import { collectCopies } from '../activities/publish.ts';
import { collect, hourly } from '../activities/retention.ts';
import { requireRuleOfTwo } from '../activities/touches.ts';
import { createActivities, createKnowledge } from './activity.ts';
import { common, gitTools, openSandboxes, type Parts } from './parts.ts';

/** Everything that a release and a ticket need, and what is done every hour. */
export async function createActivityWorker(parts: Parts): Promise<Worker> {
  const knowledge = createKnowledge(parts);
  parts.onEnd(hourly('knowledge', knowledge.refreshKnowledge));
  parts.onEnd(hourly('what nobody needs', () => collect({ ...parts, retention: parts.settings.retention })));
  parts.onEnd(hourly('copies to publish', async () => collectCopies(parts.dataDir)));
  parts.onEnd(hourly('outlines', () => outlineOpenCandidates({ ...parts, ...gitTools() })));
  return Worker.create({
    ...common(parts),
    taskQueue: 'patchwright-activity',
    activities: requireRuleOfTwo({
      ...createActivities(parts, await openSandboxes(parts.dataDir), knowledge),
      ...knowledge,
    }),
    maxConcurrentActivityTaskExecutions: 50,
  });
}
