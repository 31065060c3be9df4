/**
 * What the queue of a suite holds. A unit is a class, and a part of one where the class is so long that the slots
 * could not end together: *longer than a quarter of total ÷ slots* (triage.md, *Running*: splitting only what is
 * longer than total ÷ slots left 16 to 20 % at 8 and 16 slots, a quarter 1 %).
 *
 * A class is divided by its methods, every invocation of a parameterised one together. Each named part takes the
 * methods that it names, the last part whatever else the class has: so they are complements by construction, and
 * what history does not know (a new method, a nested class, a dynamic test) runs once, in the last one.
 *
 * A class without a history cannot be divided: nothing says whether it is long. Its first run tells.
 */

/** What past runs say of a class. `overheadSeconds`: what it takes beside its methods, once a part (`@BeforeAll`). */
export type UnitPast = { seconds: number; overheadSeconds: number };

export type PlannedUnit = {
  unit: string;
  /** `c:CLASS`, `s:CLASS;METHOD…` only these, `x:CLASS;METHOD…` all but these; for a command the unit itself. */
  selector: string;
  /** Expected seconds. */
  estimate: number;
  /** The class that this is a part of. */
  partOf?: string;
};

/** Fewer of a kind say less than what all the units say together. */
const ENOUGH_OF_A_KIND = 3;
/** Of total ÷ slots; a longer class is divided. */
const SPLIT_SHARE = 4;
/** Parts that gather short methods are smaller than what is still left whole: they end the queue. */
const PART_SHARE = 8;
/** Below this a class stays whole: a hand-over and a class loaded again cost as much. */
const MIN_SPLIT_SECONDS = 1;

/**
 * Expected seconds of every unit. One that never ran is expected to take the mean of its kind: of its package, or of
 * the nearest package around that which has been seen often enough; of all units otherwise; a second where none ran.
 */
export function estimateUnits(units: readonly string[], past: ReadonlyMap<string, UnitPast>): Map<string, number> {
  const kinds = new Map<string, { seconds: number; count: number }>();
  for (const unit of units) {
    const known = past.get(unit);
    if (!known) continue;
    for (const kind of kindsOf(unit)) {
      const { seconds, count } = kinds.get(kind) ?? { seconds: 0, count: 0 };
      kinds.set(kind, { seconds: seconds + known.seconds, count: count + 1 });
    }
  }
  const unknown = (unit: string): number => {
    for (const kind of kindsOf(unit)) {
      const found = kinds.get(kind);
      if (found && (found.count >= ENOUGH_OF_A_KIND || kind === '')) return found.seconds / found.count;
    }
    return 1;
  };
  return new Map(units.map((unit) => [unit, past.get(unit)?.seconds ?? unknown(unit)]));
}

/** `a.b.CTest`: `a.b`, `a`, everything. Names of a command's units are cut in the same way (`:clients:test`). */
function kindsOf(unit: string): string[] {
  const kinds: string[] = [];
  for (let at = lastSeparator(unit); at > 0; at = lastSeparator(unit.slice(0, at))) kinds.push(unit.slice(0, at));
  return [...kinds, ''];
}

function lastSeparator(name: string): number {
  return Math.max(...['.', '/', ':'].map((separator) => name.lastIndexOf(separator)));
}

/** Seconds beyond which a class is divided. */
export function splitLimit(totalSeconds: number, slots: number): number {
  return Math.max(MIN_SPLIT_SECONDS, totalSeconds / slots / SPLIT_SHARE);
}

export type SplitOrder = {
  unit: string;
  /** `class#method(params)` of everything that is to run and can be told apart. */
  methods: readonly string[];
  /** The same for what the configuration leaves out. */
  excluded?: readonly string[];
  /** Only `methods`, instead of all but `excluded`. */
  only?: boolean;
  past: UnitPast | undefined;
  /** Expected seconds of the class where there is no past. */
  estimate: number;
  /** Expected seconds of methods that have a past. */
  seconds: ReadonlyMap<string, number>;
  /** See `splitLimit`. Without it the class stays whole. */
  limit?: number;
};

/** The parts of a class, or the class alone where it is not worth dividing. Every method is in exactly one of them. */
export function splitUnit(order: SplitOrder): PlannedUnit[] {
  const { unit, past, limit, only = false } = order;
  const nameable = only ? order.methods : order.methods.filter((method) => !method.includes(';'));
  const timed = timedMethods({ ...order, methods: nameable });
  const overhead = past?.overheadSeconds ?? 0;
  const work = timed.reduce((sum, { seconds }) => sum + seconds, 0);
  const whole = [wholeUnit(order, past ? overhead + work : order.estimate)];
  if (past === undefined || limit === undefined || overhead + work <= limit) return whole;
  // A part pays the overhead again: it must have as much to do.
  const bins = inBins(timed, Math.max((limit * SPLIT_SHARE) / PART_SHARE, overhead));
  if (bins.length < 2) return whole;
  const named = only ? bins : bins.slice(0, -1);
  const parts = named.map((bin, index) => ({
    unit: bin.methods.length === 1 ? (bin.methods[0] as string) : `${unit}#part-${index + 1}`,
    selector: selectorOf('s', unit, bin.methods),
    estimate: overhead + bin.seconds,
    partOf: unit,
  }));
  if (only) return parts;
  const without = [...named.flatMap(({ methods }) => methods), ...(order.excluded ?? [])];
  const rest = { unit: `${unit}#rest`, selector: selectorOf('x', unit, without), partOf: unit };
  return [...parts, { ...rest, estimate: overhead + (bins.at(-1)?.seconds ?? 0) }];
}

/** Longest first. One without a history is expected to take the mean of the others of its class. */
function timedMethods({ methods, seconds, past }: SplitOrder): { method: string; seconds: number }[] {
  const known = methods.flatMap((method) => seconds.get(method) ?? []);
  const sum = known.reduce((all, one) => all + one, 0);
  const spread = past ? Math.max(0, past.seconds - past.overheadSeconds) / Math.max(1, methods.length) : 0;
  const mean = known.length > 0 ? sum / known.length : spread;
  return methods
    .map((method) => ({ method, seconds: seconds.get(method) ?? mean }))
    .sort((a, b) => b.seconds - a.seconds || (a.method < b.method ? -1 : 1));
}

type Bin = { methods: string[]; seconds: number };

/** First fit, longest first; the last bin is the one with the least to do. */
function inBins(timed: readonly { method: string; seconds: number }[], capacity: number): Bin[] {
  const bins: Bin[] = [];
  for (const { method, seconds } of timed) {
    const bin = bins.find((one) => one.seconds + seconds <= capacity);
    if (bin) {
      bin.methods.push(method);
      bin.seconds += seconds;
    } else {
      bins.push({ methods: [method], seconds });
    }
  }
  return bins.sort((a, b) => b.seconds - a.seconds);
}

function wholeUnit({ unit, methods, excluded = [], only }: SplitOrder, estimate: number): PlannedUnit {
  if (only) return { unit, selector: selectorOf('s', unit, methods), estimate };
  return { unit, selector: excluded.length > 0 ? selectorOf('x', unit, excluded) : `c:${unit}`, estimate };
}

function selectorOf(kind: 's' | 'x', unit: string, methods: readonly string[]): string {
  const own = `${unit}#`;
  // Those of a nested class keep its name.
  const names = methods.map((method) => (method.startsWith(own) ? method.slice(own.length) : method));
  return `${kind}:${[unit, ...names].join(';')}`;
}
