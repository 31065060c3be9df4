import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CancelledFailure, Context } from '@temporalio/activity';
import { stopDetached } from '../../lib/detached.ts';
import { pollWithHeartbeat } from '../heartbeat.ts';
import { type JobResult, jobState, type SandboxJob, startJob } from '../sandbox/job.ts';
import { endOf } from '../sandbox/log.ts';

const LOOK_MS = 100;
const GRACE_MS = 5_000;

/**
 * Brings the job of this folder to its end: one that runs, or has ended while nobody was there to see it, is taken over
 * as it is. A cancelled one is ended here; a worker that dies leaves it to the next one.
 *
 * @throws where its runner was killed; the folder is gone then, and the next attempt begins anew.
 */
export async function runJob(dir: string, what: string, job: () => Promise<SandboxJob>): Promise<JobResult> {
  const before = jobState(dir).kind;
  if (before === 'none' || before === 'killed') {
    await rm(dir, { recursive: true, force: true });
    await startJob(dir, await job());
  }
  try {
    return await pollWithHeartbeat(LOOK_MS, async () => {
      const now = jobState(dir);
      if (now.kind === 'ended') return now.result;
      if (now.kind === 'running') return undefined;
      const words = endOf(join(dir, 'stderr.log'), 2_000).trim();
      await rm(dir, { recursive: true, force: true });
      throw new Error(`${what} was killed; it is started again${words === '' ? '' : ` (${words})`}`);
    });
  } catch (error) {
    if (error instanceof CancelledFailure && Context.current().cancellationSignal.aborted) {
      await stopDetached(dir, { graceMs: GRACE_MS });
    }
    throw error;
  }
}
