import { executeChild, proxyActivities } from '@temporalio/workflow';
import type { FixOpened } from '../activities/fixes.ts';
import type { RepairActivities } from '../activities/repair.ts';
import { caseOf } from '../decisions/failing-case.ts';
import { authorWords, whatToReview } from '../decisions/fix.ts';
import { findingWords, type ReviewState, reviewLines } from '../decisions/review.ts';
import { touchedWords } from '../decisions/touched-tests.ts';
import { triesWords } from '../decisions/work-words.ts';
import { agentRun } from './agent-run.ts';
import type { AgentOrder, Proposal } from './agent-types.ts';
import { type Built, NOTHING_BUILT, proveStack } from './fix-stack.ts';
import { agents, boardOf, goesOn, type Proposed, proveFix, say, stepOf, steps, tries } from './fix-steps.ts';
import type { FixChange, FixOrder, FixPlan, GitChange } from './fix-types.ts';
import { review } from './review.ts';
import type { Digest } from './types.ts';

const { readProposal } = proxyActivities<RepairActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/** Changes that one round may try; of these one may be sent back by reviewers. */
const MOST_TRIES = 3;

type Opened = Extract<FixOpened, { kind: 'ready' }>;

/** A change that was sent back, and its author's words of it. */
export type Earlier = { patch: Digest; words: string };

/** Where a round begins: with nothing, with people's words about what was proposed, or with it on another base. */
export type Start = { plan?: FixPlan; sentBack?: string[]; earlier?: Earlier; moved?: Drafted };

/** A change as it was made, before it is proven, and what its author and code said of it. */
export type Drafted = { change: FixChange; proposal?: Proposal };

/**
 * One round, to a change that is proven and was reviewed, or to why there is none.
 *
 *   1. An agent looks into the ticket and plans one change of one target.
 *   2. Where it is files another agent makes it; where it is fields the plan has them.
 *   3. Code draws the exact change up, proves it, and three reviewers read files.
 *   4. What is wanting goes back, so often; the second objection goes to people.
 */
export async function make(
  order: FixOrder,
  opened: Opened,
  round: number,
  start: Start,
): Promise<Proposed | { reason: string }> {
  let { plan, sentBack = [], earlier, moved } = start;
  // Reviewers have to know what people asked for beside the ticket, or they would object to it.
  const wishes = sentBack;
  let objected = false;
  for (let n = 1; n <= MOST_TRIES; n += 1) {
    const run = `${order.fix}/${round}-${n}`;
    if (plan === undefined) {
      const found = await investigate(order, opened, run, sentBack);
      if ('reason' in found) return found;
      plan = found;
    }
    const drafted = await draft(order, opened, { run, plan, sentBack, earlier, moved });
    moved = undefined;
    if ('reason' in drafted) return drafted;
    earlier = drafted.proposal && earlierOf(drafted.proposal);
    const tried = 'reasons' in drafted ? drafted : await prove(order, opened, { run, plan, wishes, ...drafted });
    if (!('reasons' in tried)) {
      const { reviewed, proposed } = tried;
      if (reviewed?.kind !== 'objected' || objected || n === MOST_TRIES) return proposed;
      objected = true;
      sentBack = reviewed.blocking.map(findingWords);
    } else sentBack = tried.reasons;
    await say(order, `${round}-${n}`, `The agent's change ${n} is not taken: npx patchwright agent show ${run}`);
    // Fields are the plan's own: it is looked into once more.
    if (plan.change !== undefined) plan = undefined;
  }
  // What stood against it may quote what not everybody in the thread may read.
  const { digest } = await steps.keepEvidence({ lines: sentBack });
  const kept = `artifacts/${digest.slice(0, 2)}/${digest}`;
  return { reason: `${MOST_TRIES} changes were not taken; what stood against the last one: ${kept}` };
}

async function investigate(order: FixOrder, { said, places, takes }: Opened, run: string, sentBack: readonly string[]) {
  const { ticket, settings, hint } = order;
  const name = `${run}/investigate`;
  const note = sentBack.join('\n');
  const board = boardOf(order);
  const asked = { run: name, release: ticket, settings, said, places, board };
  const prepared = await agents.prepareInvestigation({ ...asked, ...(hint && { hint }), ...(note && { note }) });
  const subject = { fork: '', base: '', candidate: '', places, ticket };
  await goesOn(order, name, takes?.agent);
  const looking = { run: name, role: 'investigate', release: ticket, settings, subject, board } as const;
  const answer = await runAgent(looking, prepared);
  if ('reason' in answer) return answer;
  const plan = await steps.readPlan(answer);
  if (plan.kind === 'none')
    return { reason: `the agent found nothing that should be changed: npx patchwright agent show ${name}` };
  return plan;
}

type Prepared = Awaited<ReturnType<typeof agents.prepareInvestigation>>;

async function runAgent(
  order: Omit<AgentOrder, 'brief' | 'budget'>,
  prepared: Prepared,
): Promise<{ answer: Digest } | { reason: string }> {
  if (prepared.kind === 'no-model') return { reason: 'no `model` is configured' };
  if (prepared.kind === 'no-budget') return { reason: prepared.reason };
  const { brief, budget } = prepared;
  const outcome = await executeChild(agentRun, {
    workflowId: `agent:${order.run}`,
    args: [{ ...order, brief, budget }],
    staticSummary: `${order.role} for ${order.release}`.slice(0, 200),
  });
  if (outcome.kind === 'answered') return { answer: outcome.answer };
  return { reason: `${outcome.reason} (${outcome.spent.turns} turns): npx patchwright agent show ${order.run}` };
}

type At = {
  run: string;
  plan: FixPlan;
  sentBack: string[];
  earlier: Earlier | undefined;
  moved: Drafted | undefined;
};

/** Sent back before it was proven. */
type Refused = { reasons: string[]; proposal?: Proposal };

async function draft(
  order: FixOrder,
  opened: Opened,
  { run, plan, sentBack, earlier, moved }: At,
): Promise<Drafted | Refused | { reason: string }> {
  const step = stepOf(order, run);
  if (moved !== undefined) {
    const again = await steps.draftAgain({ ...step, plan, change: moved.change });
    // What code has pointed out of it holds on another base too.
    return again.kind === 'drafted' ? { ...moved, change: again.change } : { reasons: again.reasons };
  }
  const ground = await steps.groundOf({ ...step, plan });
  if (ground.kind === 'fields') return draw(await steps.draftFix({ ...step, plan }));
  const { fork, commit, check, stack } = ground;
  const { ticket, settings } = order;
  const name = `${run}/patch`;
  const board = boardOf(order);
  const place = { name: fork, commit };
  const asked = { run: name, release: ticket, settings, plan, asked: opened.said.join('\n'), sentBack, board, place };
  const before = earlier && { earlier: earlier.patch, earlierWords: earlier.words };
  const prepared = await agents.preparePatch({ ...asked, ...(check && { check }), ...before });
  const subject = { fork, base: commit, candidate: commit, ...(stack && { stack }) };
  // A stack's own files are built to be tried; a repository's check needs no pipeline.
  const trial = plan.kind === 'stack-patch' ? { trial: { release: ticket, fork, settings } } : {};
  const patching = { run: name, role: 'patch', release: ticket, settings, subject, board, ...trial } as const;
  await goesOn(order, name, opened.takes?.agent);
  const answer = await runAgent(patching, prepared);
  if ('reason' in answer) return answer;
  return draw(await steps.draftFix({ ...step, plan, proposal: answer.answer }), await readProposal(answer));
}

function draw(drafted: Awaited<ReturnType<typeof steps.draftFix>>, proposal?: Proposal): Drafted | Refused {
  if (drafted.kind === 'refused') return { reasons: drafted.reasons, ...(proposal && { proposal }) };
  return { change: drafted.change, ...(proposal && { proposal }) };
}

const ownWords = ({ change, risk }: Proposal) => `${change} Risk: ${risk}`;

const earlierOf = (proposal: Proposal): Earlier => ({
  patch: proposal.patch,
  words: authorWords(ownWords(proposal), caseOf(proposal)),
});

/** What code has to say of it, or what is wanting; the thread sees that it is at it. */
async function proveByCode(
  order: FixOrder,
  opened: Opened,
  { run, change, proposal }: Drafted & { run: string },
): Promise<Built | { reasons: string[] }> {
  await tries(order, run, { doing: triesWords(change.kind) });
  let taken = false;
  try {
    const proven = await proveFix({ ...stepOf(order, run), change });
    if (!proven.proven) return { reasons: proven.lines };
    const isBuilt = change.kind === 'stack-patch';
    const made = { run, change: change as GitChange, touched: proposal?.tests };
    const built = isBuilt ? await proveStack(order, opened, made) : NOTHING_BUILT;
    if ('reasons' in built) return built;
    taken = true;
    const shown = built.shown ?? proven.shown;
    return { lines: [...proven.lines, ...built.lines], ...(shown && { shown }) };
  } finally {
    await tries(order, run, { taken });
  }
}

type Made = Drafted & { run: string; plan: FixPlan; wishes: readonly string[] };

async function prove(
  order: FixOrder,
  opened: Opened,
  { run, plan, wishes, change, proposal }: Made,
): Promise<{ proposed: Proposed; reviewed?: ReviewState } | { reasons: string[] }> {
  const shownBy = await proveByCode(order, opened, { run, change, proposal });
  if ('reasons' in shownBy) return shownBy;
  const lines = [...shownBy.lines, ...touchedWords(proposal?.tests)];
  const evidence = await steps.keepEvidence({ lines });
  const reviewed = 'patch' in change ? await readBy(order, opened, { name: run, change, lines, wishes }) : undefined;
  const pointedOut = (proposal?.pointedOut ?? []).map((line) => `Pointed out by code: ${line}`);
  const said = reviewed === undefined ? { counted: [], remarks: [] } : reviewLines(reviewed);
  const remarks = [...pointedOut, ...said.counted];
  const words = proposal === undefined ? '' : ownWords(proposal);
  const facts = { plan, change, proposal, evidence, remarks, asides: said.remarks, words };
  const { shown } = shownBy;
  const proposed = { run, ...facts, ...(shown && { shown }) };
  return { proposed, ...(reviewed && { reviewed }) };
}

/** Blind to the author's words: what people asked, what code has found, and the change. */
async function readBy(
  order: FixOrder,
  { said, takes }: Opened,
  about: { name: string; change: GitChange; lines: readonly string[]; wishes: readonly string[] },
): Promise<ReviewState> {
  const { ticket: release, settings } = order;
  const { name, change, lines, wishes } = about;
  const fork = change.kind === 'repository' ? `repo.${change.target}` : change.target;
  const subject = { fork, base: change.base, candidate: change.commit, patch: change.patch };
  const what = whatToReview({ found: lines, wishes, said });
  await goesOn(order, `${name}/review`, takes?.agent);
  return review({ name, release, settings, subject, of: 'ticket', what, board: boardOf(order) });
}
