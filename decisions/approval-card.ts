import type { ApprovalCard, ApprovalQuestion, OpenApproval } from '../workflows/approval-types.ts';
import { askedWords, takesChanges } from './approval.ts';

/** The thread that a question is shown in; undefined where it is about neither a release nor a ticket. */
export const threadOfQuestion = ({ release, ticket }: ApprovalQuestion): string | undefined => release ?? ticket;

export const cardKey = (id: string) => `approval/${id}/asked`;

const BESIDE =
  'What is changed, why, its evidence and its risk are for those alone who may decide, since others read along here: Read it shows all of it.';

/** Where the rest of what is cut stands. */
const wholeWords = (id: string) =>
  `What is cut above stands whole under Read it, and at a terminal: npx patchwright approvals --show ${id}`;

/**
 * A question as its thread shows it. In a release's thread all of it stands there; a ticket's is read by whoever is in
 * the channel, and what an agent has read need not be theirs to read.
 */
export function approvalCard(question: ApprovalQuestion, open: OpenApproval): { text: string; card: ApprovalCard } {
  const { digest, expiresAt } = open;
  const apart = question.release === undefined;
  const whole = question.details !== undefined;
  const more = whole && !apart ? `\n${wholeWords(question.id)}` : '';
  return {
    text: askedWords({ question, open }),
    card: {
      ...{ id: question.id, digest, apart, whole, facts: apart ? BESIDE : question.summary },
      changes: takesChanges(question.kind),
      foot: `Digest ${digest}\nUntil ${expiresAt}. A decision counts for exactly this digest.${more}`,
    },
  };
}

export type DecisionButton = 'approve' | 'changes' | 'reject' | 'read';

/** What a button carries: Slack signs it, and the question compares it. */
export const buttonValue = ({ digest, id }: Pick<ApprovalCard, 'digest' | 'id'>): string => `${digest} ${id}`;

export function readButtonValue(value: string): { digest: string; id: string } | undefined {
  const [, digest, id] = /^([0-9a-f]{64}) (\S.{0,499})$/.exec(value) ?? [];
  return digest === undefined || id === undefined ? undefined : { digest, id };
}
