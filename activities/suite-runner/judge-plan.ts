import type { MoreRuns, ReplayScope } from '../../decisions/failure-verdict.ts';
import type { Nearer, SlotStep } from '../../decisions/replay-plan.ts';
import { planOnce, planReplays, planReruns } from '../../decisions/rerun-plan.ts';
import type { WorkItem } from '../../runner/protocol.ts';
import { queueBatches } from '../../store/suite-batches.ts';
import type { OpenFailure } from '../../store/suite-failures.ts';
import { JUDGE_PHASES, type JudgePhase, type SuiteDb, type SuitePhase } from '../../store/suites.ts';
import type { SuiteRunnerDeps } from './deps.ts';
import { type Case, itemOf, keyOf } from './judge-case.ts';
import { stretchFor } from './judge-stretch.ts';

/** Runs that a failure needs next. `both`: on both arms; elsewhere the others run on the candidate alone. */
export type Due = { phase: JudgePhase; failure: OpenFailure; more?: MoreRuns; both?: boolean };

/** Puts what is due into the queue; the phases in which something waits now. Safe to repeat. */
export async function planDue(deps: SuiteRunnerDeps, it: Case, due: readonly Due[]) {
  const suiteRun = it.run.suite_run;
  const of = (phase: JudgePhase) => due.filter((one) => one.phase === phase);
  await queue(deps.db, suiteRun, 'first', planEach(it, of('first')));
  await queue(deps.db, suiteRun, 'elsewhere', planEach(it, of('elsewhere')), (unit) => it.ran.get(unit)?.host);
  await queue(deps.db, suiteRun, 'rerun', planReruns(of('rerun').flatMap((one) => rerunsOf(it, one))));
  await queue(deps.db, suiteRun, 'replay', await planReplaysOf(deps, it, of('replay')));
  return waitingPhases(deps.db, suiteRun);
}

function planEach(it: Case, due: readonly Due[]): WorkItem[][] {
  return due.flatMap(({ failure, both, phase }) =>
    planOnce([itemOf(it, failure)], both || phase === 'first' ? ['candidate', failure.base_arm] : ['candidate']),
  );
}

function rerunsOf(it: Case, { failure, more }: Due) {
  if (!more) return [];
  const { candidate, base, how } = more;
  const representative = [...it.chosen].some((one) => keyOf(one) === keyOf(failure));
  return [
    { ...itemOf(it, failure), representative, candidate, base, baseArm: failure.base_arm, alone: how === 'alone' },
  ];
}

/**
 * One replay serves every failure of its slot that lies in it: the longest stretches first. What comes first in its
 * process runs alone there; the others run in the order of a batch.
 */
async function planReplaysOf(deps: SuiteRunnerDeps, it: Case, due: readonly Due[]): Promise<WorkItem[][]> {
  const wanted = await Promise.all(
    due
      .flatMap(({ failure, more }) => (more ? [{ failure, more }] : []))
      .map(async ({ failure, more }) => ({
        ...{ failure, more },
        stretch: await stretchFor(deps, it, failure, isReplay(more.how) ? more.how : 'batch'),
      })),
  );
  const batches = nearerReplays(it, wanted);
  const covered = new Map<string, { candidate: number; base: number }>();
  const keyIn = (stretch: readonly SlotStep[], at: number) => `${at > 0} ${stretch[at]?.unit}`;
  const whole = wanted.filter(({ more }) => !isNearer(more.how));
  for (const { failure, more, stretch } of whole.sort((a, b) => b.stretch.length - a.stretch.length)) {
    const done = covered.get(keyIn(stretch, stretch.length - 1)) ?? { candidate: 0, base: 0 };
    const runs = { candidate: Math.max(0, more.candidate - done.candidate), base: Math.max(0, more.base - done.base) };
    if (runs.candidate + runs.base === 0) continue;
    batches.push(
      ...planReplays(stretch, { candidate: runs.candidate, [failure.base_arm]: runs.base }, it.suite.limits),
    );
    for (const at of stretch.keys()) {
      const before = covered.get(keyIn(stretch, at)) ?? { candidate: 0, base: 0 };
      covered.set(keyIn(stretch, at), {
        candidate: before.candidate + runs.candidate,
        base: before.base + runs.base,
      });
    }
  }
  return batches;
}

/** A part of an order is run for the tests of its last unit alone, once for all of them. */
function nearerReplays(it: Case, wanted: readonly Wanted[]): WorkItem[][] {
  const due = new Map<string, Wanted>();
  for (const one of wanted) {
    const { more, failure, stretch } = one;
    if (!isNearer(more.how)) continue;
    const key = `${failure.base_arm} ${more.how} ${stretch.at(-1)?.unit}`;
    const before = due.get(key)?.more ?? { candidate: 0, base: 0 };
    const runs = {
      candidate: Math.max(before.candidate, more.candidate),
      base: Math.max(before.base, more.base),
    };
    due.set(key, { ...one, more: { ...more, ...runs } });
  }
  return [...due.values()].flatMap(({ failure, more, stretch }) =>
    planReplays(stretch, { candidate: more.candidate, [failure.base_arm]: more.base }, it.suite.limits, more.how),
  );
}

type Wanted = { failure: OpenFailure; more: MoreRuns; stretch: SlotStep[] };

const isNearer = (how: MoreRuns['how']): how is Nearer => how.includes('/');
const isReplay = (how: MoreRuns['how']): how is ReplayScope | Nearer => how !== 'alone' && how !== 'warm';

/** How many batches wait or run, phase by phase. */
export type Waiting = Partial<Record<JudgePhase, number>>;

/** The phases of judging in which batches wait or run. */
export async function waitingPhases(
  db: SuiteDb,
  suiteRun: string,
): Promise<{ phases: JudgePhase[]; batches: Waiting }> {
  const rows = await db
    .selectFrom('suite_batch')
    .select(({ fn }) => ['phase', fn.countAll<number>().as('batches')])
    .where('suite_run', '=', suiteRun)
    .where('finished_at', 'is', null)
    .groupBy('phase')
    .execute();
  const counts = new Map(rows.map(({ phase, batches }) => [phase, Number(batches)]));
  const phases = JUDGE_PHASES.filter((phase) => counts.has(phase));
  return { phases, batches: Object.fromEntries(phases.map((phase) => [phase, counts.get(phase)])) };
}

/** Two attempts of one activity: the first one's plan stands. `avoid`: the host that a unit is not to run on. */
export async function queue(
  db: SuiteDb,
  suiteRun: string,
  phase: SuitePhase,
  batches: WorkItem[][],
  avoid: (unit: string) => string | undefined = () => undefined,
): Promise<void> {
  if (batches.length === 0) return;
  await db.transaction().execute(async (tx) => {
    await tx
      .selectFrom('suite_run')
      .select('suite_run')
      .where('suite_run', '=', suiteRun)
      .forNoKeyUpdate()
      .executeTakeFirstOrThrow();
    const open = tx
      .selectFrom('suite_batch')
      .select(['batch', 'items'])
      .where('suite_run', '=', suiteRun)
      .where('phase', '=', phase)
      .where('finished_at', 'is', null);
    if ((await open.limit(1).execute()).length > 0) return;
    await queueBatches(tx, suiteRun, phase, batches);
    for (const { batch, items } of await open.execute()) {
      const host = avoid(items[0]?.unit ?? '');
      if (host) await tx.updateTable('suite_batch').set({ avoid_host: host }).where('batch', '=', batch).execute();
    }
  });
}
