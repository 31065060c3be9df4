import { ActivityFailure, CancellationScope, executeChild, proxyActivities } from '@temporalio/workflow';
import type { BuildActivities } from '../activities/build.ts';
import { countedOf, logsOf } from '../decisions/repair-proof.ts';
import { NONE_TOUCHED } from '../decisions/touched-units.ts';
import { testName } from '../decisions/verdict-words.ts';
import type { ProofOrder, ProofOutcome } from './proof-types.ts';
import { suite } from './suite.ts';
import { desk, endRunners, openPlace, runBatches, watchHosts } from './suite-hosts.ts';
import type { Build } from './types.ts';

const { buildSource } = proxyActivities<BuildActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '13 hours',
  heartbeatTimeout: '30 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 20 },
});

/**
 * Proves a change in a clean room that whoever made it never saw.
 *
 *   1. Build it by the fork's own pipeline, from a fresh checkout of its commit.
 *   2. Run the tests that failed, on what was held and with the change, in turns, each in a process of its own.
 *   3. Where it is the proof, run the whole suite with the change; what fails is judged against what was held.
 *
 * It counts and says nothing: what the counts mean is `decisions/repair-proof.ts`.
 */
export async function proof(order: ProofOrder): Promise<ProofOutcome> {
  const { fix, settings, release, held } = order;
  const built = await buildSource({ ...fix, settings, release });
  if (built.kind === 'broken')
    return { ...{ kind: 'does-not-build', reasons: built.reasons }, ...(built.log && { log: built.log }) };
  if (held === undefined) return { kind: 'ran', build: built.build, tests: [], logs: [] };
  // Where no test failed before there is only the whole to be run.
  const nothing = held.tests.length === 0 && order.named === undefined;
  const ran = nothing ? { tests: [], logs: [] } : await runTests(order, built.build);
  if ('reason' in ran) return { kind: 'not-run', reason: ran.reason };
  const whole = order.whole ? await runWhole(order, built.build) : undefined;
  return { kind: 'ran', build: built.build, ...ran, ...(whole && { whole }) };
}

type Ran = Pick<Extract<ProofOutcome, { kind: 'ran' }>, 'tests' | 'logs'>;

async function runTests(order: ProofOrder, candidate: Build): Promise<Ran | { reason: string }> {
  const { proof: suiteRun, release, fork, settings, held, before, after, named } = order;
  if (held === undefined) return { tests: [], logs: [] };
  const { suiteRun: of } = held;
  const run = { suiteRun, release, candidateNumber: 0, fork, suite: held.suite, settings };
  const suiteOrder = { ...run, candidate, base: held.build, patches: [], sources: [] };
  const plan = { order: suiteOrder, of, tests: held.tests, before, after, ...(named !== undefined && { named }) };
  const { hosts, tests = held.tests, reason } = await desk.prepareProof(plan);
  if (reason !== undefined) return { reason };
  const place = openPlace(suiteOrder, { hosts, served: [], at: 'culprits' });
  const watch = watchHosts(place);
  try {
    const problem = await runBatches(place, 'culprit');
    if (problem !== undefined) return { reason: problem };
    return await desk.readProof({ suiteRun, tests, ...(named !== undefined && { named: true }) });
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return { reason: error.cause?.message ?? error.message };
  } finally {
    watch.cancel();
    await CancellationScope.nonCancellable(() => endRunners(place));
  }
}

async function runWhole(
  { proof: name, release, fork, settings, held, touched, limitedTo }: ProofOrder,
  candidate: Build,
) {
  if (held === undefined) return undefined;
  const suiteRun = `${name}/whole`;
  const run = { suiteRun, release, candidateNumber: 0, fork, suite: held.suite, settings };
  const some = { ...(touched && { touched }), ...(limitedTo !== undefined && { limitedTo }) };
  const outcome = await executeChild(suite, {
    workflowId: `suite:${suiteRun}`,
    args: [{ ...run, candidate, base: held.build, patches: [], sources: [], ...some }],
  });
  const units = limitedTo === undefined ? {} : { units: outcome.units };
  if (limitedTo !== undefined && outcome.problem === NONE_TOUCHED)
    return { suiteRun, ...countedOf(outcome), broke: [], units: 0 };
  const broke = outcome.holding.map(testName);
  const logs = logsOf(outcome.holding);
  if (outcome.problem !== undefined) broke.push(outcome.problem);
  return { suiteRun, ...countedOf(outcome), broke, ...(logs.length > 0 && { logs }), ...units };
}
