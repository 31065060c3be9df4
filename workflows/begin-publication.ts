import { log, ParentClosePolicy, patched, proxyActivities, startChild } from '@temporalio/workflow';
import type { PublishActivities } from '../activities/publish.ts';
import { publication } from './publication.ts';
import type { ReleaseInput } from './release.ts';
import type { Build } from './types.ts';

const { publishes } = proxyActivities<PublishActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/** Begins to publish what is released, where the fork is published anywhere. Nobody waits for it. */
export async function beginPublication(
  { release, fork, settings, environments }: ReleaseInput,
  n: number,
  { version, commit, artifacts }: Build,
): Promise<void> {
  if (!patched('publish') || !(await publishes({ fork, settings }))) return;
  try {
    await startChild(publication, {
      workflowId: `publication:${release}`,
      args: [{ release, n, fork, settings, version, commit, artifacts, environments }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `${version} is published`,
    });
  } catch (error) {
    if (!(error instanceof Error && error.name === 'WorkflowExecutionAlreadyStartedError')) throw error;
    // Of an attempt before, which waits for its release's last word: it will hear this one.
    log.warn('it is being published already', { release });
  }
}
