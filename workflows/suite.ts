import { ActivityCancellationType, CancellationScope, proxyActivities } from '@temporalio/workflow';
import type { BuildActivities } from '../activities/build.ts';
import type { SuiteOrder, SuiteRunnerActivities } from '../activities/suite-runner.ts';
import { culpritOf, nextProbe, type PointAnswer, type Search } from '../decisions/culprit.ts';
import type { SuiteOutcome } from './types.ts';

export type { SuiteOrder } from '../activities/suite-runner.ts';

/** Any suite worker may plan: it answers with the queue of its host, where the jars and the runners are. */
const { prepareSuite } = proxyActivities<SuiteRunnerActivities>({
  taskQueue: 'patchwright-suite',
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds' },
});

const { buildSource } = proxyActivities<BuildActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '13 hours',
  heartbeatTimeout: '30 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 20 },
});

/** Rounds of reruns: 5, 3 more, 10, 20, 40 an arm, and some that a crash cut short. */
const MAX_ROUNDS = 20;
/** Runs of each test at each point of the search; with one pass a test that always failed is cleared. */
const PROBE_RUNS = 3;
/** More tests than this are not searched for: their representatives are. */
const MAX_CULPRIT_TESTS = 24;

type Host = ReturnType<typeof hostActivities>;
type Place = { order: SuiteOrder; host: Host; slots: number };

/**
 * Runs one suite on one candidate.
 *
 *   1. Plan: the units, longest first by history. What cannot be planned ends the suite here.
 *   2. Run: every slot takes batch after batch until none is left.
 *   3. Judge each failure by controlled reruns on candidate and base, in rounds, until it has a verdict.
 *   4. For what the patches broke, find the patch.
 *   5. Count what ran, from the records; end the runners, however it went.
 */
export async function suite(order: SuiteOrder): Promise<SuiteOutcome> {
  const { suiteRun, suite: name } = order;
  const plan = await prepareSuite(order);
  const host = hostActivities(plan.queue);
  if (plan.kind === 'unplannable') return host.finishSuite({ suiteRun, suite: name, problem: plan.reason });

  const place: Place = { order, host, slots: plan.slots };
  try {
    const problem = (await runBatches(place, 'suite')) ?? (await judge(place));
    if (problem === undefined) await findCulprits(place);
    return await host.finishSuite({ suiteRun, suite: name, ...(problem === undefined ? {} : { problem }) });
  } finally {
    await CancellationScope.nonCancellable(() => host.endRunners({ suiteRun }));
  }
}

/** Every slot takes batch after batch. Says what stopped it where the runner itself cannot work. */
async function runBatches(
  { order: { suiteRun }, host, slots }: Place,
  phase: 'suite' | 'rerun' | 'culprit',
): Promise<string | undefined> {
  let problem: string | undefined;
  const serve = async (slot: number) => {
    for (let left = 1; left > 0 && problem === undefined; ) {
      const report = await host.runBatch({ suiteRun, slot, phase });
      left = report.left;
      problem ??= report.problem;
    }
  };
  await Promise.all(Array.from({ length: slots }, (_, slot) => serve(slot)));
  return problem;
}

async function judge(place: Place): Promise<string | undefined> {
  const { suiteRun } = place.order;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const { batches } = await place.host.judgeFailures({ suiteRun });
    if (batches === 0) return undefined;
    const problem = await runBatches(place, 'rerun');
    if (problem !== undefined) return problem;
  }
  return `no verdict after ${MAX_ROUNDS} rounds of reruns`;
}

async function findCulprits(place: Place): Promise<void> {
  const { order, host } = place;
  const { suiteRun, sources, patches } = order;
  if (sources.length === 0 || sources.length !== patches.length) return;
  const tests = await host.culpritTests({ suiteRun, limit: MAX_CULPRIT_TESTS });
  if (tests.length === 0) return;

  const names = tests.map((_, index) => String(index));
  const answers: Record<number, Record<string, PointAnswer> | 'unbuildable'> = {};
  const search: Search = { patches: patches.length, tests: names, answers };
  for (let next = nextProbe(search); next !== undefined; next = nextProbe(search)) {
    const known = answers[next.point];
    const found = await probe(place, next.point, next.tests);
    answers[next.point] = found === 'unbuildable' || known === 'unbuildable' ? 'unbuildable' : { ...known, ...found };
  }
  const culprits = tests.map((test, index) => {
    const found = culpritOf(search, String(index));
    const [from, to] = found.kind === 'range' ? [found.from, found.to] : [found.patch, found.patch];
    const commits = patches.slice(from - 1, to).map(({ commit }) => commit);
    const passedBefore = found.kind === 'patch' && !found.brought && found.patch > 1;
    return { ...test, commits, ...(passedBefore ? { against: armOf(found.patch - 1) } : {}) };
  });
  await host.saveCulprits({ suiteRun, culprits });

  /** Builds one prefix of the stack and runs these tests on it. */
  async function probe({ order: { settings, release } }: Place, point: number, wanted: string[]) {
    const source = sources[point - 1];
    if (source === undefined) throw new Error(`the stack has no prefix ${point}`);
    const built = await buildSource({ ...source, settings, release });
    if (built.kind === 'broken') return 'unbuildable' as const;
    const arm = armOf(point);
    const keys = wanted.map((index) => tests[Number(index)]).filter((key) => key !== undefined);
    await host.addSuiteArm({ suiteRun, arm, build: built.build });
    await host.planArmProbe({ suiteRun, arm, tests: keys, runs: PROBE_RUNS });
    const problem = await runBatches(place, 'culprit');
    // A prefix on which nothing can be run is as good as one that does not build.
    if (problem !== undefined) return 'unbuildable' as const;
    const read = await host.readArmProbe({ suiteRun, arm, tests: keys });
    return Object.fromEntries(wanted.map((index, i) => [index, read[i] ?? 'missing']));
  }
}

const armOf = (point: number) => `prefix-${point}`;

/** The activities of one host. */
function hostActivities(taskQueue: string) {
  const quick = proxyActivities<SuiteRunnerActivities>({
    taskQueue,
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: '20 seconds',
    retry: { maximumInterval: '10 seconds' },
  });
  const { runBatch } = proxyActivities<SuiteRunnerActivities>({
    taskQueue,
    // Limits of units end what hangs; this only bounds what could hang around them.
    startToCloseTimeout: '14 days',
    // A killed worker is noticed after this; the runner works on meanwhile, so a false alarm costs nothing.
    heartbeatTimeout: '10 seconds',
    // Whoever still follows a runner would start it again when it is ended below.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
  });
  // One by one: the proxy has no keys of its own to spread.
  const { judgeFailures, addSuiteArm, culpritTests, planArmProbe, readArmProbe, saveCulprits } = quick;
  const { finishSuite, endRunners } = quick;
  return {
    runBatch,
    judgeFailures,
    addSuiteArm,
    culpritTests,
    planArmProbe,
    readArmProbe,
    saveCulprits,
    finishSuite,
    endRunners,
  };
}
