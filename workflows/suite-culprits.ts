import { proxyActivities } from '@temporalio/workflow';
import type { BuildActivities } from '../activities/build.ts';
import { culpritOf, nextProbe, type Search } from '../decisions/culprit.ts';
import { type Place, runBatches } from './suite-hosts.ts';

const { buildSource } = proxyActivities<BuildActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '13 hours',
  heartbeatTimeout: '30 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 20 },
});

/** Runs of each test at each point of the search; with one pass a test that always failed is cleared. */
const PROBE_RUNS = 3;
/** More tests than this are not searched for: their representatives are. */
const MAX_CULPRIT_TESTS = 24;

/** For what the patches broke: which patch did. Says it in the store. */
export async function findCulprits(place: Place): Promise<void> {
  const { order, desk, state } = place;
  const { suiteRun, sources, patches } = order;
  if (sources.length === 0 || sources.length !== patches.length) return;
  const tests = await desk.culpritTests({ suiteRun, limit: MAX_CULPRIT_TESTS });
  if (tests.length === 0) return;

  const names = tests.map((_, index) => String(index));
  const { answers } = state;
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
  await desk.saveCulprits({ suiteRun, culprits });

  /** Builds one prefix of the stack and runs these tests on it. */
  async function probe({ order: { settings, release } }: Place, point: number, wanted: string[]) {
    const source = sources[point - 1];
    if (source === undefined) throw new Error(`the stack has no prefix ${point}`);
    const built = await buildSource({ ...source, settings, release });
    if (built.kind === 'broken') return 'unbuildable' as const;
    const arm = armOf(point);
    const keys = wanted.map((index) => tests[Number(index)]).filter((key) => key !== undefined);
    await desk.addSuiteArm({ suiteRun, arm, build: built.build });
    const { batches } = await desk.planArmProbe({ suiteRun, arm, tests: keys, runs: PROBE_RUNS });
    const problem = batches === 0 ? undefined : await runBatches(place, 'culprit', batches);
    // A prefix on which nothing can be run is as good as one that does not build.
    if (problem !== undefined) return 'unbuildable' as const;
    const read = await desk.readArmProbe({ suiteRun, arm, tests: keys });
    return Object.fromEntries(wanted.map((index, i) => [index, read[i] ?? 'missing']));
  }
}

const armOf = (point: number) => `prefix-${point}`;
