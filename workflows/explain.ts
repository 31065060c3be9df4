import {
  ActivityFailure,
  ChildWorkflowFailure,
  executeChild,
  isCancellation,
  proxyActivities,
} from '@temporalio/workflow';
import type { AgentActivities, DiagnosisRequest } from '../activities/agent.ts';
import { agentRun } from './agent-run.ts';
import type { DiagnosisSubject } from './agent-types.ts';
import type { Digest } from './types.ts';

const { prepareDiagnosis, diagnosisText } = proxyActivities<AgentActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 10 },
});

/** What is to be explained. `of`: the test, or in words what else; `request`: put together only when it is needed. */
type Asked = {
  run: string;
  release: string;
  about: string;
  of: Pick<DiagnosisSubject, 'unit' | 'test'> | string;
  request: () => Promise<DiagnosisRequest | undefined>;
};

/** `words`: for the thread; `answer`: where one was accepted; `isSpent`: the release's budget pays no other one. */
export type Explanation = { words: string; answer?: Digest; isSpent?: boolean };

/**
 * One explanation by an agent. However it fails, it is a sentence: what it is about is decided without it. Undefined
 * where there is no model, or nothing to explain.
 */
export async function explain(asked: Asked, begins: () => Promise<void>): Promise<Explanation | undefined> {
  const { run, release, about, of } = asked;
  const none = (reason: string) => ({ words: `${about}: no explanation by an agent: ${reason}` });
  try {
    const request = await asked.request();
    if (request === undefined) return undefined;
    const prepared = await prepareDiagnosis(request);
    if (prepared.kind === 'no-model') return undefined;
    if (prepared.kind === 'no-budget') return { ...none(prepared.reason), isSpent: true };
    await begins();
    const { brief, budget } = prepared;
    const { settings, subject } = request;
    const outcome = await executeChild(agentRun, {
      workflowId: `agent:${run}`,
      args: [{ run, role: 'diagnose', release, settings, subject, brief, budget }],
      staticSummary: `diagnoses ${about}`.slice(0, 200),
    });
    if (outcome.kind !== 'answered') return none(`${outcome.reason} (${outcome.spent.turns} turns)`);
    return { words: await diagnosisText(of, outcome.answer), answer: outcome.answer };
  } catch (error) {
    if (isCancellation(error)) throw error;
    if (!(error instanceof ActivityFailure || error instanceof ChildWorkflowFailure)) throw error;
    return none(error.cause?.message ?? error.message);
  }
}
