import { randomUUID } from 'node:crypto';
import type { SuiteRunnerDeps } from '../../activities/suite-runner/deps.ts';
import { type JudgeOrder, judgeFailures } from '../../activities/suite-runner/judge.ts';
import { createSuiteRunnerActivities } from '../../activities/suite-runner.ts';
import { settingsSchema } from '../../config/schema.ts';
import type { EndKind, WorkItem } from '../../runner/protocol.ts';
import { claimBatch } from '../../store/suite-batches.ts';
import { suiteVerdicts } from '../../store/suite-report.ts';
import { type RecordedEvent, recordEvents, recordedOffset } from '../../store/suite-results.ts';
import { type SuiteDb, type SuitePhase, savePlan } from '../../store/suites.ts';
import type { Verdict } from '../../workflows/types.ts';
import { GENEROUS } from './slot-world.ts';

/** How one test ends. Without an answer it is not there. */
export type Answer = { status: 'passed' | 'failed'; message?: string; ended?: EndKind };
/** What every unit's tests do: `nth` counts the runs of this item on this arm in this phase. */
export type Truth = (run: {
  unit: string;
  test: string;
  arm: string;
  phase: SuitePhase;
  nth: number;
}) => Answer | undefined;

/** `suite`: more of its configuration. */
export type JudgingOptions = {
  reruns?: Record<string, number>;
  rerunSeconds?: number;
  batch?: number;
  suite?: Record<string, unknown>;
};

/**
 * Judging on the real store, with a runner whose tests end as the test says: claims and records are those that a
 * suite worker makes, only no process runs.
 */
export function judgingWorld(db: SuiteDb, units: Record<string, string[]>, options: JudgingOptions = {}) {
  const { reruns = {}, rerunSeconds, batch = 2, suite = {} } = options;
  const settings = settingsSchema.parse({
    forks: {
      sample: {
        repository: 'r',
        base: 'b',
        build: { command: ['c'], artifacts: [{ name: 'a', path: 'a' }] },
        suites: { unit: { runner: 'junit-xml', command: ['c'], reports: ['r'], reruns, ...suite } },
        release: { suites: ['unit'], ...(rerunSeconds === undefined ? {} : { rerunSeconds }) },
      },
    },
  });
  const never = () => {
    throw new Error('judging runs nothing by itself');
  };
  const deps: SuiteRunnerDeps = {
    db,
    dataDir: '/nowhere',
    cacheDir: '/nowhere',
    hostId: 'h1',
    slots: 1,
    sandboxOf: never,
    settings: async () => settings,
    artifacts: {
      path: never,
      has: () => false,
      put: never,
      fetch: never,
      read: never,
    } as unknown as SuiteRunnerDeps['artifacts'],
    libraryJars: never,
    checkout: never,
    testUsers: never,
    environment: () => ({}),
    redact: (text) => text,
  };
  const done: { phase: SuitePhase; items: WorkItem[] }[] = [];
  const counts = new Map<string, number>();

  async function perform(suiteRun: string, phase: SuitePhase, truth: Truth): Promise<void> {
    for (;;) {
      const claimant = { suiteRun, phase, host: 'h1', number: 0, lease: randomUUID(), takesAvoided: true };
      const claimed = await claimBatch(db, claimant, {
        limits: GENEROUS,
        sizeOf: ({ estimates }) => Math.min(batch, estimates.length),
      });
      if (!claimed) return;
      done.push({ phase, items: claimed.items });
      const events = claimed.items.flatMap((item) => eventsOf(claimed, item, phase, truth));
      events.push({ type: 'batch-end', at: new Date().toISOString(), batch: claimed.batch, lease: claimed.lease });
      const from = await recordedOffset(db, suiteRun, claimed.slot);
      await recordEvents(db, { suiteRun, slot: claimed.slot, from, to: from + 1, events });
    }
  }

  function eventsOf(
    claimed: { batch: string; lease: string },
    item: WorkItem,
    phase: SuitePhase,
    truth: Truth,
  ): RecordedEvent[] {
    const at = new Date(Date.now() + counts.size).toISOString();
    const exec = `r1.${String(counts.size).padStart(6, '0')}`;
    counts.set(exec, 1);
    const { unit, arm, test } = item;
    const under = { batch: claimed.batch, lease: claimed.lease };
    const key = `${phase} ${arm} ${unit} ${test}`;
    const nth = (counts.get(key) ?? 0) + 1;
    counts.set(key, nth);
    const wanted = test === undefined ? (units[unit] ?? []) : [test];
    const answers = wanted.flatMap((name) => {
      const answer = truth({ unit, test: name, arm, phase, nth });
      return answer ? [{ name, ...answer }] : [];
    });
    const ended =
      answers.find((answer) => answer.ended)?.ended ?? (answers.length === 0 ? 'nothing-executed' : 'completed');
    const results = answers.map(
      ({ name, status, message }, seq): RecordedEvent => ({
        ...{ type: 'test', exec, seq: seq + 1, test: name, uniqueId: JSON.stringify(name), status, seconds: 0.5 },
        ...(message === undefined ? {} : { message }),
      }),
    );
    return [
      { type: 'unit', at, exec, ...under, item: item.item, unit, arm, ...(test === undefined ? {} : { test }) },
      ...results,
      { type: 'end', at, exec, ...under, item: item.item, seconds: 1, ended, complete: ended === 'completed' },
    ];
  }

  return {
    deps,
    activities: createSuiteRunnerActivities(deps),
    done,
    perform,
    /** Runs the suite proper and judges to the end. How many runs each phase took, by arm. */
    async run(suiteRun: string, truth: Truth, order: Partial<JudgeOrder> = {}): Promise<Verdict[]> {
      const release = suiteRun.split('/')[0] ?? '';
      const plan = {
        suiteRun,
        release,
        candidateNumber: 1,
        fork: 'sample',
        suite: 'unit',
        settings: 's',
        slots: 1,
        arms: {},
      };
      await savePlan(
        db,
        plan,
        Object.keys(units).map((unit) => ({ unit, selector: unit, estimate: 1 })),
      );
      await perform(suiteRun, 'suite', truth);
      return this.judge(suiteRun, truth, order);
    },
    async judge(suiteRun: string, truth: Truth, order: Partial<JudgeOrder> = {}): Promise<Verdict[]> {
      for (let round = 0; round < 40; round += 1) {
        const { phases } = await judgeFailures(deps, { suiteRun, ...order });
        if (phases.length === 0) return suiteVerdicts(db, suiteRun);
        for (const phase of phases) await perform(suiteRun, phase, truth);
      }
      throw new Error('judging does not end');
    },
    runs: (phase: SuitePhase, arm: string) =>
      done
        .filter((one) => one.phase === phase)
        .flatMap(({ items }) => items)
        .filter((item) => item.arm === arm).length,
  };
}
