import { boundSeconds, nextBatchSize } from '../../decisions/batch-plan.ts';
import { estimateUnits, type PlannedUnit, splitLimit, splitUnit, type UnitPast } from '../../decisions/unit-plan.ts';
import type { Class } from './durations.ts';

/** One suite on some slots, in simulated time, with the product's own decisions. */
export type Trial = {
  classes: readonly Class[];
  slots: number;
  jvmStartSeconds: number;
  /** What a batch costs beside its units. */
  handOverSeconds: number;
  sigma: number;
  seed: number;
};

export type Makespans = { bound: number; plan: number; staticLpt: number; roundRobin: number; units: number };

export function simulate(trial: Trial): Makespans {
  const { classes, slots, jvmStartSeconds } = trial;
  const guesses = guess(trial);
  const total = classes.reduce((sum, { seconds }) => sum + seconds, 0);
  const longest = Math.max(...classes.flatMap(({ methods }) => methods.map(({ seconds }) => seconds)));
  const units = planOf(classes, guesses, slots);
  return {
    // Every slot starts a JVM before anything else can happen: in the bound as in the makespans.
    bound: jvmStartSeconds + boundSeconds(total, longest, slots),
    plan: jvmStartSeconds + serve(units, actualOf(classes), trial),
    staticLpt: jvmStartSeconds + assign(longestFirst(classes, guesses), slots, leastLoaded),
    roundRobin:
      jvmStartSeconds +
      assign(
        classes.map((one) => [one.seconds, 0]),
        slots,
        (_, index) => index % slots,
      ),
    units: units.length,
  };
}

type Guesses = { past: Map<string, UnitPast>; seconds: Map<string, number> };

/** What history would say: every duration off by a log-normal factor of its own, right in the mean. */
function guess({ classes, sigma, seed }: Trial): Guesses {
  const next = normal(seed);
  const off = (seconds: number) => seconds * Math.exp(sigma * next() - (sigma * sigma) / 2);
  const seconds = new Map<string, number>();
  const past = new Map<string, UnitPast>();
  for (const { unit, overhead, methods } of classes) {
    for (const method of methods) seconds.set(method.id, off(method.seconds));
    const overheadSeconds = off(overhead);
    const sum = methods.reduce((all, { id }) => all + (seconds.get(id) ?? 0), 0);
    past.set(unit, { overheadSeconds, seconds: overheadSeconds + sum });
  }
  return { past, seconds };
}

function planOf(classes: readonly Class[], { past, seconds }: Guesses, slots: number): PlannedUnit[] {
  const names = classes.map(({ unit }) => unit);
  const estimates = estimateUnits(names, past);
  const limit = splitLimit(
    [...estimates.values()].reduce((sum, one) => sum + one, 0),
    slots,
  );
  return classes
    .flatMap(({ unit, methods }) => {
      const estimate = estimates.get(unit) ?? 1;
      if (estimate <= limit) return [{ unit, selector: `c:${unit}`, estimate }];
      return splitUnit({ unit, methods: methods.map(({ id }) => id), past: past.get(unit), estimate, seconds, limit });
    })
    .sort((a, b) => b.estimate - a.estimate || (a.unit < b.unit ? -1 : 1));
}

/** What a planned unit really takes: the methods it selects, and its class's overhead. */
function actualOf(classes: readonly Class[]): (unit: PlannedUnit) => number {
  const known = new Map(classes.map((one) => [one.unit, one]));
  return ({ selector }) => {
    const [name = '', ...methods] = selector.slice(2).split(';');
    const found = known.get(name);
    if (!found) throw new Error(`the plan has a class that is not in the data: ${name}`);
    const named = new Set(methods.map((method) => `${name}#${method}`));
    const runs = (id: string) => (selector.startsWith('s:') ? named.has(id) : !named.has(id));
    return found.methods.reduce((sum, { id, seconds }) => sum + (runs(id) ? seconds : 0), found.overhead);
  };
}

/** Slots take batch after batch from the queue's head, as `claimBatch` cuts them. */
function serve(units: PlannedUnit[], actual: (unit: PlannedUnit) => number, trial: Trial): number {
  const free = new Array<number>(trial.slots).fill(0);
  let at = 0;
  let remainingSeconds = units.reduce((sum, { estimate }) => sum + estimate, 0);
  while (at < units.length) {
    const estimates = units.slice(at, at + 500).map(({ estimate }) => estimate);
    const batch = units.slice(at, at + nextBatchSize({ estimates, remainingSeconds, slots: trial.slots }));
    const slot = leastLoaded(free);
    free[slot] = (free[slot] ?? 0) + trial.handOverSeconds + batch.reduce((sum, unit) => sum + actual(unit), 0);
    remainingSeconds -= batch.reduce((sum, { estimate }) => sum + estimate, 0);
    at += batch.length;
  }
  return Math.max(...free);
}

type Job = [actual: number, estimate: number];

function longestFirst(classes: readonly Class[], { past }: Guesses): Job[] {
  return classes.map((one): Job => [one.seconds, past.get(one.unit)?.seconds ?? 1]).sort(([, a], [, b]) => b - a);
}

/** Whole classes, handed out beforehand. */
function assign(jobs: readonly Job[], slots: number, choose: (load: number[], index: number) => number): number {
  const load = new Array<number>(slots).fill(0);
  const actual = new Array<number>(slots).fill(0);
  jobs.forEach(([seconds, estimate], index) => {
    const slot = choose(load, index);
    load[slot] = (load[slot] ?? 0) + estimate;
    actual[slot] = (actual[slot] ?? 0) + seconds;
  });
  return Math.max(...actual);
}

function leastLoaded(load: readonly number[]): number {
  return load.indexOf(Math.min(...load));
}

/** Normal deviates, the same for the same seed (mulberry32, Box–Muller). */
function normal(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
