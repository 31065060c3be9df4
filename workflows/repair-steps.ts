import { executeChild, patched, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { AgentActivities, RepairRequest } from '../activities/agent.ts';
import type { GitActivities } from '../activities/git.ts';
import type { RepairActivities } from '../activities/repair.ts';
import type { StoryActivities } from '../activities/story.ts';
import { MOST_QUESTIONS, outcomeWords } from '../decisions/approval.ts';
import { repairBinds, repairQuestion, tooOften, whatIsAsked, wishWords } from '../decisions/repair-approval.ts';
import { proofWords } from '../decisions/repair-proof.ts';
import { type ReviewState, reviewLines } from '../decisions/review.ts';
import { touchedWords } from '../decisions/touched-tests.ts';
import { agentRun } from './agent-run.ts';
import type { Proposal } from './agent-types.ts';
import { approval } from './approval.ts';
import { approvalId } from './approval-messages.ts';
import type { ApprovalOutcome, ApprovalQuestion } from './approval-types.ts';
import type { ProofOutcome, TrialOf } from './proof-types.ts';
import type { FoldedFix, RepairOrder, RepairOutcome, SentBack } from './repair-types.ts';
import type { Patch } from './types.ts';

/** The steps that every kind of repair has. */

const often = { maximumInterval: '30 seconds', maximumAttempts: 10 } as const;
const brief = { taskQueue: 'patchwright-activity', heartbeatTimeout: '20 seconds', retry: often } as const;

const { prepareRepair } = proxyActivities<AgentActivities>({ ...brief, startToCloseTimeout: '5 minutes' });
const { pushRef } = proxyActivities<GitActivities>({ ...brief, startToCloseTimeout: '20 minutes' });
const { tell } = proxyActivities<StoryActivities>({ ...brief, startToCloseTimeout: '1 minute' });
export const stack = proxyActivities<RepairActivities>({ ...brief, startToCloseTimeout: '20 minutes' });

export const handedOver = (reason: string): RepairOutcome => ({ kind: 'handed-over', reason });

/**
 * A change that holds: where it went, what its author says, what was counted, what reviewers found. `ran`: what was run
 * of one that no failing test has asked for.
 */
export type Tried = {
  fix: FoldedFix;
  proposal: Proposal;
  proven: ProofOutcome;
  ran?: string[];
  reviewed: ReviewState;
};

type Asked = Omit<RepairRequest, 'release' | 'settings'>;

/** One run of the agent, to what it hands in or to why it does not. */
export async function askAgent(
  order: RepairOrder,
  asked: Asked,
  trial: TrialOf,
): Promise<Proposal | { reason: string }> {
  const { release, settings } = order;
  const { run, subject } = asked;
  const prepared = await prepareRepair({ release, settings, ...asked });
  if (prepared.kind === 'no-model') return { reason: 'no `model` is configured' };
  if (prepared.kind === 'no-budget') return { reason: prepared.reason };
  const outcome = await executeChild(agentRun, {
    workflowId: `agent:${run}`,
    args: [{ run, role: 'repair', release, settings, subject, trial, brief: prepared.brief, budget: prepared.budget }],
    staticSummary: `repairs ${release}`,
  });
  if (outcome.kind !== 'answered') return { reason: `${outcome.reason} (${outcome.spent.turns} turns)` };
  return stack.readProposal({ answer: outcome.answer });
}

/** What people were asked of one repair, and what they asked for: whoever did has steered it, and decides on it no more. */
export type Talk = { questions: number; steered: string[]; wishes: string[] };

/** What a repaired stack is made of was steered by whoever steered the repairs before. */
export const openTalk = ({ steered = [] }: Pick<RepairOrder, 'steered'>): Talk => ({
  ...{ questions: 0, steered: [...steered], wishes: [] },
});

/** A change that goes back to its author, with all that people have asked for so far. */
export function backWith(proposal: Proposal, { wishes }: Talk, against: Partial<SentBack> = {}): SentBack {
  const { patch: earlier, cause, change, risk } = proposal;
  const words = `${cause} ${change} Risk: ${risk}`;
  return { reasons: [], findings: [], ...against, wishes: [...wishes], earlier, words };
}

/**
 * People decide where the policy or a reviewer wants it; then the repaired stack is pushed beside the branch. Undefined
 * where they ask for changes: `talk` has their words, and another change is to be made.
 */
export async function decideAndPush(
  order: RepairOrder,
  patches: readonly Patch[],
  { what, talk }: { what: string; talk: Talk },
  tried: Tried,
): Promise<RepairOutcome | undefined> {
  const { fix, proposal, reviewed } = tried;
  const { release, fork, settings } = order;
  let approved: { id: string; binds: Record<string, string> } | undefined;
  const isOpen = reviewed.kind !== 'passed' || proposal.pointedOut.length > 0;
  // Whoever asked for changes is answered: what came of it goes nowhere by its reviewers alone.
  if (order.policy.policy === 'suggest' || isOpen || talk.questions > 0) {
    const { question, outcome } = await askPeople(order, patches, { what, talk }, tried);
    if (outcome.kind === 'changes-requested' && patched('repair-changes')) return heed(order, talk, outcome);
    if (outcome.kind !== 'approved') return handedOver(`${question.title} ${outcomeWords(outcome)}`);
    approved = { id: question.id, binds: repairBinds(boundOf(order, fix)) };
  }
  const { ref, source } = fix;
  await pushRef({
    key: `${order.repair}/push`,
    release,
    fork,
    settings,
    ref,
    commit: source.commit,
    ...(approved && { approved }),
  });
  await say(
    order,
    'pushed',
    `The repaired stack is ${ref} (${source.commit.slice(0, 12)}): a new candidate starts from it. The branch is as it was.${openWords(reviewed)}`,
  );
  return { kind: 'repaired', ref, ...(talk.steered.length > 0 && { steered: [...new Set(talk.steered)] }) };
}

const boundOf = ({ release }: RepairOrder, { source, patch, guilty: into, also, ref }: FoldedFix) => ({
  ...{ release, source, patch, into, ref },
  ...(also && { also }),
});

/** People decide on exactly this change; one that was made anew is another question. */
async function askPeople(
  order: RepairOrder,
  patches: readonly Patch[],
  { what, talk }: { what: string; talk: Talk },
  { fix, proposal, proven, ran, reviewed }: Tried,
): Promise<{ question: ApprovalQuestion; outcome: ApprovalOutcome }> {
  const { release, settings, requestedBy, n } = order;
  const facts = factsOf(whatIsAsked(what, talk.wishes), { proposal, proven, reviewed, ...(ran && { ran }) });
  const { summary, details, changed } = await stack.describeRepair({ patch: fix.patch, facts });
  const findings = proposal.pointedOut.length + reviewLines(reviewed).counted.length;
  const risk = { findings, ...(changed !== undefined && { changed }) };
  const { runId } = workflowInfo();
  // A run's id begins with its time: two runs of one hour share the first six characters.
  const run = patched('approval-of-its-run') ? runId.slice(-6) : runId.slice(0, 6);
  talk.questions += 1;
  const id = `${release}/${n}/repair/${run}${talk.questions > 1 ? `/${talk.questions}` : ''}`;
  const { steered } = talk;
  const question = repairQuestion({
    ...boundOf(order, fix),
    id,
    settings,
    requestedBy,
    steered,
    patches,
    summary,
    details,
    risk,
  });
  const outcome = await executeChild(approval, {
    workflowId: approvalId(id),
    args: [question],
    staticSummary: question.title.slice(0, 200),
  });
  return { question, outcome };
}

type Wanted = Extract<ApprovalOutcome, { kind: 'changes-requested' }>;

/** Their words go to the agent, or the repair ends where they did so often enough. */
async function heed(order: RepairOrder, talk: Talk, { by, note }: Wanted): Promise<RepairOutcome | undefined> {
  talk.steered.push(...by);
  talk.wishes.push(wishWords(by, note));
  if (talk.questions >= MOST_QUESTIONS) return handedOver(tooOften(talk.wishes));
  const again = `${by.join(', ')} asks for changes; the agent goes on, and what it makes is asked again.`;
  await say(order, `changes-${talk.questions}`, again);
  return undefined;
}

/** With `apply-reviewed` nobody is asked: what reviewers could not tell is said at least. */
function openWords({ remarks }: ReviewState): string {
  const open = remarks.flatMap((one) => one.open);
  return open.length === 0 ? '' : ` Reviewers could not tell: ${open.join(' · ').replace(/\s+/g, ' ').slice(0, 600)}`;
}

const MOST_LOGS = 4;

function factsOf(
  what: string,
  { proposal: { cause, change, risk, pointedOut, tests }, proven, ran = [], reviewed }: Omit<Tried, 'fix'>,
): string[] {
  const { counted, remarks } = reviewLines(reviewed);
  return [
    what,
    `Proof (by code): ${[proofWords(proven), ...ran].join('; ')}`,
    ...touchedWords(tests),
    ...pointedOut.map((line) => `Pointed out by code: ${line}`),
    ...counted,
    `The agent's words, not proven: ${cause} ${change} Risk: ${risk}`,
    'Not proven by anything: that the change is right where no test looks.',
    ...logLines(proven),
    ...remarks,
  ];
}

/** So that whoever decides can look each up, and it is the one that was seen. */
function logLines(proven: ProofOutcome): string[] {
  if (proven.kind !== 'ran' || proven.logs.length === 0) return [];
  const more = proven.logs.length - MOST_LOGS;
  return [`Its logs (SHA-256): ${proven.logs.slice(0, MOST_LOGS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`];
}

export async function say({ release, repair: name }: RepairOrder, key: string, text: string): Promise<void> {
  await tell({ release, key: `${name}/${key}`, text, tone: 'warn' });
}
