// What the bench's workflow worker registers: the real workflows, and a bare one to compare them with.
import { CancellationScope, executeChild, isCancellation, proxyActivities, sleep, uuid4 } from '@temporalio/workflow';
import type { BareActivities } from './bare-activities.ts';
import type { BarePlan, BareStep } from './bare-plan.ts';

export * from '../../workflows/index.ts';

/** Asks for what the plan says, each step after those that it names, and looks at no answer. */
export async function bare({ steps }: BarePlan): Promise<void> {
  const ended = new Map<number, Promise<unknown>>();
  const all = (ids: readonly number[]) => Promise.all(ids.map((id) => ended.get(id)));
  for (const step of steps) {
    ended.set(
      step.id,
      all(step.after).then(() => perform(step)),
    );
  }
  await Promise.all(ended.values());

  async function perform(step: BareStep): Promise<unknown> {
    switch (step.kind) {
      case 'activity':
        return write(step.queue)({ run: uuid4(), writes: step.writes });
      case 'child':
        return executeChild(bare, { args: [step.plan], workflowId: `bare:${uuid4()}` });
      case 'timer': {
        const { ms, until } = step;
        if (until === undefined) return sleep(ms);
        const scope = new CancellationScope();
        scope.run(() => sleep(ms)).catch(ignoreCancellation);
        // Nobody waits for it; what cancels it comes later in the plan.
        all(until).then(() => scope.cancel(), ignoreCancellation);
        return undefined;
      }
    }
  }
}

function ignoreCancellation(error: unknown): void {
  if (!isCancellation(error)) throw error;
}

function write(taskQueue: string) {
  const { bareWrites } = proxyActivities<BareActivities>({ taskQueue, startToCloseTimeout: '1 minute' });
  return bareWrites;
}
