import { ActivityFailure, executeChild, isCancellation, ParentClosePolicy, patched, sleep } from '@temporalio/workflow';
import type { FixStep } from '../activities/fixes.ts';
import { MOST_QUESTIONS, outcomeWords } from '../decisions/approval.ts';
import { caseOf } from '../decisions/failing-case.ts';
import {
  appliedWords,
  authorWords,
  type FixEnd,
  type FixSoFar,
  notAppliedWords,
  proposedWords,
  stuckEnd,
  targetWords,
} from '../decisions/fix.ts';
import { make, type Start } from './fix-make.ts';
import {
  applyFix,
  ask,
  attempt,
  goesOn,
  memory,
  type Proposed,
  progress,
  say,
  stepOf,
  steps,
  undoFix,
  verifyFix,
} from './fix-steps.ts';
import type { FixChange, FixOrder, FixOutcome, FixTakes, GitChange, UndoEnd, Verification } from './fix-types.ts';
import { release } from './release.ts';

const BUSY = '1 minute';

/**
 * One fix of a ticket, from the hand-off to what became of it.
 *
 *   1. An agent looks into it and plans; the change is made, proven and reviewed (fix-make.ts).
 *   2. People decide on exactly this change. Changes that they ask for begin another round.
 *   3. Apply it, once. Where what it was made on has moved, it is made on what is there, and asked again.
 *   4. Verify it; what people merge themselves, once they did. A failed verification takes it back by the approved inverse;
 *      one that cannot be told does not.
 *   5. Say how it ended, by what the journal says has happened.
 *
 * Each step tells the ticket. Nothing that a text says picks what is written to.
 */
export async function fix(order: FixOrder): Promise<FixOutcome> {
  const soFar: FixSoFar = {};
  try {
    const outcome = await rounds(order, soFar);
    if (outcome.kind === 'given-back')
      await progress(order, 'failed', `No fix: ${outcome.reason}`, { end: 'given-back' });
    return outcome;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const reason = `a step of the fix did not come to an end: ${error.cause?.message ?? error.message}`;
    const end = stuckEnd(soFar, reason);
    await tellEnd(order, end, soFar.of);
    return end.kind === 'given-back' ? givenBack(reason) : { kind: end.kind, reason: end.text };
  }
}

/** Its last word. */
function tellEnd(order: FixOrder, { kind, text }: FixEnd, of?: string) {
  const isDone = kind === 'verified' || kind === 'read-back';
  return progress(order, isDone ? 'verified' : 'failed', text, { end: kind, ...(of !== undefined && { of }) });
}

const givenBack = (reason: string): FixOutcome => ({ kind: 'given-back', reason });

async function rounds(order: FixOrder, soFar: FixSoFar): Promise<FixOutcome> {
  const opened = await steps.openFix(order);
  if (opened.kind === 'not') return givenBack(opened.reason);
  const steered = [...opened.steered];
  let start: Start = order.learns === undefined ? {} : { plan: order.learns };
  let difference: string[] = [];
  let approved = false;
  for (let round = 1; round <= MOST_QUESTIONS; round += 1) {
    const proposed = await make(order, opened, round, start);
    if ('reason' in proposed) return givenBack(proposed.reason);
    await tellProposed(order, round, proposed, opened.takes);
    const id = `${order.fix}/${round}`;
    const decided = await ask(order, id, { proposed, steered, difference });
    if (decided.kind === 'changes-requested') {
      // Whoever says how it should be has steered it, and decides on it no more.
      steered.push(...decided.by);
      await say(order, `${round}/changes`, `${decided.by.join(', ')} asks for changes; the agent goes on.`);
      start = changesTo(proposed, decided.note);
      difference = [`the agent was asked: ${decided.note}`];
      continue;
    }
    if (decided.kind !== 'approved')
      return givenBack(`the fix of ${targetWords(proposed.change)}: ${outcomeWords(decided)}`);
    const tell = () => tellApproved(order, round, { by: decided.by, again: approved });
    const applied = await carryOut(order, { round, takes: opened.takes, tell, soFar }, proposed);
    approved = true;
    if (!('moved' in applied)) return applied;
    await say(order, `${round}/moved`, `What was approved has moved: it is made again, and asked again.`);
    const { plan, change, proposal } = proposed;
    start = { plan, moved: { change, ...(proposal && { proposal }) } };
    difference = applied.moved;
  }
  return givenBack(`${MOST_QUESTIONS} proposals were asked for, and none was applied`);
}

/** A ticket says once that it is proposed; what comes later is said beside. */
async function tellProposed(order: FixOrder, round: number, { change, shown }: Proposed, takes?: FixTakes) {
  const words = proposedWords(change, shown);
  if (round === 1) return progress(order, 'proposed', words, takes && { forMs: takes.question });
  await goesOn(order, `${round}/proposed`, takes?.question);
  await say(order, `${round}/proposed`, `Again: ${words}`);
}

/** A ticket takes each step once: what was approved before, and moved, is said beside. */
function tellApproved(order: FixOrder, round: number, { by, again }: { by: readonly string[]; again: boolean }) {
  const text = `Approved by ${by.join(' and ')}; it is applied now.`;
  return again ? say(order, `${round}/approved`, text) : progress(order, 'approved', text);
}

function changesTo({ plan, change, words }: Proposed, note: string): Start {
  const sentBack = [`People who decide ask for changes: ${note}`];
  // Fields are the plan's: it is planned anew. Files are changed by the same plan.
  if (!('patch' in change)) return { sentBack };
  return { plan, sentBack, earlier: { patch: change.patch, words: authorWords(words, caseOf(change)) } };
}

/** Steps 3 to 5. */
async function carryOut(
  order: FixOrder,
  {
    round,
    takes,
    tell,
    soFar,
  }: { round: number; takes: FixTakes | undefined; tell: () => Promise<void>; soFar: FixSoFar },
  proposed: Proposed,
): Promise<FixOutcome | { moved: string[] }> {
  const { run, change, evidence } = proposed;
  const step = stepOf(order, run);
  const [key, undoKey] = [`${order.fix}/${round}/apply`, `${order.fix}/${round}/undo`];
  const apply = () => attempt(() => applyFix({ ...step, key, change, evidence, approval: `${order.fix}/${round}` }));
  // Nobody waits for a fix until its thread was told that it comes.
  const meanwhile = patched('applied-while-told');
  if (!meanwhile) await tell();
  // What is not told must not leave alone what is being applied.
  const [done, told] = await Promise.all([apply(), meanwhile ? attempt(tell) : undefined]);
  if ('problem' in done) {
    const where = targetWords(change);
    return givenBack(`it was approved, and whether it reached ${where} is NOT KNOWN; look there now: ${done.problem}`);
  }
  const applied = done.result;
  if (applied.kind === 'applied') Object.assign(soFar, { of: targetWords(change), applied: applied.words });
  // A ticket takes one step after the other.
  if (told !== undefined && 'problem' in told) await tell();
  if (applied.kind === 'moved') return { moved: applied.difference };
  if (applied.kind === 'refused') return givenBack(notAppliedWords(`${order.fix}/${round}`, applied.reason));
  await progress(order, 'applied', appliedWords(change, applied.words));
  if ('onto' in change && change.onto !== undefined) await untilMerged(order, { round, takes, step }, change);
  if (change.kind === 'stack-patch') await releaseIt(order, { round, takes, run }, change as GitChange);
  const looked = await attempt(() => verifyFix({ ...step, change, applied: key }));
  const verification: Verification =
    'result' in looked ? looked.result : { kind: 'inconclusive', words: looked.problem };
  soFar.verification = verification;
  let undo: UndoEnd | undefined;
  if (verification.kind === 'failed') {
    const undone = await attempt(() => undoFix({ ...step, key: undoKey, applied: key, change, evidence }));
    undo = 'result' in undone ? undone.result : { kind: 'kept', reason: undone.problem };
    soFar.undo = undo;
  }
  const end = await steps.endFix({ applied: key, undone: undoKey, verification, ...(undo && { undo }) });
  await tellEnd(order, end, targetWords(change));
  // Not of what was only read back: nothing shows that it helps.
  if (end.kind === 'verified' && order.learns === undefined && patched('fix-memory'))
    await remember(order, round, proposed);
  return { kind: end.kind, reason: end.text };
}

const SECOND_MS = 1_000;
const [FIRST_LOOK_MS, LONGEST_MS, MERGE_MS] = [5 * SECOND_MS, 1_800 * SECOND_MS, 72 * 3_600 * SECOND_MS];

/**
 * People merge it, on their server and by its rules: as long as suites may take, looked at ever more seldom, and no longer
 * than the ticket waits for this fix. What is not merged then cannot be verified.
 */
async function untilMerged(
  order: FixOrder,
  { round, takes, step }: { round: number; takes: FixTakes | undefined; step: FixStep },
  change: FixChange,
): Promise<void> {
  const until = Date.now() + (takes?.suites ?? MERGE_MS);
  // The ticket's own deadline comes after this one.
  await goesOn(order, `${round}/merge`, (takes?.suites ?? MERGE_MS) + 2 * LONGEST_MS);
  for (let pauseMs = FIRST_LOOK_MS; Date.now() < until; pauseMs = Math.min(2 * pauseMs, LONGEST_MS)) {
    const looked = await attempt(() => steps.isMerged({ ...step, change }));
    if ('result' in looked && looked.result) return;
    const follows = await attempt(() => steps.followsFix(order));
    if ('result' in follows && !follows.result) return;
    await sleep(pauseMs);
  }
}

/** Only what was verified is remembered, and nobody is told of it before a person has confirmed it. */
async function remember(order: FixOrder, round: number, { plan, change }: Proposed): Promise<void> {
  const kept = await attempt(() => memory.rememberFix({ order, approval: `${order.fix}/${round}`, plan, change }));
  if ('problem' in kept) await say(order, `${round}/memory`, `Nothing is remembered of it: ${kept.problem}`);
}

/** A patch on a stack goes on as a release of its reference, like any other. */
async function releaseIt(
  order: FixOrder,
  { round, takes, run }: { round: number; takes: FixTakes | undefined; run: string },
  change: GitChange,
): Promise<void> {
  const key = `${order.fix}/${round}/release`;
  await goesOn(order, `${round}/waits`, takes?.suites);
  for (;;) {
    const input = await steps.openFixRelease({ ...stepOf(order, run), key, by: order.by, change });
    if ('busy' in input) {
      await say(order, `${round}/waits`, `${input.busy} runs: the release of this patch waits for it.`);
      await sleep(BUSY);
      continue;
    }
    await goesOn(order, `${round}/release`, takes?.suites);
    await say(order, `${round}/release`, `${input.release} releases it: npx patchwright release show ${input.release}`);
    await executeChild(release, {
      workflowId: `release:${input.release}`,
      args: [input],
      // Whatever ends this fix, a release goes its own way.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `${input.fork} ${input.ref}`,
    });
    return;
  }
}
