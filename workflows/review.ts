import { executeChild, proxyActivities } from '@temporalio/workflow';
import type { AgentActivities } from '../activities/agent.ts';
import type { RepairActivities } from '../activities/repair.ts';
import { type ReviewState, reviewState } from '../decisions/review.ts';
import { agentRun } from './agent-run.ts';
import type { AgentSubject, ReviewOf, ReviewRole } from './agent-types.ts';
import type { TestKey } from './proof-types.ts';
import type { Digest } from './types.ts';

const { prepareReview } = proxyActivities<AgentActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 10 },
});

const { readReview } = proxyActivities<RepairActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

const ROLES: readonly ReviewRole[] = ['review-correctness', 'review-blast-radius', 'review-tests'];

export type ReviewOrder = {
  /** Names the runs: kafka-2/1/repair-1. */
  name: string;
  release: string;
  settings: Digest;
  /** `base`: what was held; `candidate`: the same with the change; `patch`: the change. */
  subject: AgentSubject & { patch: Digest };
  /** The patch that it goes into; `also`: of a conflict, those that were resolved before it. */
  original?: { fork: string; commit: string; also?: readonly string[] };
  /** The tests that it is to mend. */
  failed?: { suiteRun: string; tests: TestKey[] };
  /** What it is to mend, and what code has found: nothing of the author's words. */
  what: string;
  /** The message of a ticket's thread that shows what they do. */
  board?: string;
  of: ReviewOf;
};

/** Three reviewers at once, none of whom knows the others or what the author thought. */
export async function review(order: ReviewOrder): Promise<ReviewState> {
  return reviewState(await Promise.all(ROLES.map((role) => reviewAs(order, role))));
}

async function reviewAs(order: ReviewOrder, role: ReviewRole) {
  const { name, release, settings, subject, original, failed, what, of, board } = order;
  const run = `${name}/${role}`;
  const shown = board === undefined ? {} : { board };
  const prepared = await prepareReview({
    run,
    release,
    settings,
    role,
    what,
    patch: subject.patch,
    of,
    ...(original && { original }),
    ...(failed && { failed }),
    ...shown,
  });
  if (prepared.kind !== 'ready') return { by: role, reason: 'reason' in prepared ? prepared.reason : 'no model' };
  const { brief, budget } = prepared;
  const outcome = await executeChild(agentRun, {
    workflowId: `agent:${run}`,
    args: [{ run, role, release, settings, subject, brief, budget, ...shown }],
    staticSummary: `reviews ${name}`.slice(0, 200),
  });
  if (outcome.kind !== 'answered') return { by: role, reason: outcome.reason };
  return { by: role, ...(await readReview({ answer: outcome.answer })) };
}
