import type { Client } from '@temporalio/client';

/** Milliseconds that activities of one name took, from their start to their end, and from being wanted to their start. */
export type ActivityFigures = Record<string, { runs: number; seconds: number; waitedSeconds: number }>;
type Time = { seconds?: { toString(): string } | null; nanos?: number | null } | null | undefined;

const msOf = (time: Time) => Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;

/** Bytes of all histories of a workflow that goes on in new ones, and where its activities' time went. */
export async function measureActivities(client: Client, workflowId: string, firstRunId: string) {
  let bytes = 0;
  let mostBytesARun = 0;
  const activities: ActivityFigures = {};
  let runId: string | undefined = firstRunId;
  while (runId !== undefined) {
    const one = await readRun(client, workflowId, runId);
    bytes += one.bytes;
    mostBytesARun = Math.max(mostBytesARun, one.bytes);
    addActivities(activities, one.events);
    runId = one.next;
  }
  return { bytes, mostBytesARun, activities };
}

type Events = NonNullable<Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']>;
type OneRun = { bytes: number; events: Events; next: string | undefined };

async function readRun(client: Client, workflowId: string, runId: string): Promise<OneRun> {
  const handle = client.workflow.getHandle(workflowId, runId);
  const { historySize = 0 } = await handle.describe();
  const events = (await handle.fetchHistory()).events ?? [];
  const next = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  return { bytes: historySize, events, next };
}

function addActivities(activities: ActivityFigures, events: Events): void {
  const wanted = new Map<string, { name: string; at: number; started: number }>();
  for (const { eventId, eventTime, ...event } of events) {
    const name = event.activityTaskScheduledEventAttributes?.activityType?.name;
    const at = msOf(eventTime);
    if (name) wanted.set(String(eventId), { name, at, started: at });
    const begun = wanted.get(String(event.activityTaskStartedEventAttributes?.scheduledEventId));
    if (begun) begun.started = at;
    const ended = wanted.get(String(event.activityTaskCompletedEventAttributes?.scheduledEventId));
    if (ended === undefined) continue;
    const sum = activities[ended.name] ?? { runs: 0, seconds: 0, waitedSeconds: 0 };
    sum.runs += 1;
    sum.seconds += (at - ended.started) / 1_000;
    sum.waitedSeconds += (ended.started - ended.at) / 1_000;
    activities[ended.name] = sum;
  }
}
