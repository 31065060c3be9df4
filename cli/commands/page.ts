import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Settings } from '../../config/schema.ts';
import { ExitError } from '../../lib/exit-error.ts';
import type { PageState } from '../../workflows/page-messages.ts';
import { personOf } from './release.ts';

/** `page ack ID`: who was first has it. Exit 1 where nobody is called (any more). */
export async function takePage(client: Client, settings: Settings, id: string): Promise<{ by: string; at: string }> {
  try {
    const order = { args: [{ by: personOf(settings) }] as [{ by: string }] };
    const state = await client.workflow
      .getHandle(`page:${id}`)
      .executeUpdate<PageState, [{ by: string }]>('acknowledgePageBy', order);
    if (state.acknowledged) return state.acknowledged;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  throw new ExitError(1, `nobody is called for ${id} (any more)`);
}
