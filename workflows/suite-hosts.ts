import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { SuiteOrder, SuiteRunnerActivities } from '../activities/suite-runner.ts';

type Host = ReturnType<typeof hostActivities>;
/** Where one suite run runs. */
export type Place = { order: SuiteOrder; host: Host; slots: number };

/** Every slot takes batch after batch. Says what stopped it where the runner itself cannot work. */
export async function runBatches(
  { order: { suiteRun }, host, slots }: Place,
  phase: 'suite' | 'rerun' | 'culprit',
): Promise<string | undefined> {
  let problem: string | undefined;
  const serve = async (slot: number) => {
    for (let left = 1; left > 0 && problem === undefined; ) {
      const report = await host.runBatch({ suiteRun, slot, phase });
      left = report.left;
      problem ??= report.problem;
    }
  };
  await Promise.all(Array.from({ length: slots }, (_, slot) => serve(slot)));
  return problem;
}

/** The activities of one host. */
export function hostActivities(taskQueue: string) {
  const quick = proxyActivities<SuiteRunnerActivities>({
    taskQueue,
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: '20 seconds',
    retry: { maximumInterval: '10 seconds' },
  });
  const { runBatch } = proxyActivities<SuiteRunnerActivities>({
    taskQueue,
    // Limits of units end what hangs; this only bounds what could hang around them.
    startToCloseTimeout: '14 days',
    // A killed worker is noticed after this; the runner works on meanwhile, so a false alarm costs nothing.
    heartbeatTimeout: '10 seconds',
    // Whoever still follows a runner would start it again when it is ended below.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
  });
  // One by one: the proxy has no keys of its own to spread.
  const { judgeFailures, addSuiteArm, culpritTests, planArmProbe, readArmProbe, saveCulprits } = quick;
  const { finishSuite, endRunners } = quick;
  return {
    runBatch,
    judgeFailures,
    addSuiteArm,
    culpritTests,
    planArmProbe,
    readArmProbe,
    saveCulprits,
    finishSuite,
    endRunners,
  };
}
