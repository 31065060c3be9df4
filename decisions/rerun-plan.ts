import type { Limits, WorkItem } from '../runner/protocol.ts';

/** A test as it is run by itself. */
export type TestItem = { unit: string; test: string; selector: string; limits: Limits };

export type Rerun = TestItem & {
  representative: boolean;
  /** Runs still needed on each arm. */
  candidate: number;
  base: number;
  /** The arm that stands for the base. */
  baseArm: string;
  /** Each in a new process; otherwise warm, one process an arm. */
  alone: boolean;
};

/** Warm runs of one batch: so many that starting two processes does not matter, so few that slots stay busy. */
const WARM_BATCH_RUNS = 80;

/**
 * Batches of reruns with the arms interleaved, so that whatever changes on the machine meanwhile meets both alike.
 * A representative has a new process a run, and each pair of runs may go to another slot (a test that hangs takes its
 * limit each time); the other failures of one unit go through a new process a round together; tests that need many
 * runs get one warm process an arm. The first run on each arm keeps its log, whatever becomes of it.
 */
export function planReruns(reruns: readonly Rerun[]): WorkItem[][] {
  const batches: WorkItem[][] = [];
  const shared = new Map<string, Rerun[]>();
  for (const rerun of reruns) {
    const key = `${rerun.baseArm} ${rerun.unit}`;
    if (rerun.alone && rerun.representative) batches.push(...roundsOf([rerun]));
    else if (rerun.alone) shared.set(key, [...(shared.get(key) ?? []), rerun]);
    else batches.push(...inParts(roundsOf([rerun]).flat()));
  }
  for (const group of shared.values()) batches.push(roundsOf(group).flat());
  return batches.map(numbered);
}

function roundsOf(group: readonly Rerun[]): WorkItem[][] {
  const most = Math.max(...group.map(({ candidate, base }) => Math.max(candidate, base)));
  return Array.from({ length: most }, (_, round) => {
    // Who goes first changes: the second may profit from what the first has warmed up.
    const arms = round % 2 === 0 ? (['candidate', 'base'] as const) : (['base', 'candidate'] as const);
    return arms.flatMap((arm) => {
      const due = group.filter((rerun) => round < rerun[arm]);
      return due.map((rerun, index) => ({
        ...itemOf(rerun, arm === 'base' ? rerun.baseArm : arm, rerun.alone && index === 0),
        ...(round === 0 ? { keepLog: true } : {}),
      }));
    });
  }).filter((items) => items.length > 0);
}

/** Each test once on each of these arms, wholly alone: one batch a test. */
export function planOnce(tests: readonly TestItem[], arms: readonly string[]): WorkItem[][] {
  return tests.map((test) => numbered(arms.map((arm) => itemOf(test, arm, true))));
}

/** Runs of tests on one further arm: few are wholly alone, a batch each; many are warm. */
export function planProbe(tests: readonly (TestItem & { runs: number })[], arm: string): WorkItem[][] {
  return tests.flatMap((test) => {
    const fresh = test.runs <= 8;
    const items = Array.from({ length: test.runs }, (_, i) => itemOf(test, arm, fresh || i === 0));
    return (fresh ? items.map((item) => [item]) : inParts(items)).map(numbered);
  });
}

/** What a replay runs, in the order in which it ran before. */
export type ReplayUnit = { unit: string; selector: string };

/**
 * Replays of one stretch of a slot's work: on each arm a new process that then stays warm to the end. `nearer`: it is a
 * part of one, for its last unit alone.
 */
export function planReplays(
  units: readonly ReplayUnit[],
  runs: Readonly<Record<string, number>>,
  limits: Limits,
  nearer?: string,
): WorkItem[][] {
  const most = Math.max(0, ...Object.values(runs));
  const rounds = Array.from({ length: most }, (_, round) =>
    Object.keys(runs).filter((arm) => round < (runs[arm] ?? 0)),
  );
  return rounds.flatMap((arms) =>
    arms.map((arm) =>
      units.map(({ unit, selector }, item) => ({
        item,
        unit,
        arm,
        selector,
        limits,
        ...(item === 0 ? { fresh: true } : {}),
        ...(item === units.length - 1 ? { keepLog: true, ...(nearer === undefined ? {} : { nearer }) } : {}),
      })),
    ),
  );
}

function itemOf({ unit, test, selector, limits }: TestItem, arm: string, fresh: boolean): WorkItem {
  return { item: 0, unit, arm, selector, test, limits, ...(fresh ? { fresh: true } : {}) };
}

const numbered = (items: WorkItem[]): WorkItem[] => items.map((item, index) => ({ ...item, item: index }));

function inParts(items: WorkItem[]): WorkItem[][] {
  const parts: WorkItem[][] = [];
  for (let at = 0; at < items.length; at += WARM_BATCH_RUNS) parts.push(items.slice(at, at + WARM_BATCH_RUNS));
  return parts;
}

/** The larger of 30 s and five times what the test took where it passed or failed by itself (triage.md, step 2). */
export function rerunLimits(limits: Limits, seconds: number): Limits {
  const methodSeconds = Math.min(limits.methodSeconds, Math.max(30, 5 * seconds));
  return { ...limits, methodSeconds };
}
