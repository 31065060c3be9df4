import { CancellationScope, setHandler } from '@temporalio/workflow';
import type { SuiteOrder } from '../activities/suite-runner.ts';
import { findCulprits } from './suite-culprits.ts';
import { desk, endRunners, openPlace, type Place, runBatches, type SuiteCarry, watchHosts } from './suite-hosts.ts';
import { judge } from './suite-judging.ts';
import { type SuiteState, suiteStateQuery } from './suite-messages.ts';
import type { SuiteOutcome } from './types.ts';

export type { SuiteOrder } from '../activities/suite-runner.ts';

/**
 * Runs one suite on one candidate.
 *
 *   1. Plan: the units, longest first by history. What cannot be planned ends the suite here.
 *   2. Run: every slot of every host takes batch after batch until none is left. A triage has its
 *      failures from elsewhere.
 *   3. Judge each failure by controlled reruns on candidate and base, in rounds, until it has a verdict.
 *   4. For what the patches broke, find the patch.
 *   5. Count what ran, from the records; end the runners, however it went.
 *
 * `carried`: where a history that had grown too long has left it.
 */
export async function suite(order: SuiteOrder, carried?: SuiteCarry): Promise<SuiteOutcome> {
  const { suiteRun, suite: name } = order;
  const begun = carried ?? (await plan(order));
  if ('problem' in begun) return desk.finishSuite({ suiteRun, suite: name, problem: begun.problem });

  const { triage, touched } = order;
  const ending = { suiteRun, suite: name, ...(triage !== undefined && { triage }), ...(touched && { touched }) };
  const place = openPlace(order, begun);
  setHandler(suiteStateQuery, () => stateOf(place));
  const watch = watchHosts(place);
  try {
    const problem = await runAndJudge(place);
    return await desk.finishSuite({ ...ending, ...(problem === undefined ? {} : { problem }) });
  } finally {
    if (!place.continued) {
      watch.cancel();
      await CancellationScope.nonCancellable(() => endRunners(place));
    }
  }
}

async function plan(order: SuiteOrder): Promise<SuiteCarry | { problem: string }> {
  const planned = await desk.prepareSuite(order);
  if (planned.kind === 'unplannable') return { problem: planned.reason };
  return { hosts: planned.hosts, served: [], at: order.triage === undefined ? 'suite' : 'judging' };
}

/** Steps 2 to 4, from where the state says. Says what stopped them. */
async function runAndJudge(place: Place): Promise<string | undefined> {
  const { state } = place;
  if (state.at === 'suite') {
    const problem = await runBatches(place, 'suite');
    if (problem !== undefined) return problem;
    state.at = 'judging';
  }
  if (state.at === 'judging') {
    const problem = await judge(place);
    if (problem !== undefined) return problem;
    state.at = 'culprits';
  }
  const problem = await findCulprits(place);
  await place.desk.writeDifferences({ suiteRun: place.order.suiteRun });
  return problem;
}

function stateOf({ state: { at, hosts }, told }: Place): SuiteState {
  return { at, hosts: hosts.map(({ host, slots }) => ({ host, slots })), ...told };
}
