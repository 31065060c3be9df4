/** What is killed. `supervisor` is started again as a person would; a `broker` is brought back by `env up`. */
export type TargetKind =
  | 'worker workflow'
  | 'worker activity'
  | 'worker suite'
  | 'Temporal'
  | 'PostgreSQL'
  | 'supervisor'
  | 'broker';

/** `afterMs` after the kill before it; `pick` in [0, 1) chooses among several (which broker). */
export type PlannedKill = { target: TargetKind; afterMs: number; pick: number };

export type PlanOptions = { kills: number; meanGapMs: number; brokers: boolean };

const WEIGHTS: Record<TargetKind, number> = {
  'worker workflow': 4,
  'worker activity': 6,
  'worker suite': 4,
  Temporal: 4,
  PostgreSQL: 4,
  supervisor: 2,
  broker: 3,
};

/**
 * The kills of a seed: the same seed, the same targets after the same pauses. Each kind comes once before any
 * comes twice where there are kills enough; after that by weight.
 */
export function planKills(seed: number, { kills, meanGapMs, brokers }: PlanOptions): PlannedKill[] {
  const random = randomFrom(seed);
  const kinds = (Object.keys(WEIGHTS) as TargetKind[]).filter((kind) => brokers || kind !== 'broker');
  const first = shuffled(kinds, random);
  return Array.from({ length: kills }, (_, index) => ({
    target: first[index] ?? weighted(kinds, random),
    // Exponential: many soon after one another, in the middle of a recovery, some alone. Bounded, to end in time.
    afterMs: Math.round(Math.min(-Math.log(1 - random()) * meanGapMs, 4 * meanGapMs)),
    pick: random(),
  }));
}

/** Numbers in [0, 1) that follow from the seed alone (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  return items.flatMap(() => left.splice(Math.floor(random() * left.length), 1));
}

function weighted(kinds: readonly TargetKind[], random: () => number): TargetKind {
  let at = random() * kinds.reduce((sum, kind) => sum + WEIGHTS[kind], 0);
  for (const kind of kinds) {
    at -= WEIGHTS[kind];
    if (at < 0) return kind;
  }
  return kinds[0] as TargetKind;
}
