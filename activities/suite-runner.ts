import { revokeLeases } from '../store/suite-hosts.ts';
import { addArm } from '../store/suites.ts';
import type { Build } from '../workflows/types.ts';
import {
  type ArmProbe,
  type Culprit,
  culpritState,
  judgeAgainst,
  lackedByBase,
  markArm,
  planArmProbe,
  saveCulprits,
} from './suite-runner/culprit.ts';
import type { SuiteRunnerDeps } from './suite-runner/deps.ts';
import { endRunners, type FinishOrder, finishSuite } from './suite-runner/finish.ts';
import { type WatchOrder, watchHosts } from './suite-runner/hosts.ts';
import { type JudgeOrder, judgeFailures } from './suite-runner/judge.ts';
import type { TestKey } from './suite-runner/judge-case.ts';
import { writeDifferences } from './suite-runner/log-differences.ts';
import { prepareSuite, type SuiteOrder } from './suite-runner/prepare.ts';
import { type ProofPlan, prepareProof, readProof } from './suite-runner/proof.ts';
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
    judgeFailures: (order: JudgeOrder) => judgeFailures(deps, order),

    /** Tests that the base lacks, as far as no other build stands for it yet, and the fork's last released candidate. */
    lackedByBase: (order: { suiteRun: string }) => lackedByBase(deps, order.suiteRun),

    /** Lets another arm stand for the base of tests that the base lacks; they are judged anew. Safe to repeat. */
    judgeAgainst: (order: { suiteRun: string; arm: string; tests: TestKey[] }) => judgeAgainst(deps, order),

    /** Keeps with each verdict what the failing log says and the base's logs do not. Safe to repeat. */
    writeDifferences: (order: { suiteRun: string }) => writeDifferences(deps, order.suiteRun),

    /** Makes a built prefix of the stack an arm of the suite run. Safe to repeat. */
    addSuiteArm: ({ suiteRun, arm, build }: { suiteRun: string; arm: string; build: Build }): Promise<void> =>
      addArm(deps.db, suiteRun, arm, build),

    /** Which tests need a culprit, and what every stack that was tried says of them. */
    culpritState: (order: { suiteRun: string; limit: number }) => culpritState(deps, order),
    /** Plans runs of tests on one more arm, up to so many in all. Safe to repeat. */
    planArmProbe: (order: ArmProbe) => planArmProbe(deps, order),
    /** Keeps that an arm cannot be run. Safe to repeat. */
    markArm: (order: Parameters<typeof markArm>[1]) => markArm(deps, order),
    /** Names the culprits. Safe to repeat. */
    saveCulprits: (order: { suiteRun: string; culprits: Culprit[] }) => saveCulprits(deps, order),

    /** Plans the runs that prove a change; answers with the hosts that are there. Safe to repeat. */
    prepareProof: (order: ProofPlan) => prepareProof(deps, order),
    /** What those runs said. Safe to repeat. */
    readProof: (order: { suiteRun: string; tests: TestKey[]; named?: boolean }) => readProof(deps, order),

    /** Counts and closes a suite run. Safe to repeat. */
    finishSuite: (order: FinishOrder) => finishSuite(deps, order),

    /** Ends the runners of a suite run on this host. Safe to repeat. */
    endRunners: (order: { suiteRun: string }) => endRunners(deps, order.suiteRun),
  };
}

export type SuiteRunnerActivities = ReturnType<typeof createSuiteRunnerActivities>;
