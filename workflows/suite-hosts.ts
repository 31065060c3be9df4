import {
  ActivityCancellationType,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  log,
  patched,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { SuiteHost, SuiteOrder, SuiteRunnerActivities } from '../activities/suite-runner.ts';
import type { suite } from './suite.ts';

/** Continue-as-new by then: replays stay short, and a history under 2,000 events (temporal.md, 5). */
const EVENTS_A_RUN = 1_500;

/** Slots that found nothing ask again after this: the end of what they wait for is told to nobody else. */
const ASK_AGAIN = '20 seconds';

/** What a suite takes along when its history begins anew: where it is; everything else is in the store. */
export type SuiteCarry = {
  hosts: SuiteHost[];
  /** Every host that had a runner. */
  served: string[];
  at: 'suite' | 'judging' | 'culprits';
};

type Phase = 'suite' | 'first' | 'elsewhere' | 'rerun' | 'replay' | 'culprit';

/**
 * One suite run and the hosts it runs on. `state` is what is carried on: whoever gets further writes it there, and
 * begins from it. A step that is begun again must find in the store what it had done.
 */
export type Place = {
  order: SuiteOrder;
  desk: Desk;
  state: SuiteCarry;
  /** What the slots told of late, for a query. */
  told: { ran: number; waiting: number | null };
  /** Counts the answers of the watch. */
  changes: number;
  /** Counts the batches that this history saw end. */
  reports: number;
  /** What no retry changes: it ends the suite. */
  failure: unknown;
  /** True once the run goes on in another one: its runners are not to be ended. */
  continued: boolean;
};

export function openPlace(order: SuiteOrder, state: SuiteCarry): Place {
  return {
    order,
    desk,
    state,
    told: { ran: 0, waiting: null },
    changes: 0,
    reports: 0,
    failure: undefined,
    continued: false,
  };
}

/** Keeps `place.state.hosts` true while the suite runs: hosts join, hosts are lost. Ends by its scope. */
export function watchHosts(place: Place): CancellationScope {
  const scope = new CancellationScope();
  const watch = async () => {
    for (;;) {
      place.state.hosts = await lookout.watchHosts({ suiteRun: place.order.suiteRun, known: place.state.hosts });
      place.changes += 1;
    }
  };
  scope.run(watch).catch((error: unknown) => {
    if (!isCancellation(error)) place.failure ??= error;
  });
  return scope;
}

/**
 * Every slot of every host takes batch after batch until none is left; `atOnce` slots, and at least one, where there are
 * only so few batches. A host that joins takes part; a lost one is given up once the watch has taken its work back for the others;
 * one that cannot run these tests is set aside. Says what stopped it where no host can.
 *
 * Does not return where the history has grown too long: the suite goes on from `place.state` in a new one.
 */
export async function runBatches(
  place: Place,
  phase: Phase,
  atOnce = Number.POSITIVE_INFINITY,
): Promise<string | undefined> {
  const crew = openCrew(place, phase);
  try {
    for (let seen = -1; ; ) {
      if (seen !== place.changes) crew.lookAround();
      seen = place.changes;
      // Where nobody asked, nobody would find out that nothing is left. Older histories wait for another host.
      crew.assign(atOnce === 0 && patched('somebody-asks') ? 1 : atOnce);
      const turn = crew.turn();
      const isNews = () =>
        crew.hasEnded() || crew.turn() !== turn || seen !== place.changes || hasFailed(place) || isTooLong(place);
      if (!crew.isIdle() || !patched('idle-slots-ask-again')) await condition(isNews);
      else if (!(await condition(isNews, ASK_AGAIN))) crew.lookAround();
      if (hasFailed(place)) throw place.failure;
      if (crew.hasEnded()) return crew.problem();
      if (isTooLong(place)) await goOnAnew(place);
    }
  } finally {
    // Whoever still follows a runner would start it again when it is ended. In a new history they are followed anew.
    if (!place.continued) await CancellationScope.nonCancellable(crew.dismiss);
  }
}

const hasFailed = ({ failure }: Place) => failure !== undefined;

/**
 * Not before a batch has ended in this one: where the way to the first batch alone is longer, the next history would come
 * as far, and none further. A history that is open has never come past here, so that no replay of one sees a difference.
 */
function isTooLong({ order: { eventsARun = EVENTS_A_RUN }, reports }: Place): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || (historyLength > eventsARun && reports > 0);
}

async function goOnAnew(place: Place): Promise<never> {
  place.continued = true;
  return continueAsNew<typeof suite>(place.order, place.state);
}

/** The slots that serve one phase. */
function openCrew(place: Place, phase: Phase) {
  const { order, desk, state } = place;
  const { suiteRun } = order;
  const serving = new Map<string, { host: string; scope: CancellationScope }>();
  /** Slots that found nothing more to take. */
  const idle = new Set<string>();
  const givenUp = new Set<CancellationScope>();
  const unfit = new Map<string, string>();
  let turns = 0;
  let over = false;
  const isUnfit = ({ host, slots }: SuiteHost) => slots === 0 || unfit.has(host);

  async function serve({ host, queue }: SuiteHost, slot: number): Promise<void> {
    const { runBatch } = batchesOn(queue);
    for (let left = 1; left > 0 && !unfit.has(host); ) {
      const report = await runBatch({ suiteRun, slot, phase });
      left = report.left;
      place.reports += 1;
      place.told = { ran: place.told.ran + report.ran, waiting: report.left };
      over ||= report.left + report.open === 0;
      if (report.problem !== undefined) await setAside(host, report.problem);
    }
  }

  async function setAside(host: string, problem: string): Promise<void> {
    unfit.set(host, problem);
    if (state.hosts.every(isUnfit)) return;
    log.warn('a host cannot run these tests: the others take over', { host, problem });
    await desk.setHostAside({ suiteRun, host });
    idle.clear();
  }

  function start(key: string, host: SuiteHost, slot: number): void {
    const scope = new CancellationScope();
    serving.set(key, { host: host.host, scope });
    scope
      .run(() => serve(host, slot))
      .then(() => void idle.add(key))
      .catch((error: unknown) => {
        if (!givenUp.has(scope)) place.failure ??= error;
      })
      .finally(() => {
        serving.delete(key);
        turns += 1;
      });
  }

  function giveUp(scope: CancellationScope): void {
    givenUp.add(scope);
    scope.cancel();
  }

  return {
    turn: () => turns,
    /**
     * Nobody runs anything, and something is not done: a batch waits for another host, or one that an earlier history
     * had begun was still open when each slot asked, and nobody was left to hear of its end.
     */
    isIdle: () => serving.size === 0 && !over && !state.hosts.every(isUnfit),
    hasEnded: () => serving.size === 0 && (over || state.hosts.every(isUnfit)),
    problem: () => (over ? undefined : [...unfit.values()][0]),
    /** There may be something to take again, and somebody who is gone. */
    lookAround(): void {
      idle.clear();
      const there = new Set(state.hosts.map(({ host }) => host));
      for (const { host, scope } of serving.values()) if (!there.has(host)) giveUp(scope);
    },
    assign(atOnce: number): void {
      for (const { key, host, slot } of slotsOf(state.hosts)) {
        if (serving.size >= atOnce) break;
        if (!over && !serving.has(key) && !idle.has(key) && !unfit.has(host.host)) start(key, host, slot);
      }
      state.served = [...new Set([...state.served, ...[...serving.values()].map(({ host }) => host)])].sort();
    },
    async dismiss(): Promise<void> {
      for (const { scope } of serving.values()) giveUp(scope);
      await condition(() => serving.size === 0);
    },
  };
}

/** Every slot, the first of each host first: a few batches are spread over the hosts. */
function slotsOf(hosts: readonly SuiteHost[]): { key: string; host: SuiteHost; slot: number }[] {
  return hosts
    .flatMap((host) => Array.from({ length: host.slots }, (_, slot) => ({ key: `${host.host} ${slot}`, host, slot })))
    .sort((a, b) => a.slot - b.slot);
}

/** Ends the runners on every host that had one. A host that is gone ends them by itself: nobody asks for them. */
export async function endRunners({ order: { suiteRun }, state }: Place): Promise<void> {
  await Promise.all(
    state.served.map(async (host) => {
      try {
        await endingOn(host).endRunners({ suiteRun });
      } catch (error) {
        log.warn('a host did not end its runners; they end when their lease runs out', { host, error });
      }
    }),
  );
}

type Desk = typeof desk;

const TASK_QUEUE = 'patchwright-suite';

/** What any suite worker can do: it is in the store. */
export const desk = proxyActivities<SuiteRunnerActivities>({
  taskQueue: TASK_QUEUE,
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

const lookout = proxyActivities<SuiteRunnerActivities>({
  taskQueue: TASK_QUEUE,
  // It answers when something has changed: a suite takes days.
  startToCloseTimeout: '14 days',
  heartbeatTimeout: '10 seconds',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { maximumInterval: '5 seconds' },
});

function batchesOn(taskQueue: string) {
  return proxyActivities<SuiteRunnerActivities>({
    taskQueue,
    // Limits of units end what hangs; this only bounds what could hang around them.
    startToCloseTimeout: '14 days',
    // A killed worker is noticed after this; the runner works on meanwhile, so a false alarm costs nothing.
    heartbeatTimeout: '10 seconds',
    // Whoever still follows a runner would start it again when it is ended.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
  });
}

function endingOn(host: string) {
  return proxyActivities<SuiteRunnerActivities>({
    taskQueue: `suite-${host}`,
    scheduleToStartTimeout: '30 seconds',
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: '20 seconds',
    retry: { maximumAttempts: 3 },
  });
}
