import { CancellationScope, proxyActivities } from '@temporalio/workflow';
import type { SuiteOrder, SuiteRunnerActivities } from '../activities/suite-runner.ts';
import { findCulprits } from './suite-culprits.ts';
import { hostActivities, type Place, runBatches } from './suite-hosts.ts';
import { judge } from './suite-judging.ts';
import type { SuiteOutcome } from './types.ts';

export type { SuiteOrder } from '../activities/suite-runner.ts';

/** Any suite worker may plan: it answers with the queue of its host, where the jars and the runners are. */
const { prepareSuite } = proxyActivities<SuiteRunnerActivities>({
  taskQueue: 'patchwright-suite',
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds' },
});

/**
 * Runs one suite on one candidate.
 *
 *   1. Plan: the units, longest first by history. What cannot be planned ends the suite here.
 *   2. Run: every slot takes batch after batch until none is left.
 *   3. Judge each failure by controlled reruns on candidate and base, in rounds, until it has a verdict.
 *   4. For what the patches broke, find the patch.
 *   5. Count what ran, from the records; end the runners, however it went.
 */
export async function suite(order: SuiteOrder): Promise<SuiteOutcome> {
  const { suiteRun, suite: name } = order;
  const plan = await prepareSuite(order);
  const host = hostActivities(plan.queue);
  if (plan.kind === 'unplannable') return host.finishSuite({ suiteRun, suite: name, problem: plan.reason });

  const place: Place = { order, host, slots: plan.slots };
  try {
    const problem = (await runBatches(place, 'suite')) ?? (await judge(place));
    if (problem === undefined) await findCulprits(place);
    return await host.finishSuite({ suiteRun, suite: name, ...(problem === undefined ? {} : { problem }) });
  } finally {
    await CancellationScope.nonCancellable(() => host.endRunners({ suiteRun }));
  }
}
