import type { Limits, WorkItem } from '../runner/protocol.ts';

export type Rerun = {
  unit: string;
  test: string;
  selector: string;
  representative: boolean;
  /** Runs still needed on each arm. */
  candidate: number;
  base: number;
  alone: boolean;
  limits: Limits;
};

/** Warm runs of one batch: so many that starting two processes does not matter, so few that slots stay busy. */
const WARM_BATCH_RUNS = 80;

/**
 * Batches of reruns with the arms interleaved, so that whatever changes on the machine meanwhile meets both alike.
 * A representative has a batch and a new process a run; the other failures of one unit go through a new process a
 * round together; tests that need many runs get one warm process an arm.
 */
export function planReruns(reruns: readonly Rerun[]): WorkItem[][] {
  const batches: WorkItem[][] = [];
  const shared = new Map<string, Rerun[]>();
  for (const rerun of reruns) {
    if (rerun.alone && rerun.representative) batches.push(interleave([rerun]));
    else if (rerun.alone) shared.set(rerun.unit, [...(shared.get(rerun.unit) ?? []), rerun]);
    else batches.push(...inParts(interleave([rerun])));
  }
  for (const group of shared.values()) batches.push(interleave(group));
  return batches.map((items) => items.map((item, index) => ({ ...item, item: index })));
}

function interleave(group: readonly Rerun[]): WorkItem[] {
  const items: WorkItem[] = [];
  const rounds = Math.max(...group.map(({ candidate, base }) => Math.max(candidate, base)));
  for (let round = 0; round < rounds; round += 1) {
    // Who goes first changes: the second may profit from what the first has warmed up.
    for (const arm of round % 2 === 0 ? (['candidate', 'base'] as const) : (['base', 'candidate'] as const)) {
      const due = group.filter((rerun) => round < rerun[arm]);
      items.push(...due.map((rerun, index) => itemOf(rerun, arm, rerun.alone && index === 0)));
    }
  }
  return items;
}

/** Runs of one test on one further arm, wholly alone. */
export function planProbe(
  tests: readonly Omit<Rerun, 'candidate' | 'base' | 'alone'>[],
  arm: string,
  runs: number,
): WorkItem[][] {
  return tests.map((test) => Array.from({ length: runs }, (_, item) => ({ ...itemOf(test, arm, true), item })));
}

function itemOf(rerun: Pick<Rerun, 'unit' | 'test' | 'selector' | 'limits'>, arm: string, fresh: boolean): WorkItem {
  const { unit, test, selector, limits } = rerun;
  return { item: 0, unit, arm, selector, test, limits, ...(fresh ? { fresh: true } : {}) };
}

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
