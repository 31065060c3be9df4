import { proxyActivities } from '@temporalio/workflow';
import type { BuildActivities } from '../activities/build.ts';
import type { GitActivities } from '../activities/git.ts';
import type { SearchState, Wanted } from '../activities/suite-runner/culprit.ts';
import { NOT_SEARCHED } from '../decisions/base-stand-in.ts';
import { culpritOf, type Found, nextProbe, type PointRuns, type Search } from '../decisions/culprit.ts';
import { nextStack, type PairSearch, pairOf, type StackRuns, stackKey } from '../decisions/culprit-pair.ts';
import { type Place, runBatches } from './suite-hosts.ts';
import { judgeInRounds } from './suite-judging.ts';
import type { Source } from './types.ts';

const { buildSource } = proxyActivities<BuildActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '13 hours',
  heartbeatTimeout: '30 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 20 },
});

const { cutPart } = proxyActivities<GitActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '20 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds', maximumAttempts: 10 },
});

/** More tests than this are not searched for: their representatives are. */
const MAX_CULPRIT_TESTS = 24;
/** Stacks that are built and run for one suite run; the search itself ends far below. */
const MAX_STACKS = 200;

/**
 * For what the patches caused: which patch did (triage.md, *Culprit*). Says it in the store.
 *
 *   1. Prefixes of the stack, one after the other, until each test has its patch, a range, or no culprit.
 *   2. A test that the base lacks and a prefix passes has that prefix as its base: it is judged anew.
 *   3. The patch alone, then its prefix without one earlier patch after the other: is it a pair?
 *
 * Everything that was found out is read from the store each time: begun again it goes on.
 */
export async function findCulprits(place: Place): Promise<string | undefined> {
  const { suiteRun, sources, patches, standIn } = place.order;
  if (standIn) return sayNotSearched(place);
  if (sources.length === 0 || sources.length !== patches.length) return undefined;
  const searched = await searchPrefixes(place);
  if (searched === undefined) return undefined;
  const rebased = await judgeAgainstPrefixes(place, searched);
  if (rebased !== undefined) return rebased;
  const state = await place.desk.culpritState({ suiteRun, limit: MAX_CULPRIT_TESTS });
  await namePatches(place, state);
  return undefined;
}

/** A pass on what was released last clears neither a patch nor the base that came since. */
async function sayNotSearched({ desk, order: { suiteRun } }: Place): Promise<undefined> {
  const { tests } = await desk.culpritState({ suiteRun, limit: MAX_CULPRIT_TESTS });
  const culprits = tests.map(({ unit, test }) => ({ unit, test, commits: [], reason: NOT_SEARCHED }));
  if (culprits.length > 0) await desk.saveCulprits({ suiteRun, culprits });
}

/** The search as the store has it once no prefix needs to be asked any more; nothing where no test needs a culprit. */
async function searchPrefixes(place: Place): Promise<SearchState | undefined> {
  const { suiteRun, sources } = place.order;
  for (let stacks = 0; ; stacks += 1) {
    const state = await place.desk.culpritState({ suiteRun, limit: MAX_CULPRIT_TESTS });
    if (state.tests.length === 0) return undefined;
    const probe = nextProbe(searchOf(place, state));
    if (probe === undefined || stacks >= MAX_STACKS) return state;
    const source = sources[probe.point - 1];
    if (source === undefined) throw new Error(`the stack has no prefix ${probe.point}`);
    await ask(place, state, prefix(probe.point), () => Promise.resolve(source), probe.tests);
  }
}

function searchOf({ order: { patches } }: Place, { tests, arms }: SearchState): Search {
  const points: Record<number, Record<string, PointRuns> | 'unbuildable'> = {};
  for (let point = 1; point < patches.length; point += 1) {
    const known = arms[prefix(point)];
    if (known !== undefined) points[point] = known === 'conflict' ? 'unbuildable' : known;
  }
  return { patches: patches.length, tests, points };
}

/** A prefix that has the test and passes it is what the candidate is compared with (triage.md, step 5). */
async function judgeAgainstPrefixes(place: Place, state: SearchState): Promise<string | undefined> {
  const search = searchOf(place, state);
  const { suiteRun } = place.order;
  let any = false;
  for (const test of state.tests) {
    const found = culpritOf(search, test);
    if (test.kind !== 'untestable' || found.kind !== 'patch' || found.brought || found.patch === 1) continue;
    const arm = prefix(found.patch - 1);
    if (test.baseArm === arm) continue;
    await place.desk.judgeAgainst({ suiteRun, arm, tests: [{ unit: test.unit, test: test.test }] });
    any = true;
  }
  return any ? judgeInRounds(place) : undefined;
}

/** Whether each patch did it alone, and then its name in the store. */
async function namePatches(place: Place, begun: SearchState): Promise<void> {
  const { suiteRun, patches } = place.order;
  const founds = new Map(begun.tests.map((test) => [test.name, culpritOf(searchOf(place, begun), test)]));
  let state = begun;
  for (let stacks = 0; stacks < MAX_STACKS; stacks += 1) {
    const wanted = state.tests.flatMap((test) => {
      const next = nextStack(pairSearch(state, test, founds.get(test.name)));
      return next ? [{ name: test.name, ...next }] : [];
    });
    const [first] = wanted;
    if (!first) break;
    const key = stackKey(first.patches);
    const asking = wanted.filter((one) => stackKey(one.patches) === key);
    await ask(place, state, part(key), () => cut(place, first.patches), asking);
    state = await place.desk.culpritState({ suiteRun, limit: MAX_CULPRIT_TESTS });
  }
  const culprits = state.tests.map((test) => {
    const found = founds.get(test.name);
    const { commits, reason } = named(found, pairSearch(state, test, found));
    return {
      unit: test.unit,
      test: test.test,
      commits: commits.flatMap((at) => patches[at - 1]?.commit ?? []),
      reason,
    };
  });
  await place.desk.saveCulprits({ suiteRun, culprits });
}

function named(found: Found | undefined, search: PairSearch): { commits: number[]; reason: string } {
  if (found === undefined || found.kind === 'none') {
    return { commits: [], reason: 'no patch stands out: it fails as often on prefixes of the stack without it' };
  }
  if (found.kind === 'range') {
    const commits = Array.from({ length: found.to - found.from + 1 }, (_, i) => found.from + i);
    return { commits, reason: 'one of these: what is between does not build, or the runs do not tell them apart' };
  }
  if (found.brought) return { commits: [found.patch], reason: 'it brings this test, which fails there at once' };
  const { patches, reason } = pairOf(search);
  return { commits: patches, reason };
}

/** A patch that brings its own failing test needs no partner. */
function pairSearch({ arms }: SearchState, test: Wanted, found: Found | undefined): PairSearch {
  const stacks: Record<string, StackRuns> = {};
  for (const [arm, answer] of Object.entries(arms)) {
    if (!arm.startsWith(part(''))) continue;
    const runs = typeof answer === 'string' ? answer : answer[test.name];
    if (runs !== undefined) stacks[arm.slice(part('').length)] = runs;
  }
  const alone = found?.kind !== 'patch' || found.brought;
  return { patch: alone ? 1 : found.patch, test, stacks };
}

async function cut({ order }: Place, positions: readonly number[]): Promise<Source | { conflict: string }> {
  const { suiteRun, fork, settings, base, patches } = order;
  const key = `${suiteRun}/${stackKey(positions)}`;
  const chosen = positions.flatMap((at) => patches[at - 1] ?? []).map(({ commit, subject }) => ({ commit, subject }));
  const found = await cutPart({ fork, settings, key, base: base.commit, patches: chosen });
  return found.kind === 'cut' ? found.source : { conflict: found.reasons.join('; ') };
}

type Asked = readonly { name: string; runs: number }[];

/** Builds one more stack and runs these tests on it, so often more; what it says is in the store afterwards. */
async function ask(
  place: Place,
  { tests, arms }: SearchState,
  arm: string,
  sourceOf: () => Promise<Source | { conflict: string }>,
  asked: Asked,
): Promise<void> {
  const { suiteRun, settings, release } = place.order;
  const mark = (answer: 'conflict' | 'unbuildable', reason: string) =>
    place.desk.markArm({ suiteRun, arm, answer, reason });
  const source = await sourceOf();
  if ('conflict' in source) return mark('conflict', source.conflict);
  const built = await buildSource({ ...source, settings, release });
  if (built.kind === 'broken') return mark('unbuildable', built.reasons.join('; '));
  await place.desk.addSuiteArm({ suiteRun, arm, build: built.build });
  const known = arms[arm];
  const upTo = asked.flatMap(({ name, runs }) => {
    const test = tests.find((one) => one.name === name);
    const { pass, fail, missing } = (typeof known === 'object' && known[name]) || { pass: 0, fail: 0, missing: 0 };
    return test ? [{ unit: test.unit, test: test.test, runs: pass + fail + missing + runs }] : [];
  });
  // Histories that are older than the count have nothing here.
  const planned: { batches: number } | undefined = await place.desk.planArmProbe({ suiteRun, arm, tests: upTo });
  const problem = await runBatches(place, 'culprit', planned?.batches);
  // A stack on which nothing can be run is as good as one that does not build.
  if (problem !== undefined) await mark('unbuildable', problem);
}

const prefix = (point: number) => `prefix-${point}`;
const part = (key: string) => `part-${key}`;
