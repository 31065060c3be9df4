import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { outcomeWords } from '../decisions/approval.ts';
import { approvalsOf, keepDecision } from '../store/approvals.ts';
import type { Db } from '../store/database.ts';
import type { Decision, DecisionAnswer } from '../workflows/approval-types.ts';

/**
 * Brings a decision to its question and waits for the answer. One of the same nonce gets the answer of the first, and
 * changes nothing. What comes after the end is refused, and is in the audit too.
 */
export async function sendDecision(
  { db, client }: { db: Db; client: Client },
  id: string,
  decision: Decision,
): Promise<DecisionAnswer> {
  const handle = client.workflow.getHandle(`approval:${id}`);
  try {
    const options = { args: [decision] as [Decision], updateId: decision.nonce };
    return await handle.executeUpdate<DecisionAnswer, [Decision]>('decide', options);
  } catch (error) {
    const isOver = error instanceof WorkflowNotFoundError || error instanceof WorkflowUpdateFailedError;
    if (!isOver) throw error;
    const [now] = await approvalsOf(db, { id });
    if (!now?.outcome) throw error;
    const reason = `it is over: ${outcomeWords(now.outcome)}`;
    await keepDecision(db, { id, key: decision.nonce, decision, refused: reason });
    return { kind: 'refused', reason };
  }
}
