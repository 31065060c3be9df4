import { condition, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { RolloutPlan } from '../activities/rollout/plan.ts';
import type { StoryActivities } from '../activities/story.ts';
import { type Brakes, brakesChanged, type RolloutProgress, rolloutProgress } from './environment-messages.ts';
import type { Digest, RolloutOrder } from './types.ts';

const { tell } = proxyActivities<StoryActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

export type Planned = Extract<RolloutPlan, { kind: 'planned' }>;

/** `resumed`: the nodes still to change, where a long roll-out began a new history between two nodes. */
export type RolloutRun = RolloutOrder & {
  settings: Digest;
  brakes: Brakes;
  resumed?: { plan: Planned; done: string[]; remaining: string[]; wavesLeft?: number[] };
};

/** Why nodes are not changed further: what follows from it is decided in one place. */
export type Stop =
  | { kind: 'held'; reasons: string[] }
  | { kind: 'frozen'; reasons: string[] }
  | { kind: 'roll-back'; reasons: string[] }
  | { kind: 'abort'; reasons: string[] };

export type Direction = 'forward' | 'back';

type Seconds = { total?: number; stop?: number; return?: number; inSync?: number };

export type Desk = ReturnType<typeof openDesk>;

/** What the steps of one roll-out share: where it is, and the brakes. */
export function openDesk(run: RolloutRun) {
  const { rollout, release, environment, settings } = run;
  const progress: RolloutProgress = { step: 'plan', done: [], remaining: [] };
  let brakes = run.brakes;
  let lastTold = '';
  setHandler(rolloutProgress, () => progress);
  setHandler(brakesChanged, (changed) => {
    brakes = changed;
  });
  const desk = {
    run,
    step: { rollout, release, environment, settings },
    progress,
    windowOpen: run.resumed !== undefined,
    accounted: false,
    attempt: 1,
    watch: undefined as Planned['watch'],
    promoted: false,
    reversibility: { kind: 'reversible' } as NonNullable<Planned['reversibility']>,
    lastSeconds: undefined as Seconds | undefined,
    /** Waves that have not passed their gate, by number; unset before the first. */
    wavesLeft: run.resumed?.wavesLeft,
    brakes: () => brakes,
    abortPressed: async (): Promise<undefined> => {
      await condition(() => brakes.aborted !== undefined);
    },
    /** Waits while paused. Aborted: why; a roll-back is what an abort asks for, and goes on. */
    async brakesReleased(direction: Direction = 'forward'): Promise<Extract<Stop, { kind: 'abort' }> | undefined> {
      const before = progress.waiting;
      if (brakes.paused) progress.waiting = `paused by ${brakes.paused.by}: ${brakes.paused.reason}`;
      await condition(() => brakes.paused === undefined || (direction === 'forward' && brakes.aborted !== undefined));
      // What was waited for before the pause is waited for still.
      if (before === undefined) delete progress.waiting;
      else progress.waiting = before;
      if (!brakes.aborted || direction === 'back') return undefined;
      return { kind: 'abort', reasons: [`aborted by ${brakes.aborted.by}: ${brakes.aborted.reason}`] };
    },
    /** Says once what is waited for. */
    async waiting(direction: Direction, text: string): Promise<void> {
      progress.waiting = text;
      const key = `${direction}/${progress.remaining.length}`;
      if (lastTold === key) return;
      lastTold = key;
      await say(desk, `waiting/${workflowInfo().runId.slice(-8)}/${key}`, `${environment}: ${text}`, 'warn');
    },
  };
  return desk;
}

export function settle(progress: RolloutProgress, target: string): void {
  progress.remaining = progress.remaining.filter((name) => name !== target);
  progress.done.push(target);
  delete progress.node;
}

export type Tone = 'info' | 'good' | 'warn' | 'bad';

/** Tells the release's thread; a key is told once. */
export async function say(
  desk: { run: RolloutRun; attempt: number },
  key: string,
  text: string,
  tone: Tone = 'info',
): Promise<void> {
  const { release, rollout } = desk.run;
  await tell({ release, key: `${rollout}${desk.attempt > 1 ? `@${desk.attempt}` : ''}/${key}`, text, tone });
}
