import { randomUUID } from 'node:crypto';
import { suiteSettings } from '../../activities/suite-runner/deps.ts';
import type { BatchOrder, BatchReport } from '../../activities/suite-runner/run-batch.ts';
import { createSuiteRunnerActivities, queueOf, type SuiteRunnerDeps } from '../../activities/suite-runner.ts';
import type { SlotEvent } from '../../runner/protocol.ts';
import type { Db } from '../../store/database.ts';
import { batchEnd, type ClaimedBatch, claimBatch, phaseCounts } from '../../store/suite-batches.ts';
import { unitHistory } from '../../store/suite-history.ts';
import { recordEvents } from '../../store/suite-results.ts';
import { savePlan, suiteRunHead } from '../../store/suites.ts';

export type NoOpSuiteDeps = Pick<SuiteRunnerDeps, 'dataDir' | 'hostId' | 'slots' | 'settings'> & {
  db: Db;
  batches: Record<string, number>;
};

/** The real activities, but for planning without jars and batches without a runner: a unit a batch, a test a unit. */
export function createNoOpSuiteActivities(deps: NoOpSuiteDeps): object {
  const { db, slots, hostId } = deps;
  const real = createSuiteRunnerActivities({
    ...deps,
    redact: (text: string) => text,
    environment: () => ({}),
    cacheDir: deps.dataDir,
    artifacts: notHere,
    libraryJars: notHere,
    checkout: notHere,
    testUsers: notHere,
  } as unknown as SuiteRunnerDeps);
  const { prepareSuite: _prepare, runBatch: _run, ...rest } = real;
  const activities: typeof real = {
    ...rest,
    async prepareSuite({ suiteRun, release, candidateNumber, fork, suite, settings }) {
      await unitHistory(db, fork);
      const units = Array.from({ length: deps.batches[suite] ?? 1 }, (_, i) => {
        const unit = `Unit${String(i).padStart(5, '0')}`;
        return { unit, selector: unit, estimate: 1 };
      });
      await savePlan(db, { suiteRun, release, candidateNumber, fork, suite, settings, slots, arms: {} }, units);
      const hosts = [{ host: hostId, queue: queueOf(hostId), slots }];
      return { kind: 'planned', hosts, units: units.length };
    },
    runBatch: (order) => runBatch(deps, order),
  };
  return activities;
}

function notHere(): never {
  throw new Error('a release in which nothing is done needs no artifact');
}

async function runBatch({ db, hostId, settings }: NoOpSuiteDeps, order: BatchOrder): Promise<BatchReport> {
  const { suiteRun, slot, phase } = order;
  const run = await suiteRunHead(db, suiteRun);
  const { limits } = suiteSettings(await settings(run.settings), run.fork, run.suite);
  const claimant = { suiteRun, phase, number: slot, host: hostId, lease: randomUUID() };
  const claimed = await claimBatch(db, claimant, { limits, sizeOf: ({ estimates }) => Math.min(1, estimates.length) });
  if (!claimed) return { ran: 0, ...(await phaseCounts(db, suiteRun, phase)) };
  const from = claimed.offset;
  const events = claimed.items.flatMap(({ unit, item }) => eventsOf(claimed, unit, item));
  await recordEvents(db, { suiteRun, slot: claimed.slot, from, to: from + 1, events: [...events, endOf(claimed)] });
  await batchEnd(db, claimed.batch);
  return { ran: claimed.items.length, ...(await phaseCounts(db, suiteRun, phase)) };
}

function eventsOf({ batch, lease }: ClaimedBatch, unit: string, item: number): SlotEvent[] {
  const exec = `${batch}/${item}`;
  const at = new Date().toISOString();
  return [
    { type: 'unit', at, exec, batch, lease, item, unit, arm: 'candidate' },
    { type: 'test', exec, seq: 1, test: 'passes()', uniqueId: '"passes"', status: 'passed', seconds: 0 },
    { type: 'end', at, exec, batch, lease, item, seconds: 0, ended: 'completed', complete: true },
  ];
}

function endOf({ batch, lease }: ClaimedBatch): SlotEvent {
  return { type: 'batch-end', at: new Date().toISOString(), batch, lease };
}
