import { Worker } from '@temporalio/worker';
import { cacheDir } from '../config/env.ts';
import { workflowBundle } from '../workflow-bundle.ts';
import { common, type Parts } from './parts.ts';

/** Decides, and does nothing else: no activity of any kind is in this process. */
export async function createWorkflowWorker(parts: Parts): Promise<Worker> {
  return Worker.create({
    ...common(parts),
    taskQueue: 'patchwright',
    workflowBundle: await workflowBundle(cacheDir()),
  });
}
