import {
  ActivityFailure,
  type ActivityOptions,
  type ChildWorkflowHandle,
  getExternalWorkflowHandle,
  patched,
  proxyActivities,
  sleep,
  startChild,
} from '@temporalio/workflow';
import type { AgentActivities } from '../activities/agent.ts';
import type { FixActivities, FixStep } from '../activities/fixes.ts';
import type { MemoryActivities } from '../activities/memory.ts';
import { fixQuestion, targetWords } from '../decisions/fix.ts';
import { endingOf } from '../decisions/ticket-words.ts';
import type { Proposal } from './agent-types.ts';
import { approval } from './approval.ts';
import { approvalId, withdrawApproval } from './approval-messages.ts';
import type { ApprovalOutcome } from './approval-types.ts';
import type { FixChange, FixEvidence, FixOrder, FixPlan, Shown } from './fix-types.ts';
import { ticketProgress, ticketWorkflowId } from './ticket-messages.ts';
import type { TicketProgress } from './ticket-types.ts';

/** The steps that every fix has. */

const often = { maximumInterval: '30 seconds', maximumAttempts: 10 } as const;
const common: ActivityOptions = { taskQueue: 'patchwright-activity', heartbeatTimeout: '20 seconds', retry: often };

export const steps = proxyActivities<FixActivities>({ ...common, startToCloseTimeout: '20 minutes' });
// It runs checks in the sandbox, before and after.
export const { proveFix, verifyFix } = proxyActivities<FixActivities>({
  ...common,
  startToCloseTimeout: '1 hour',
  retry: { maximumInterval: '10 seconds', maximumAttempts: 4 },
});
// What was begun is brought to an end: nobody may be left with half of it.
export const { applyFix, undoFix } = proxyActivities<FixActivities>({
  ...common,
  startToCloseTimeout: '20 minutes',
  retry: { maximumInterval: '1 minute', maximumAttempts: 30 },
});
// What was learnt is worth a few tries, and no fix fails by it.
export const memory = proxyActivities<MemoryActivities>({
  ...common,
  startToCloseTimeout: '5 minutes',
  retry: { maximumInterval: '10 seconds', maximumAttempts: 5 },
});
export const agents = proxyActivities<AgentActivities>({ ...common, startToCloseTimeout: '5 minutes' });

/** A change that holds, with all that whoever decides is to know of it. */
export type Proposed = {
  run: string;
  plan: FixPlan;
  change: FixChange;
  /** What its author handed in, where files were changed. */
  proposal?: Proposal | undefined;
  evidence: FixEvidence;
  /** None where all was shown that there is to show. */
  shown?: Shown;
  remarks: string[];
  /** What reviewers asked themselves and tried. */
  asides: string[];
  words: string;
};

export const stepOf = ({ fix, ticket, settings }: FixOrder, run: string): FixStep => ({ fix, ticket, settings, run });

/** Tells the ticket; one that is over, or went on without its fix, is told in its thread alone. */
export async function progress(
  order: FixOrder,
  to: TicketProgress['to'],
  text: string,
  more: Pick<TicketProgress, 'end' | 'of' | 'forMs'> = {},
): Promise<void> {
  const key = `${order.fix}/${to}`;
  if (await signalTicket(order, { key, to, text, ...more })) return;
  await steps.tellFix(order, { key, text, tone: to === 'failed' ? endingOf(more.end).tone : 'info' });
}

/**
 * Something of the fix begins that may take longer than a step usually does: the ticket waits for it. One that is over
 * has nothing to wait for.
 */
export async function goesOn(order: FixOrder, name: string, forMs: number | undefined): Promise<void> {
  if (forMs === undefined || !patched('fix-goes-on')) return;
  await signalTicket(order, { key: `${order.fix}/goes-on/${name}`, to: 'goes-on', text: '', forMs });
}

/** False where the ticket is over, or went on without this fix. */
async function signalTicket({ ticket, fix, learns }: FixOrder, step: TicketProgress): Promise<boolean> {
  if (learns !== undefined || !(await steps.followsFix({ ticket, fix }))) return false;
  try {
    await getExternalWorkflowHandle(ticketWorkflowId(ticket)).signal(ticketProgress, step);
    return true;
  } catch (error) {
    // It ended in this very moment. Nothing else can be wrong with a signal to a workflow of ours.
    if ((error as Error).name !== 'ExternalWorkflowNotFoundError' && !/not found/i.test(String(error))) throw error;
    return false;
  }
}

/** One message of the thread shows what all agents of a fix do, and how code tries what they make. */
export const boardOf = ({ fix }: FixOrder) => `${fix}/work`;

/** While code works on a change no agent says anything: the message that shows the work says so. */
export async function tries(order: FixOrder, run: string, step: { doing: string } | { taken: boolean }): Promise<void> {
  if (patched('fix-shows-proof')) await steps.showProof({ ticket: order.ticket, run }, boardOf(order), step);
}

export async function say(order: FixOrder, key: string, text: string): Promise<void> {
  await steps.tellFix(order, { key: `${order.fix}/${key}`, text });
}

/** People decide on exactly this change, or nobody does. */
export async function ask(
  order: FixOrder,
  id: string,
  { proposed, steered, difference }: { proposed: Proposed; steered: readonly string[]; difference: readonly string[] },
): Promise<ApprovalOutcome> {
  const { run, plan, change, evidence, remarks, asides, words, shown } = proposed;
  const facts = { plan, evidence: evidence.lines, remarks, asides, words, difference };
  const { summary, details, barred, changed } = await steps.describeFix({ ...stepOf(order, run), change, facts });
  const { ticket, settings, by } = order;
  const risk = { findings: remarks.length, ...(shown && { shown }), ...(changed !== undefined && { changed }) };
  const question = fixQuestion({
    id,
    ticket,
    settings,
    by,
    excluded: steered,
    unread: barred,
    change,
    evidence,
    summary,
    details,
    risk,
  });
  const asked = await startChild(approval, {
    workflowId: approvalId(id),
    args: [question],
    staticSummary: `${ticket}: a fix of ${targetWords(change)}`.slice(0, 200),
  });
  return untilDecided(order, asked);
}

const LONGEST_MINUTES = 60;

/** A question of a ticket that went on without its fix is taken back: nobody is asked for nothing. */
async function untilDecided(order: FixOrder, asked: ChildWorkflowHandle<typeof approval>): Promise<ApprovalOutcome> {
  let outcome: ApprovalOutcome | undefined;
  const decided = asked.result().then((result) => {
    outcome = result;
  });
  // Ever more seldom: a question may wait for days, and each look is kept in the history.
  for (let minutes = 1; ; minutes = Math.min(2 * minutes, LONGEST_MINUTES)) {
    await Promise.race([decided, sleep(`${minutes} minutes`)]);
    if (outcome !== undefined) return outcome;
    if (await steps.followsFix(order)) continue;
    if (outcome === undefined) await asked.signal(withdrawApproval, { note: 'its ticket no longer waits for it' });
    await decided;
  }
}

/** The result, or in words why there is none. */
export async function attempt<T>(activity: () => Promise<T>): Promise<{ result: T } | { problem: string }> {
  try {
    return { result: await activity() };
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return { problem: error.cause?.message ?? error.message };
  }
}
