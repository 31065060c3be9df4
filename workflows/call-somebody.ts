import { log, ParentClosePolicy, startChild } from '@temporalio/workflow';
import { page } from './page.ts';
import { pageId } from './page-messages.ts';
import type { Digest, PageOrder } from './types.ts';

type Frozen = { rollout: string; release: string; environment: string; settings: Digest };

/** Until somebody has it. It outlives its caller; one that is called for this roll-out already goes on. */
export async function callSomebody({ rollout, release, environment, settings }: Frozen, reasons: string[]) {
  const summary = `${environment} is frozen by ${rollout}: ${reasons.join('; ')}.`.slice(0, 900);
  const order: PageOrder = { id: rollout, release, about: environment, summary, settings };
  try {
    await startChild(page, {
      ...{ workflowId: pageId(rollout), args: [order], parentClosePolicy: ParentClosePolicy.ABANDON },
      staticSummary: summary.slice(0, 200),
    });
  } catch (error) {
    if (!(error instanceof Error && error.name === 'WorkflowExecutionAlreadyStartedError')) throw error;
    log.info('somebody is being called for it already', { rollout });
  }
}
