import { revokeLeases } from '../store/suite-hosts.ts';
import { addArm } from '../store/suites.ts';
import type { Build } from '../workflows/types.ts';
import type { SuiteRunnerDeps } from './suite-runner/deps.ts';
import { endRunners, type FinishOrder, finishSuite } from './suite-runner/finish.ts';
import { type WatchOrder, watchHosts } from './suite-runner/hosts.ts';
import {
  culpritTests,
  judgeFailures,
  planArmProbe,
  readArmProbe,
  saveCulprits,
  type TestKey,
} from './suite-runner/judge.ts';
import { prepareSuite, type SuiteOrder } from './suite-runner/prepare.ts';
import { type BatchOrder, runBatch } from './suite-runner/run-batch.ts';

export type { SuiteHost } from '../decisions/host-slots.ts';
export type { SuiteRunnerDeps } from './suite-runner/deps.ts';
export { stopAllRunners } from './suite-runner/finish.ts';
export { hostIdentity, joinHosts, queueOf } from './suite-runner/hosts.ts';
export type { PreparedSuite, SuiteOrder } from './suite-runner/prepare.ts';

/**
 * Everything a suite does outside of its workflow. Results never travel in payloads: they go from the runner's event
 * log to the store, and activities return counts and names.
 */
export function createSuiteRunnerActivities(deps: SuiteRunnerDeps) {
  return {
    /** Plans a suite run, or finds its plan. On any suite worker: it answers with the hosts that are there. */
    prepareSuite: (order: SuiteOrder) => prepareSuite(deps, order),

    /** Answers when hosts have joined or were lost, with those that are there; a lost one's work is free then. */
    watchHosts: (order: WatchOrder) => watchHosts(deps, order),

    /** Takes back what a host cannot run, for others. Safe to repeat. */
    async setHostAside({ suiteRun, host }: { suiteRun: string; host: string }): Promise<void> {
      await revokeLeases(deps.db, suiteRun, host);
    },

    /** One batch on one slot, on the host's own queue. A retry adopts the runner and the batch. */
    runBatch: (order: BatchOrder) => runBatch(deps, order),

    /** Judges what can be judged, plans the reruns that are missing. A retry plans nothing twice. */
    judgeFailures: (order: { suiteRun: string }) => judgeFailures(deps, order.suiteRun),

    /** Makes a built prefix of the stack an arm of the suite run. Safe to repeat. */
    addSuiteArm: ({ suiteRun, arm, build }: { suiteRun: string; arm: string; build: Build }): Promise<void> =>
      addArm(deps.db, suiteRun, arm, build),

    /** Which tests need a culprit. */
    culpritTests: (order: { suiteRun: string; limit: number }) => culpritTests(deps, order.suiteRun, order.limit),
    planArmProbe: (order: { suiteRun: string; arm: string; tests: TestKey[]; runs: number }) =>
      planArmProbe(deps, order),
    readArmProbe: (order: { suiteRun: string; arm: string; tests: TestKey[] }) => readArmProbe(deps, order),
    saveCulprits: (order: Parameters<typeof saveCulprits>[1]) => saveCulprits(deps, order),

    /** Counts and closes a suite run. Safe to repeat. */
    finishSuite: (order: FinishOrder) => finishSuite(deps, order),

    /** Ends the runners of a suite run on this host. Safe to repeat. */
    endRunners: (order: { suiteRun: string }) => endRunners(deps, order.suiteRun),
  };
}

export type SuiteRunnerActivities = ReturnType<typeof createSuiteRunnerActivities>;
