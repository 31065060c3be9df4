import type { Client } from '@temporalio/client';

type HistoryEvent = NonNullable<
  Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']
>[number];

/** What Temporal keeps of a suite: the longest of its runs, and the largest payload of all. */
export type HistoryFigures = { runs: number; mostEventsARun: number; events: number; largestPayloadBytes: number };

/** Follows a workflow through all the runs in which it went on, from its first. */
export async function measureHistory(client: Client, workflowId: string, firstRunId: string): Promise<HistoryFigures> {
  const figures: HistoryFigures = { runs: 0, mostEventsARun: 0, events: 0, largestPayloadBytes: 0 };
  for (let runId: string | undefined = firstRunId; runId !== undefined; ) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const events: readonly HistoryEvent[] = history.events ?? [];
    const count = events.length;
    figures.runs += 1;
    figures.events += count;
    figures.mostEventsARun = Math.max(figures.mostEventsARun, count);
    figures.largestPayloadBytes = Math.max(figures.largestPayloadBytes, ...events.map(largestPayload));
    runId = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
  return figures;
}

/** Payloads are wherever an event has `data` in bytes. */
function largestPayload(node: unknown): number {
  if (node === null || typeof node !== 'object' || node instanceof Uint8Array) return 0;
  const { data } = node as { data?: unknown };
  const own = data instanceof Uint8Array ? data.length : 0;
  return Math.max(own, ...Object.values(node).map(largestPayload));
}
