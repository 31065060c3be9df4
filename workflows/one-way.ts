import { executeChild, patched, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { ReversibilityActivities } from '../activities/reversibility.ts';
import { outcomeWords } from '../decisions/approval.ts';
import { needsOneWayApproval, oneWayQuestion } from '../decisions/one-way-approval.ts';
import { afterRehearsals, rehearsalWords } from '../decisions/rehearsal.ts';
import { approval } from './approval.ts';
import { approvalId } from './approval-messages.ts';
import { rehearsal } from './rehearsal.ts';
import type { Rehearsed } from './rehearsal-types.ts';
import type { Cut, ReleaseInput } from './release.ts';
import type { Build } from './types.ts';

const { judgeReversibility, differenceSinceApproved } = proxyActivities<ReversibilityActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 10 },
});

/** `evidence`: what was tried, for whoever is asked. */
export type OneWay = { reasons: string[]; evidence: string[] };

/**
 * Why the old artifact could not be put back, or undefined: of what runs anywhere, from what the patches touch, and from
 * going back on a throw-away cluster where the configuration asks for it.
 */
export async function oneWayReasons(
  { release, fork, settings, environments }: ReleaseInput,
  n: number,
  { cut, candidate }: { cut: Cut; candidate: Build },
  enter: (step: string) => Promise<void>,
): Promise<OneWay | undefined> {
  if (environments.length === 0 || !patched('reversibility')) return undefined;
  const order = { fork, settings, base: cut.base.commit, candidate: cut.candidate.commit };
  const { rehearse, ...judged } = await judgeReversibility(order);
  const rehearsed: Rehearsed[] = [];
  if (rehearse && patched('rehearsal')) {
    await enter('rehearsal');
    const input = { release, n, fork, settings, candidate, environments };
    rehearsed.push(...(await executeChild(rehearsal, { workflowId: `rehearsal:${release}/${n}`, args: [input] })));
  }
  const after = afterRehearsals(judged, rehearsed);
  if (after.kind !== 'one-way') return undefined;
  return { reasons: after.reasons, evidence: rehearsed.map(rehearsalWords) };
}

/** People decide once a candidate, before the second environment. A release that is tried again asks again. */
export async function askForOneWay(
  { release, fork, settings, requestedBy, environments, steered }: ReleaseInput,
  n: number,
  { cut: { base, patches }, candidate, reasons, evidence }: { cut: Cut; candidate: Build } & OneWay,
): Promise<{ approval: string; refusal?: string }> {
  const { commit } = candidate;
  const difference = patched('difference-shown') ? await differenceSinceApproved({ fork, base, commit, reasons }) : [];
  const where = environments.filter((environment) => needsOneWayApproval(environments, environment));
  const { runId } = workflowInfo();
  // A run's id begins with its time: two runs of one hour share the first six characters.
  const run = patched('approval-of-its-run') ? runId.slice(-6) : runId.slice(0, 6);
  const id = `${release}/${n}/one-way/${run}`;
  const question = oneWayQuestion({
    id,
    release,
    candidate,
    reasons,
    settings,
    requestedBy,
    patches,
    environments: where,
    difference,
    evidence,
    ...(steered && { steered }),
  });
  const outcome = await executeChild(approval, {
    workflowId: approvalId(id),
    args: [question],
    staticSummary: question.title,
  });
  if (outcome.kind === 'approved') return { approval: id };
  return { approval: id, refusal: `${question.title} ${outcomeWords(outcome)}` };
}
