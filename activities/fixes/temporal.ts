import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { heldWords } from '../../decisions/environment-state.ts';
import type { EnvironmentState } from '../../workflows/environment-messages.ts';
import type { HandOver } from '../tickets.ts';

/** An environment that no roll-out ever reached holds nothing. */
export function heldBy(client: Client) {
  return async (environment: string): Promise<string | undefined> => {
    try {
      const handle = client.workflow.getHandle(`environment:${environment}`);
      return heldWords(await handle.query<EnvironmentState>('environmentState'));
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  };
}

/** One workflow a hand-off: another attempt of the same finds it there. */
export function startFix(client: Client) {
  return async (order: HandOver): Promise<void> => {
    try {
      await client.workflow.start('fix', {
        workflowId: `fix:${order.fix}`,
        taskQueue: 'patchwright',
        args: [order],
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'USE_EXISTING',
        staticSummary: `fixes ${order.ticket}`.slice(0, 200),
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  };
}
