/**
 * What a workflow asked Temporal for, read from its history: every activity, child workflow and timer, and after which
 * others each began. A workflow that knows nothing else (bare-workflow.ts) can then ask for the very same.
 */

/** A history as `historyToJSON` writes it; only what is read here. */
export type HistoryEvent = { eventId: string; eventType: string; [attributes: string]: unknown };

export type BareStep = { id: number; after: number[] } & (
  | { kind: 'activity'; queue: string; writes: number }
  | { kind: 'child'; plan: BarePlan }
  /** One that was cancelled is cancelled after `until`; one that fired lasts as long as it did. */
  | { kind: 'timer'; ms: number; until?: number[] }
);
export type BarePlan = { steps: BareStep[] };

/** Of a plan with its children: what both sides of the comparison have the same number of. */
export type Counts = { activities: number; children: number; timers: number; writes: number };

/** Of the attributes of every kind of event, those that are read here. */
type Attributes = {
  scheduledEventId?: string;
  initiatedEventId?: string;
  startedEventId?: string;
  signalName?: string;
  taskQueue?: { name: string };
  startToFireTimeout?: string;
};

type NewStep =
  | { kind: 'activity'; queue: string; writes: number }
  | { kind: 'child'; plan: BarePlan }
  | { kind: 'timer'; ms: number };

/**
 * `children` hands out the plan of each child in the order in which they began; a signal of the name `outside` stands
 * for a child that another workflow ran for this one (a roll-out, which its environment runs).
 */
export function planOf(events: readonly HistoryEvent[], children: () => BarePlan, outside?: string): BarePlan {
  const steps: BareStep[] = [];
  const byEvent = new Map<string, BareStep>();
  /** What ended since the workflow last looked, and what it had seen when it last decided. */
  let fresh: number[] = [];
  let seen: number[] = [];
  const add = ({ eventId }: HistoryEvent, step: NewStep): BareStep => {
    const added: BareStep = { ...step, id: steps.length, after: seen };
    steps.push(added);
    byEvent.set(eventId, added);
    return added;
  };
  const end = (step: BareStep | undefined) => {
    if (step) fresh.push(step.id);
  };
  const begun = (eventId: string | undefined) => byEvent.get(eventId ?? '');
  for (const event of events) {
    const of = attributesOf(event);
    switch (event.eventType.replace('EVENT_TYPE_', '')) {
      case 'WORKFLOW_TASK_STARTED':
        // An answer to what is not counted (a signal that was sent): what comes next follows what came before.
        if (fresh.length > 0) seen = fresh;
        fresh = [];
        break;
      case 'ACTIVITY_TASK_SCHEDULED':
        add(event, { kind: 'activity', queue: of.taskQueue?.name ?? '', writes: 0 });
        break;
      case 'START_CHILD_WORKFLOW_EXECUTION_INITIATED':
        add(event, { kind: 'child', plan: children() });
        break;
      case 'TIMER_STARTED':
        add(event, { kind: 'timer', ms: milliseconds(of.startToFireTimeout) });
        break;
      case 'WORKFLOW_EXECUTION_SIGNALED':
        if (outside !== undefined && of.signalName === outside) end(add(event, { kind: 'child', plan: children() }));
        break;
      case 'ACTIVITY_TASK_COMPLETED':
        end(begun(of.scheduledEventId));
        break;
      case 'CHILD_WORKFLOW_EXECUTION_COMPLETED':
        end(begun(of.initiatedEventId));
        break;
      case 'TIMER_FIRED':
        end(begun(of.startedEventId));
        break;
      case 'TIMER_CANCELED':
        cancelAfter(begun(of.startedEventId), seen);
        break;
    }
  }
  return { steps };
}

function attributesOf(event: HistoryEvent): Attributes {
  const [, attributes] = Object.entries(event).find(([name]) => name.endsWith('EventAttributes')) ?? [];
  return (attributes ?? {}) as Attributes;
}

function cancelAfter(timer: BareStep | undefined, until: number[]): void {
  if (timer?.kind === 'timer') timer.until = until;
}

/** Durations are written as `600s` or `1.500s`. */
const milliseconds = (duration: string | undefined) => Math.round(Number.parseFloat(duration ?? '0') * 1000);

export function countsOf({ steps }: BarePlan): Counts {
  const total: Counts = { activities: 0, children: 0, timers: 0, writes: 0 };
  for (const step of steps) {
    if (step.kind === 'timer') total.timers += 1;
    if (step.kind === 'activity') {
      total.activities += 1;
      total.writes += step.writes;
    }
    if (step.kind !== 'child') continue;
    total.children += 1;
    const inside = countsOf(step.plan);
    for (const name of ['activities', 'children', 'timers', 'writes'] as const) total[name] += inside[name];
  }
  return total;
}

/** Spreads that many writes evenly over all activities, in order. */
export function spreadWrites(plan: BarePlan, writes: number): BarePlan {
  const { activities } = countsOf(plan);
  let n = 0;
  const spread = ({ steps }: BarePlan): BarePlan => ({
    steps: steps.map((step) => {
      if (step.kind === 'child') return { ...step, plan: spread(step.plan) };
      if (step.kind === 'timer') return step;
      n += 1;
      return { ...step, writes: share(n) - share(n - 1) };
    }),
  });
  const share = (upTo: number) => Math.floor((upTo * writes) / Math.max(1, activities));
  return spread(plan);
}
