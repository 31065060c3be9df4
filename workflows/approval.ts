import {
  allHandlersFinished,
  CancellationScope,
  condition,
  isCancellation,
  patched,
  proxyActivities,
  setHandler,
  uuid4,
} from '@temporalio/workflow';
import type { ApprovalActivities } from '../activities/approvals.ts';
import type { StoryActivities } from '../activities/story.ts';
import { askedWords, outcomeWords, remindAfterMs, takeDecision, whyNoChanges } from '../decisions/approval.ts';
import { approvalState, decide, withdrawApproval } from './approval-messages.ts';
import type { ApprovalOutcome, ApprovalQuestion, ApprovalState, Decision, DecisionAnswer } from './approval-types.ts';

const { openApproval, recordDecision, closeApproval, showApproval, remindApproval, endApprovalCard } =
  proxyActivities<ApprovalActivities>({
    taskQueue: 'patchwright-activity',
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: '20 seconds',
    retry: { maximumInterval: '10 seconds' },
  });

const { tell } = proxyActivities<StoryActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/**
 * One question to people, until it is decided, withdrawn or expired.
 *
 *   1. Open it: the digest over exactly what is asked, who may decide, until when. Where nobody could, it ends here.
 *   2. Show it in the thread that it is about, with its buttons, and call those who may decide; once more before its end.
 *   3. Take decisions: each is counted or refused with the reason, and either is in the audit before it is answered.
 *   4. Keep how it ended, and take the buttons away. The expiry ends the authority, never the record.
 *
 * What was approved is checked once more by the activity that acts on it (activities/approvals.ts).
 */
export async function approval(question: ApprovalQuestion): Promise<ApprovalOutcome> {
  const { id } = question;
  let state: ApprovalState | undefined;
  setHandler(approvalState, () => state);
  setHandler(decide, async (decision): Promise<DecisionAnswer> => {
    await condition(() => state !== undefined);
    // At once, before anything is awaited: two clicks at the same moment are judged one after the other.
    const answer = answerTo(state!, decision);
    await recordDecision({ id, key: uuid4(), decision, ...(answer.kind === 'refused' && { refused: answer.reason }) });
    return answer;
  });
  setHandler(withdrawApproval, async ({ note }) => {
    await condition(() => state !== undefined);
    state!.outcome ??= { kind: 'withdrawn', note };
  });

  const { impossible, ...open } = await openApproval(question);
  const opened: ApprovalState = { question, open, decisions: [] };
  if (impossible !== undefined) opened.outcome = { kind: 'impossible', note: impossible };
  state = opened;
  // The card is shown in the threads of tickets too; before it a release's thread got words alone.
  const hasCard = patched('approval-card');
  if (impossible === undefined) {
    if (hasCard) await showApproval({ id });
    else await say(question, 'asked', askedWords(opened));
  }
  const outcome = await untilOver(opened);
  await CancellationScope.nonCancellable(async () => {
    await condition(allHandlersFinished);
    // What was approved waits for this: the buttons are taken away by the step that keeps the end.
    const atOnce = hasCard && patched('approval-ends-with-card');
    await closeApproval({ id, outcome, ...(atOnce && { card: true }) });
    if (hasCard && !atOnce) await endApprovalCard({ id });
    await say(
      question,
      'ended',
      `${question.title} ${outcomeWords(outcome)}`,
      outcome.kind === 'approved' ? 'good' : 'warn',
    );
  });
  return outcome;
}

function answerTo(state: ApprovalState, decision: Decision): DecisionAnswer {
  const reason = whyNoChanges(state.question, decision);
  // An older history may have counted it, and ended by it.
  if (reason !== undefined && patched('changes-for-agents')) return { kind: 'refused', reason };
  return takeDecision(state, decision, new Date().toISOString());
}

/** Decided, expired, or taken back by whoever asked. */
async function untilOver(state: ApprovalState): Promise<ApprovalOutcome> {
  try {
    const left = () => Math.max(1, Date.parse(state.open.expiresAt) - Date.now());
    // Questions of before were asked once.
    if (state.outcome === undefined && patched('approval-reminds')) {
      const decided = await condition(() => state.outcome !== undefined, remindAfterMs(left()));
      if (!decided) await remindApproval({ id: state.question.id });
    }
    await condition(() => state.outcome !== undefined, left());
  } catch (error) {
    if (!isCancellation(error)) throw error;
    state.outcome ??= { kind: 'withdrawn', note: 'what it was about was cancelled' };
  }
  const yes = state.decisions.filter(({ decision }) => decision === 'approve');
  state.outcome ??= { kind: 'expired', by: yes.map(({ person }) => person) };
  return state.outcome;
}

/** In the thread of the release that it is about. */
async function say({ id, release }: ApprovalQuestion, key: string, text: string, tone: 'good' | 'warn' = 'warn') {
  if (release !== undefined) await tell({ release, key: `approval/${id}/${key}`, text, tone });
}
